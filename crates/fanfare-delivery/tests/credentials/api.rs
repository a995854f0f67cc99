//! A small API that writes down what it is shown, and clients that call it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode, Uri};
use fanfare_delivery::http::{Answer, Credentials, HttpClient, HttpLimits};
use tokio::net::TcpListener;

/// Answers by a rule and remembers every call.
#[derive(Clone)]
pub(crate) struct Api {
    pub(crate) url: String,
    calls: Arc<Mutex<Vec<Call>>>,
}

#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Api {
    pub(crate) async fn start(
        rule: impl Fn(&Call) -> StatusCode + Clone + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let calls = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&calls);
        let answer = async move |_: Uri, headers: HeaderMap, body: Bytes| {
            let call = Call { headers, body: String::from_utf8_lossy(&body).into_owned() };
            let status = rule(&call);
            log.lock().unwrap().push(call);
            status
        };
        let router = Router::new().fallback(answer);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, calls }
    }

    pub(crate) fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap().clone()
    }

    pub(crate) async fn called_with(&self, credentials: Credentials) -> Answer {
        let http = client().with_credentials(credentials);
        http.call(http.post(&self.url).body("event")).await.unwrap()
    }
}

impl Call {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

pub(crate) fn client() -> HttpClient {
    let limits = HttpLimits { whole_call: Duration::from_secs(5), ..HttpLimits::default() };
    HttpClient::new("test", limits).unwrap()
}
