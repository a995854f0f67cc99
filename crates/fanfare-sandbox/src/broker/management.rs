//! Vhosts and users of a broker that is known by its URL only, through its management API.
//!
//! Plain HTTP on RabbitMQ's usual port, with the credentials of the URL: enough for a broker
//! on a developer's machine. Three requests do not need an HTTP client.

use std::io;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use url::Url;

use super::Permissions;
use super::error::NodeError;
use super::login;

/// Where `rabbitmq_management` listens unless told otherwise.
const DEFAULT_PORT: u16 = 15672;

const REQUEST_SECONDS: u64 = 10;

/// The management API that usually stands beside an AMQP URL.
#[derive(Debug)]
pub(super) struct Management {
    host: String,
    port: u16,
    authorization: String,
}

impl Management {
    pub(super) fn beside(url: &Url) -> Self {
        Self::at(url, DEFAULT_PORT)
    }

    /// The host and the credentials of an AMQP URL, with another port.
    pub(super) fn at(url: &Url, port: u16) -> Self {
        let user = login::decoded(url.username());
        let password = login::decoded(url.password().unwrap_or_default());
        Self {
            host: url.host_str().unwrap_or("127.0.0.1").to_owned(),
            port,
            authorization: STANDARD.encode(format!("{user}:{password}")),
        }
    }

    pub(super) async fn add_vhost(&self, name: &str, user: &str) -> Result<(), NodeError> {
        self.request("PUT", &["vhosts", name], &json!({})).await?;
        let everything = Permissions { configure: ".*", write: ".*", read: ".*" };
        self.permit(user, name, everything).await
    }

    pub(super) async fn delete_vhost(&self, name: &str) -> Result<(), NodeError> {
        self.request("DELETE", &["vhosts", name], &Value::Null).await
    }

    pub(super) async fn add_user(
        &self,
        name: &str,
        password: &str,
        vhost: &str,
        permissions: Permissions<'_>,
    ) -> Result<(), NodeError> {
        let user = json!({ "password": password, "tags": "" });
        self.request("PUT", &["users", name], &user).await?;
        self.permit(name, vhost, permissions).await
    }

    async fn permit(
        &self,
        user: &str,
        vhost: &str,
        Permissions { configure, write, read }: Permissions<'_>,
    ) -> Result<(), NodeError> {
        let body = json!({ "configure": configure, "write": write, "read": read });
        self.request("PUT", &["permissions", vhost, user], &body).await
    }

    async fn request(&self, method: &str, path: &[&str], body: &Value) -> Result<(), NodeError> {
        let mut url = Url::parse("http://localhost/api").expect("a literal URL parses");
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.extend(path);
        }
        let operation = format!("{method} {} at its management API", url.path());
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let request = format!(
            "{method} {} HTTP/1.1\r\nHost: {}\r\nAuthorization: Basic {}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            url.path(),
            self.host,
            self.authorization,
            body.len(),
        );
        let answer = timeout(Duration::from_secs(REQUEST_SECONDS), self.exchange(&request))
            .await
            .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
            .map_err(|source| NodeError::System { operation: operation.clone(), source })?;
        let status_line = answer.lines().next().unwrap_or_default().to_owned();
        match status_line.split(' ').nth(1) {
            Some(status) if status.starts_with('2') => Ok(()),
            _ => Err(NodeError::Refused { operation, answer: status_line }),
        }
    }

    async fn exchange(&self, request: &str) -> io::Result<String> {
        let mut stream = TcpStream::connect((self.host.as_str(), self.port)).await?;
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.take(65_536).read_to_end(&mut answer).await?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }
}
