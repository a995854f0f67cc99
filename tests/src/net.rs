//! Small things on the loopback interface.

use std::net::TcpListener;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A port that nobody listens on, for now.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has free ports");
    listener.local_addr().expect("a bound socket has an address").port()
}

/// The status of `GET path` at `address`; 0 when nobody answers.
pub async fn get(address: &str, path: &str) -> u16 {
    let answer = try_get(address, path).await.unwrap_or_default();
    answer.split_whitespace().nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
}

/// The value of a metric at the admin address of a program, by its name and labels as they are
/// written there; `None` when nobody answers or it is not there.
pub async fn metric(address: &str, name_and_labels: &str) -> Option<f64> {
    let answer = try_get(address, "/metrics").await?;
    let value = answer.lines().find_map(|line| line.strip_prefix(name_and_labels))?;
    value.trim().parse().ok()
}

async fn try_get(address: &str, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).await.ok()?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.ok()?;
    Some(answer)
}
