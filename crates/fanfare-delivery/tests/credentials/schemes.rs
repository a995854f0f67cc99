//! What each way of authenticating puts into a call.

use axum::http::{HeaderName, StatusCode};
use fanfare_delivery::http::Credentials;
use fanfare_process::settings::Secret;

use crate::api::{Api, client};

#[tokio::test]
async fn each_scheme_has_its_header() {
    let key_header = HeaderName::from_static("x-api-key");
    for (credentials, header, value) in [
        (Credentials::none(), "authorization", None),
        (Credentials::bearer(Secret::fixed("tok")).unwrap(), "authorization", Some("Bearer tok")),
        (Credentials::api_key(key_header, Secret::fixed("k 1")).unwrap(), "x-api-key", Some("k 1")),
        // The example of RFC 7617.
        (
            Credentials::basic("Aladdin", Secret::fixed("open sesame")).unwrap(),
            "authorization",
            Some("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
        ),
    ] {
        let api = Api::start(|_| StatusCode::OK).await;
        assert_eq!(api.called_with(credentials.clone()).await.status, 200);
        assert_eq!(api.calls()[0].header(header), value, "{credentials:?}");
    }
}

#[tokio::test]
async fn credentials_win_over_a_header_that_the_destination_put_there() {
    let api = Api::start(|_| StatusCode::OK).await;
    let bearer = Credentials::bearer(Secret::fixed("ours")).unwrap();
    let http = client().with_credentials(bearer);
    http.call(http.post(&api.url).bearer_auth("stale")).await.unwrap();
    assert_eq!(api.calls()[0].headers.get_all("authorization").iter().count(), 1);
    assert_eq!(api.calls()[0].header("authorization"), Some("Bearer ours"));
}

#[tokio::test]
async fn a_secret_that_cannot_change_is_refused_once() {
    let api = Api::start(|_| StatusCode::UNAUTHORIZED).await;
    let answer = api.called_with(Credentials::bearer(Secret::fixed("tok")).unwrap()).await;
    assert_eq!(answer.outcome().label(), "hold");
    assert_eq!(api.calls().len(), 1);
}

#[test]
fn what_no_header_can_hold_is_refused_without_being_shown() {
    for refused in [
        Credentials::bearer(Secret::fixed("can\u{7}ary")),
        Credentials::api_key(HeaderName::from_static("x"), Secret::fixed("canary\n")),
        Credentials::basic("ca:nary", Secret::fixed("canary")),
    ] {
        let problem = refused.unwrap_err().to_string();
        assert!(!problem.contains("ary"), "{problem}");
    }
}

#[test]
fn nothing_shows_a_secret() {
    let secret = || Secret::fixed("canary");
    let all = [
        Credentials::bearer(secret()).unwrap(),
        Credentials::api_key(HeaderName::from_static("x-api-key"), secret()).unwrap(),
        Credentials::basic("user", secret()).unwrap(),
    ];
    let shown = format!("{all:?} {:?}", client().with_credentials(all[0].clone()));
    assert!(shown.contains("Credentials(bearer)"), "{shown}");
    // Base64 would be no disguise.
    for canary in ["canary", "dXNlcjpjYW5hcnk="] {
        assert!(!shown.contains(canary), "{shown}");
    }
}
