//! The log of requests and effects.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fanfare_sandbox::mock::{Api, Control, Fault, MockApi, Options, body_hash};
use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{DEADLINE, MAIL_SEND, UPSERT, batch, call, client, contact, mail, post};

#[tokio::test]
async fn a_request_is_in_the_log_with_all_that_tests_ask_about() {
    let mock = MockApi::hubspot().await.unwrap();
    let body = batch(&[contact("k1", "ada@example.com"), contact("k2", "bad")]);
    let before = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64() * 1000.0;
    post(mock.base_url() + UPSERT + "?x=1", body.clone()).await;

    let log = mock.log();
    let [request] = log.as_slice() else { panic!("one request, not {}", log.len()) };
    assert_eq!(request.seq, 1);
    assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", UPSERT));
    assert_eq!(request.keys, ["k1", "k2"]);
    assert_eq!(request.body_hash, Some(body_hash(body.to_string().as_bytes())));
    assert_eq!(request.status, Some(207));
    assert_eq!((request.accepted, request.effects, request.in_flight), (1, 1, 1));
    // A clock that goes back by a second would fail this; none here does.
    assert!((before - 1.0..before + 10_000.0).contains(&request.arrived_ms));
    assert!(request.ended_ms.unwrap() >= request.arrived_ms);
}

#[tokio::test]
async fn a_refused_request_shows_its_keys_so_that_spacing_can_be_measured() {
    let mock = MockApi::sendgrid().await.unwrap();
    mock.control(Control::all(Fault::status(503))).unwrap();
    for _ in 0..2 {
        post(mock.base_url() + MAIL_SEND, mail("k1")).await;
    }
    let log = mock.log();
    assert!(log.iter().all(|request| request.keys == ["k1"] && request.accepted == 0));
    assert!(log[1].arrived_ms > log[0].arrived_ms);
}

#[tokio::test]
async fn requests_in_flight_are_counted_at_arrival() {
    let mock = MockApi::sink().await.unwrap();
    mock.control(Control::latency(200, 0)).unwrap();
    let url = mock.base_url();
    tokio::join!(post(&url, json!({})), post(&url, json!({})), post(&url, json!({})));
    let mut in_flight: Vec<_> = mock.log().iter().map(|request| request.in_flight).collect();
    in_flight.sort_unstable();
    assert_eq!(in_flight, [1, 2, 3]);
}

#[tokio::test]
async fn the_log_is_bounded_by_requests_and_by_keys() {
    let options = Options { max_log_requests: 3, max_keys: 4, ..Options::default() };
    let mock = MockApi::start(Api::HubSpot, options).await.unwrap();
    let url = mock.base_url() + UPSERT;
    for number in 0..5 {
        let key = format!("k{number}");
        post(&url, batch(&[contact(&key, &format!("user{number}@example.com"))])).await;
    }
    let seqs = |mock: &MockApi| mock.log().iter().map(|one| one.seq).collect::<Vec<_>>();
    assert_eq!(seqs(&mock), [3, 4, 5]);

    let three: Vec<_> =
        (0..3).map(|number| contact(&format!("b{number}"), &format!("b{number}@b.co"))).collect();
    post(&url, batch(&three)).await;
    assert_eq!(seqs(&mock), [5, 6], "three keys and one make four");

    let page = call(Method::GET, &(mock.base_url() + "/_log?since=5"), Value::Null).await.unwrap();
    assert_eq!(page.json()["dropped"], 4);
    assert_eq!(page.json()["requests"].as_array().unwrap().len(), 1);
    let effects = mock.effects();
    assert_eq!((effects.accepted, effects.keys.len(), effects.untallied), (8, 4, 4));
}

#[tokio::test]
async fn effects_state_and_health_are_served() {
    let mock = MockApi::sendgrid().await.unwrap();
    post(mock.base_url() + MAIL_SEND, mail("k1")).await;
    let get =
        async |path: &str| call(Method::GET, &(mock.base_url() + path), Value::Null).await.unwrap();
    let effects = get("/_effects").await.json();
    assert_eq!(effects["keys"]["k1"], json!({ "accepted": 1, "effects": 1 }));
    assert_eq!(effects["requests"], 1);
    assert_eq!(get("/_state").await.json()["accepted"], 1);
    assert_eq!(get("/_health").await.status, 200);

    let url = mock.base_url() + "/_log";
    assert_eq!(call(Method::DELETE, &url, Value::Null).await.unwrap().status, 204);
    assert!(mock.log().is_empty());
    post(mock.base_url() + MAIL_SEND, mail("k2")).await;
    assert_eq!(mock.log()[0].seq, 2, "numbers go on");
    assert_eq!(mock.effects().keys.into_keys().collect::<Vec<_>>(), ["k2"]);
}

#[tokio::test]
async fn a_sink_finds_keys_in_headers_and_events() {
    let mock = MockApi::sink().await.unwrap();
    let event = json!({ "specversion": "1.0", "id": "evt-9", "type": "t", "source": "/s" });
    let send = async |headers: &[(&'static str, &str)]| {
        let request = client().post(mock.base_url() + "/hook").body(event.to_string());
        let request =
            headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        request.send().await.unwrap();
        let last = mock.log().pop().unwrap();
        (last.keys, last.event_ids)
    };
    let evt = || vec!["evt-9".to_owned()];
    assert_eq!(send(&[]).await, (evt(), evt()));
    assert_eq!(send(&[("webhook-id", "msg_1")]).await, (vec!["msg_1".to_owned()], evt()));
    assert_eq!(send(&[("idempotency-key", "\"k\"")]).await, (vec!["k".to_owned()], evt()));
    assert_eq!(send(&[("ce-id", "evt-2")]).await.1, ["evt-2"]);
    assert_eq!(mock.effects().effects, 4);
}

#[tokio::test]
async fn without_a_log_requests_are_served_all_the_same() {
    let mock =
        MockApi::start(Api::Sink, Options { log: false, ..Options::default() }).await.unwrap();
    assert_eq!(post(mock.base_url(), json!({})).await.status, 200);
    assert!(mock.log().is_empty());
    assert_eq!(mock.effects().accepted, 0);
}

#[tokio::test]
async fn waiting_in_vain_says_what_for() {
    let mock = MockApi::sink().await.unwrap();
    let waited = mock.wait_until("pigs to fly", Duration::from_millis(50), |_| false).await;
    let message = waited.unwrap_err().to_string();
    assert!(message.starts_with("waited 50ms for pigs to fly; the mock has seen"), "{message}");

    let sent = async { post(mock.base_url(), json!({})).await };
    let (_, seen) = tokio::join!(
        sent,
        mock.wait_until("one effect", DEADLINE, |mock| mock.totals().effects == 1)
    );
    seen.unwrap();
}

#[tokio::test]
async fn a_batch_of_cloudevents_is_one_effect_each() {
    let mock = MockApi::sink().await.unwrap();
    let batch = r#"[{"specversion":"1.0","id":"a"},{"specversion":"1.0","id":"b"}]"#;
    let post = async |media_type| {
        let request = client().post(mock.base_url());
        let answer = request.header("content-type", media_type).body(batch).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 200);
    };
    post("application/cloudevents-batch+json").await;
    assert_eq!(mock.log()[0].event_ids, ["a", "b"]);
    assert_eq!((mock.totals().requests, mock.totals().effects), (1, 2));
    assert_eq!(mock.tally("b").effects, 1);
    post("application/json").await;
    assert_eq!(mock.totals().effects, 3, "any other body is one");
}
