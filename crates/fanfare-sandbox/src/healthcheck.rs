//! Asks a URL whether its server is well: for containers that have no `curl`.

use std::io;
use std::time::Duration;

use axum::http::Uri;
use thiserror::Error;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Until then a healthy server has answered.
const DEADLINE: Duration = Duration::from_secs(3);

/// Enough of the answer to hold `HTTP/1.1 200`.
const STATUS_LINE: usize = 12;

/// Why a server does not count as healthy.
#[derive(Debug, Error)]
pub enum Unhealthy {
    /// Not an `http://` URL with a host.
    #[error("`{0}` is not an http:// URL")]
    Url(String),
    /// No connection, or no answer on it.
    #[error("no answer")]
    NoAnswer(#[from] io::Error),
    /// Connected, but nothing came.
    #[error("no answer within {DEADLINE:?}")]
    Late,
    /// Any status but 2xx.
    #[error("answered `{0}`")]
    Status(String),
}

/// One plain GET; `Ok` when the status is 2xx.
pub async fn healthcheck(url: &str) -> Result<(), Unhealthy> {
    let uri: Uri = url.parse().map_err(|_| Unhealthy::Url(url.to_owned()))?;
    let host = match (uri.scheme_str(), uri.host()) {
        (Some("http"), Some(host)) => host,
        _ => return Err(Unhealthy::Url(url.to_owned())),
    };
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let port = uri.port_u16().unwrap_or(80);
    let status_line = timeout(DEADLINE, ask(host, port, path)).await;
    let status_line = status_line.map_err(|_| Unhealthy::Late)??;
    match status_line.split_once(' ') {
        Some((_, status)) if status.starts_with('2') => Ok(()),
        _ => Err(Unhealthy::Status(status_line)),
    }
}

async fn ask(host: &str, port: u16, path: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect((host.trim_matches(['[', ']']), port)).await?;
    let request =
        format!("GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut start = [0; STATUS_LINE];
    stream.read_exact(&mut start).await?;
    Ok(String::from_utf8_lossy(&start).into_owned())
}
