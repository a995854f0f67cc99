//! The admin endpoints over a real listener.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use fanfare_process::admin;
use fanfare_process::health::{Health, STALL_TIME};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::Registry;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

const DEADLINE: Duration = Duration::from_secs(10);

struct Admin {
    addr: SocketAddr,
    health: Health,
    shutdown: CancellationToken,
    serving: JoinHandle<std::io::Result<()>>,
}

impl Admin {
    async fn start(registry: Registry) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let addr = listener.local_addr().expect("a bound address");
        let (health, shutdown) = (Health::new(), CancellationToken::new());
        let serving = tokio::spawn(admin::serve(
            listener,
            health.clone(),
            Arc::new(registry),
            shutdown.clone(),
        ));
        Self { addr, health, shutdown, serving }
    }

    /// The whole answer, head and body.
    async fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(self.addr).await.expect("a connection");
        let request = format!("GET {path} HTTP/1.1\r\nhost: admin\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.expect("a request");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("an answer");
        answer
    }

    async fn end(self) {
        self.shutdown.cancel();
        timeout(DEADLINE, self.serving)
            .await
            .expect("the server ended in time")
            .expect("without a panic")
            .expect("without an error");
        assert!(TcpStream::connect(self.addr).await.is_err(), "nobody listens any more");
    }
}

#[tokio::test]
async fn readiness_follows_the_conditions() {
    let admin = Admin::start(Registry::default()).await;
    let consuming = admin.health.condition("consuming");
    let answer = admin.get("/readyz").await;
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    assert!(answer.ends_with("\r\n\r\nnot ready\n[-] consuming\n"), "{answer}");
    consuming.set(true);
    let answer = admin.get("/readyz").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.ends_with("\r\n\r\nready\n[+] consuming\n"), "{answer}");
    admin.health.shut_down();
    assert!(admin.get("/readyz").await.starts_with("HTTP/1.1 503"));
    assert!(admin.get("/livez").await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn liveness_ends_with_a_stall() {
    let admin = Admin::start(Registry::default()).await;
    assert!(admin.get("/livez").await.ends_with("\r\n\r\nalive\n"));
    admin.health.set_pending(2);
    tokio::time::pause();
    tokio::time::advance(STALL_TIME).await;
    tokio::time::resume();
    let answer = admin.get("/livez").await;
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    assert!(answer.contains("stalled: 2 pending"), "{answer}");
    assert!(admin.get("/readyz").await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn metrics_are_open_metrics() {
    let mut registry = Registry::default();
    let counter = Counter::<u64>::default();
    registry.register("fanfare_attempts", "Calls that were made", counter.clone());
    let admin = Admin::start(registry).await;
    counter.inc_by(3);
    let answer = admin.get("/metrics").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(
        answer.contains("content-type: application/openmetrics-text; version=1.0.0"),
        "{answer}"
    );
    assert!(answer.contains("\nfanfare_attempts_total 3\n"), "{answer}");
    assert!(answer.ends_with("# EOF\n"), "{answer}");
}

#[tokio::test]
async fn there_is_nothing_else() {
    let admin = Admin::start(Registry::default()).await;
    assert!(admin.get("/").await.starts_with("HTTP/1.1 404"));
}

#[tokio::test]
async fn it_ends_with_the_process() {
    let admin = Admin::start(Registry::default()).await;
    admin.get("/livez").await;
    admin.end().await;
}

#[tokio::test]
async fn a_client_that_dawdles_does_not_keep_the_process() {
    // More than the buffers of both sockets take, so that the answer stays under way.
    let mut registry = Registry::default();
    registry.register("big", "x".repeat(64 * 1024 * 1024), Counter::<u64>::default());
    let admin = Admin::start(registry).await;
    let mut dawdler = TcpStream::connect(admin.addr).await.unwrap();
    dawdler.write_all(b"GET /metrics HTTP/1.1\r\nhost: admin\r\n\r\n").await.unwrap();
    dawdler.read_exact(&mut [0; 8]).await.unwrap();
    admin.end().await;
}
