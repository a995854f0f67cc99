//! Access tokens: asked for once, renewed in time, replaced after a 401, and missed honestly.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use fanfare_delivery::http::{ClientAuth, Credentials, HttpClient, OAuth2Client};
use fanfare_delivery::{Outcome, Trouble};
use fanfare_process::settings::Secret;
use tokio::net::TcpListener;

use crate::api::{Api, client};

/// A token endpoint that gives `token-1`, `token-2` and so on, and remembers who asked.
struct Endpoint {
    url: String,
    asked: Arc<AtomicUsize>,
}

impl Endpoint {
    async fn start(
        answer: impl Fn(usize) -> (StatusCode, HeaderMap, String) + Clone + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/token", listener.local_addr().unwrap());
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        let router =
            Router::new().fallback(async move || answer(count.fetch_add(1, Ordering::SeqCst) + 1));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, asked }
    }

    async fn granting(life: u64) -> Self {
        Self::start(move |turn| {
            let body = format!(
                r#"{{"access_token":"token-{turn}","token_type":"Bearer","expires_in":{life}}}"#
            );
            (StatusCode::OK, HeaderMap::new(), body)
        })
        .await
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    fn client(&self) -> HttpClient {
        client()
            .with_credentials(Credentials::oauth2(oauth2(&self.url, ClientAuth::Basic)).unwrap())
    }
}

fn oauth2(url: &str, auth: ClientAuth) -> OAuth2Client {
    OAuth2Client {
        token_url: url.parse().unwrap(),
        id: "our:id".into(),
        secret: Secret::fixed("canary&1"),
        scope: Some("read write".into()),
        audience: Some("https://api.example".into()),
        auth,
    }
}

async fn call(http: &HttpClient, api: &Api) -> Outcome {
    http.call(http.post(&api.url).body("event")).await.into()
}

#[tokio::test]
async fn fifty_calls_ask_for_one_token() {
    let endpoint = Endpoint::granting(3600).await;
    let api = Api::start(|_| StatusCode::OK).await;
    let http = endpoint.client();
    let calls = (0..50).map(|_| call(&http, &api));
    let outcomes = futures_util::future::join_all(calls).await;
    assert!(outcomes.iter().all(|outcome| *outcome == Outcome::Delivered));
    assert_eq!(endpoint.asked(), 1);
    let shown = api.calls();
    assert_eq!(shown.len(), 50);
    assert!(shown.iter().all(|call| call.header("authorization") == Some("Bearer token-1")));
}

#[tokio::test]
async fn a_refused_token_is_replaced_and_the_call_repeated_once() {
    let endpoint = Endpoint::granting(3600).await;
    let api = Api::start(|call| match call.header("authorization") {
        Some("Bearer token-2") => StatusCode::OK,
        _ => StatusCode::UNAUTHORIZED,
    })
    .await;
    let http = endpoint.client();
    assert_eq!(call(&http, &api).await, Outcome::Delivered);
    assert_eq!(call(&http, &api).await, Outcome::Delivered);
    assert_eq!((endpoint.asked(), api.calls().len()), (2, 3));
}

#[tokio::test]
async fn an_api_that_refuses_every_token_gets_two_calls_and_holds() {
    let endpoint = Endpoint::granting(3600).await;
    let api = Api::start(|_| StatusCode::UNAUTHORIZED).await;
    let outcome = call(&endpoint.client(), &api).await;
    assert!(matches!(outcome, Outcome::Hold { trouble: Trouble::Unauthorized, .. }), "{outcome:?}");
    assert_eq!((endpoint.asked(), api.calls().len()), (2, 2));
}

#[tokio::test]
async fn a_token_without_life_is_good_for_the_calls_that_waited_for_it() {
    let endpoint = Endpoint::granting(0).await;
    let api = Api::start(|_| StatusCode::OK).await;
    let http = endpoint.client();
    for turn in 1..=3 {
        assert_eq!(call(&http, &api).await, Outcome::Delivered);
        assert_eq!(endpoint.asked(), turn);
    }
}

#[tokio::test]
async fn without_a_token_no_call_is_made_and_the_destination_is_held() {
    let huge = format!(r#"{{"access_token":"{}"}}"#, "canary".repeat(100_000));
    let table = [
        (400, r#"{"error":"invalid_client"}"#, Trouble::Unauthorized, "(invalid_client)"),
        (401, r#"{"error":"canary"}"#, Trouble::Unauthorized, "401"),
        (302, "", Trouble::Unauthorized, "302"),
        (429, "", Trouble::Throttled, "429"),
        (503, "canary", Trouble::Throttled, "503"),
        (500, "canary", Trouble::Unreachable, "500"),
        (200, "<html>canary", Trouble::Unauthorized, "no JSON object"),
        (200, r#"{"access_token":"canary","token_type":"mac"}"#, Trouble::Unauthorized, "bearer"),
        (200, &huge, Trouble::Unauthorized, "no JSON object"),
    ];
    for (status, body, expected, words) in table {
        let body = body.to_owned();
        let endpoint = Endpoint::start(move |_| {
            let mut headers = HeaderMap::new();
            if matches!(status, 429 | 503) {
                headers.insert("retry-after", "7".parse().unwrap());
            }
            (StatusCode::from_u16(status).unwrap(), headers, body.clone())
        })
        .await;
        let api = Api::start(|_| StatusCode::OK).await;
        let http = endpoint.client();
        let outcome = call(&http, &api).await;
        let Outcome::Hold { reason, trouble, pause } = &outcome else { panic!("{outcome:?}") };
        assert_eq!(*trouble, expected, "{status}: {reason:?}");
        let asked_to_wait = matches!(status, 429 | 503).then_some(Duration::from_secs(7));
        assert_eq!(*pause, asked_to_wait, "{status}");
        assert!(reason.text.contains(words), "{}", reason.text);
        assert!(!format!("{outcome:?}{http:?}").contains("canary"), "{outcome:?}");
        assert_eq!(api.calls().len(), 0, "{status}");
        if asked_to_wait.is_some() {
            assert_eq!(call(&http, &api).await.label(), "hold");
            assert_eq!(endpoint.asked(), 1, "the pause is kept");
        }
    }
}

#[tokio::test]
async fn a_token_endpoint_that_is_away_holds_as_unreachable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/token", listener.local_addr().unwrap());
    drop(listener);
    let api = Api::start(|_| StatusCode::OK).await;
    let credentials = Credentials::oauth2(oauth2(&url, ClientAuth::Basic)).unwrap();
    let outcome = call(&client().with_credentials(credentials), &api).await;
    assert!(matches!(outcome, Outcome::Hold { trouble: Trouble::Unreachable, .. }), "{outcome:?}");
    assert_eq!(api.calls().len(), 0);
}

#[tokio::test]
async fn the_client_authenticates_in_the_header_or_in_the_body() {
    let wanted =
        "grant_type=client_credentials&scope=read+write&audience=https%3A%2F%2Fapi.example";
    for (auth, header, rest) in [
        // base64 of `our%3Aid:canary%261`
        (ClientAuth::Basic, Some("Basic b3VyJTNBaWQ6Y2FuYXJ5JTI2MQ=="), ""),
        (ClientAuth::Form, None, "&client_id=our%3Aid&client_secret=canary%261"),
    ] {
        let endpoint = Api::start(|_| StatusCode::BAD_REQUEST).await;
        let api = Api::start(|_| StatusCode::OK).await;
        let credentials = Credentials::oauth2(oauth2(&endpoint.url, auth)).unwrap();
        assert_eq!(call(&client().with_credentials(credentials), &api).await.label(), "hold");
        let asked = &endpoint.calls()[0];
        assert_eq!(asked.header("authorization"), header);
        assert_eq!(asked.header("content-type"), Some("application/x-www-form-urlencoded"));
        assert_eq!(asked.body, format!("{wanted}{rest}"));
    }
}

/// Makes calls, all of which must be delivered, until the endpoint was asked `times` times.
async fn calls_until_asked(http: &HttpClient, api: &Api, endpoint: &Endpoint, times: usize) {
    let asked = async {
        while endpoint.asked() < times {
            assert_eq!(call(http, api).await, Outcome::Delivered);
        }
    };
    tokio::time::timeout(Duration::from_secs(20), asked).await.expect("a request for a token");
}

#[tokio::test]
async fn a_token_is_renewed_while_it_is_alive() {
    let endpoint = Endpoint::granting(3).await;
    let api = Api::start(|_| StatusCode::OK).await;
    let http = endpoint.client();
    calls_until_asked(&http, &api, &endpoint, 2).await;
    let shown = api.calls();
    assert!(shown.iter().all(|call| call.header("authorization") == Some("Bearer token-1")));
}

#[tokio::test]
async fn a_token_that_cannot_be_renewed_is_used_while_it_is_alive() {
    let endpoint = Endpoint::start(|turn| match turn {
        1 => (StatusCode::OK, HeaderMap::new(), GRANTED.to_owned()),
        _ => (StatusCode::BAD_GATEWAY, HeaderMap::new(), String::new()),
    })
    .await;
    let api = Api::start(|_| StatusCode::OK).await;
    let http = endpoint.client();
    calls_until_asked(&http, &api, &endpoint, 2).await;
    for _ in 0..10 {
        assert_eq!(call(&http, &api).await, Outcome::Delivered);
    }
    assert_eq!(endpoint.asked(), 2, "not asked again right away");
}

const GRANTED: &str = r#"{"access_token":"token-1","token_type":"Bearer","expires_in":8}"#;
