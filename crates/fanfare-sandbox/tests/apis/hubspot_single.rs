//! Mock HubSpot: reading, changing and removing contacts that exist.

use fanfare_sandbox::mock::MockApi;
use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{UPSERT, batch, call, contact, post};

const CONTACTS: &str = "/crm/v3/objects/contacts";

/// A mock with one contact, and the id of that contact.
async fn with_ada() -> (MockApi, String, String) {
    let mock = MockApi::hubspot().await.unwrap();
    let written =
        post(mock.base_url() + UPSERT, batch(&[contact("k", "ada@example.com")])).await.json();
    let id = written["results"][0]["id"].as_str().unwrap().to_owned();
    let contacts = mock.base_url() + CONTACTS;
    (mock, contacts, id)
}

#[tokio::test]
async fn a_contact_is_archived_by_email_in_two_steps() {
    let (mock, contacts, id) = with_ada().await;
    let by_email = json!({
        "idProperty": "email",
        "properties": ["email"],
        "inputs": [{ "id": "Ada@example.com" }, { "id": "nobody@example.com" }],
    });
    let found = post(format!("{contacts}/batch/read"), by_email).await;
    assert_eq!(found.status, 207);
    let body = found.json();
    assert_eq!(body["results"][0]["id"], id.as_str());
    assert_eq!(body["errors"][0]["category"], "OBJECT_NOT_FOUND");
    assert_eq!(body["errors"][0]["context"]["ids"], json!(["nobody@example.com"]));

    let archive = format!("{contacts}/batch/archive");
    let gone = post(&archive, batch(&[json!({ "id": id })])).await;
    assert_eq!((gone.status.as_u16(), gone.text.as_str()), (204, ""));
    assert_eq!(mock.state()["contacts"], json!({}));
    let again = post(&archive, batch(&[json!({ "id": id })])).await;
    assert_eq!(again.status, 204, "archiving what is archived does no harm");
    assert_eq!(mock.effects().effects, 2, "the upsert and one archive");
}

#[tokio::test]
async fn archiving_does_not_take_emails() {
    let (mock, contacts, _) = with_ada().await;
    let by_email = format!("{contacts}/ada@example.com?idProperty=email");
    assert_eq!(call(Method::DELETE, &by_email, Value::Null).await.unwrap().status, 404);
    let inputs = batch(&[json!({ "id": "ada@example.com" })]);
    assert_eq!(post(format!("{contacts}/batch/archive"), inputs).await.status, 400);
    assert_eq!(mock.state()["contacts"].as_object().unwrap().len(), 1);
}

#[tokio::test]
async fn one_contact_is_read_changed_and_archived() {
    let (_mock, contacts, id) = with_ada().await;
    let by_email = format!("{contacts}/ada@example.com?idProperty=email");
    let read = call(Method::GET, &by_email, Value::Null).await.unwrap();
    assert_eq!((read.status.as_u16(), &read.json()["id"]), (200, &json!(id)));
    assert_eq!(read.json()["properties"]["firstname"], Value::Null, "not asked for");

    let change = json!({ "properties": { "firstname": "Augusta" } });
    let changed = call(Method::PATCH, &by_email, change.clone()).await.unwrap();
    assert_eq!(changed.json()["properties"]["firstname"], "Augusta");
    let nobody = format!("{contacts}/nobody@example.com?idProperty=email");
    assert_eq!(call(Method::PATCH, &nobody, change).await.unwrap().status, 404);

    let by_id = format!("{contacts}/{id}?properties=firstname");
    let read = call(Method::GET, &by_id, Value::Null).await.unwrap();
    assert_eq!(read.json()["properties"]["firstname"], "Augusta");
    assert_eq!(call(Method::DELETE, &by_id, Value::Null).await.unwrap().status, 204);
    assert_eq!(call(Method::GET, &by_id, Value::Null).await.unwrap().status, 404);
}

#[tokio::test]
async fn a_gdpr_deletion_keeps_the_address_out() {
    let (mock, contacts, _) = with_ada().await;
    let request = json!({ "objectId": "ada@example.com", "idProperty": "email" });
    assert_eq!(post(format!("{contacts}/gdpr-delete"), request).await.status, 204);
    let back = post(mock.base_url() + UPSERT, batch(&[contact("k", "ada@example.com")])).await;
    assert_eq!(back.status, 400);
    assert_eq!(mock.state()["contacts"], json!({}));
}

#[tokio::test]
async fn other_paths_are_hubspots_not_found() {
    let (_mock, contacts, _) = with_ada().await;
    let answer = post(format!("{contacts}/batch/unknown/path"), json!({})).await;
    assert_eq!(answer.status, 404);
    assert_eq!(answer.json()["category"], "OBJECT_NOT_FOUND");
}
