//! A receiver of webhooks that keeps what came, and answers as it is told.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse;
use standardwebhooks::{Webhook, WebhookError};
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
    serving: AbortHandle,
}

/// A webhook as it came.
#[derive(Clone)]
pub(crate) struct Received {
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

#[derive(Default)]
struct Shared {
    received: Mutex<Vec<Received>>,
    answers: Mutex<VecDeque<u16>>,
}

impl Receiver {
    /// Answers with these statuses, one per call, and then with 200.
    pub(crate) async fn answering(statuses: impl IntoIterator<Item = u16>) -> Self {
        let answers = Mutex::new(statuses.into_iter().collect());
        let shared = Arc::new(Shared { answers, ..Shared::default() });
        let app = Router::new().fallback(receive).with_state(Arc::clone(&shared));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { address, shared, serving: serving.abort_handle() }
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        self.shared.received.lock().unwrap().clone()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Received {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }

    /// What the reference library says to it.
    pub(crate) fn verify(&self, secret: &str) -> Result<(), WebhookError> {
        Webhook::new(secret).unwrap().verify(&self.body, &self.headers)
    }
}

async fn receive(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    body: Bytes,
) -> impl IntoResponse {
    shared.received.lock().unwrap().push(Received { headers, body });
    let status = shared.answers.lock().unwrap().pop_front().unwrap_or(200);
    let answer = StatusCode::from_u16(status).unwrap();
    (answer, [(header::LOCATION, "/elsewhere")], r#"{"delivered":true}"#)
}
