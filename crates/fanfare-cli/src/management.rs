//! RabbitMQ's management API, for what AMQP cannot tell: bindings, messages in flight,
//! the list of queues.

use std::time::Duration;

use reqwest::{Certificate, Client, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use url::Url;

/// Where the management API is, and which vhost is ours.
#[derive(Clone)]
pub struct ManagementConfig {
    /// Its address with user and password, without `/api`.
    pub url: Url,
    /// The vhost's name, such as `/`.
    pub vhost: String,
    /// A private CA to trust besides the system's.
    pub ca_pem: Option<Vec<u8>>,
}

/// A client for one vhost.
#[derive(Debug)]
pub struct Management {
    client: Client,
    config: ManagementConfig,
}

/// A binding as the API lists it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct BindingSeen {
    /// The exchange; empty for the default one, which binds every queue.
    pub source: String,
    /// The queue or exchange that messages go to.
    pub destination: String,
    /// Which of the two.
    pub destination_type: DestinationKind,
    /// The routing key or pattern.
    pub routing_key: String,
}

/// What a binding leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DestinationKind {
    /// A queue.
    Queue,
    /// An exchange.
    Exchange,
}

/// A queue as the API lists it. Numbers are missing until its statistics are there.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct QueueSeen {
    /// Its name.
    pub name: String,
    /// Messages that wait.
    #[serde(default)]
    pub messages_ready: Option<u64>,
    /// Messages that consumers hold.
    #[serde(default)]
    pub messages_unacknowledged: Option<u64>,
    /// Consumers.
    #[serde(default)]
    pub consumers: Option<u32>,
}

/// Why the management API has no answer.
#[derive(Debug, thiserror::Error)]
pub enum ManagementError {
    /// No HTTP client can be made.
    #[error("no client can be made for the management API")]
    Client(#[source] reqwest::Error),
    /// It does not answer.
    #[error("the management API does not answer")]
    Unreachable(#[source] reqwest::Error),
    /// It refuses the user.
    #[error(
        "the management API refuses the user ({status}); give FANFARE_MANAGEMENT_URL user and password of one with the tag `monitoring` or `management`"
    )]
    Unauthorized {
        /// The HTTP status.
        status: StatusCode,
    },
    /// It answers something else.
    #[error("the management API answers {status} to {path}")]
    Status {
        /// The HTTP status.
        status: StatusCode,
        /// What was asked.
        path: String,
    },
    /// Its answer is not understood.
    #[error("the answer of the management API to {path} is not understood")]
    Answer {
        /// What was asked.
        path: String,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
    /// Its answer is longer than any sane one.
    #[error("the answer of the management API to {path} is longer than {limit} bytes")]
    TooLong {
        /// What was asked.
        path: String,
        /// The limit in bytes.
        limit: usize,
    },
}

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const TIMEOUT: Duration = Duration::from_secs(30);

/// A binding takes some 200 bytes, a destination has some 40 of them.
const LONGEST_ANSWER: usize = 64 * 1024 * 1024;

impl Management {
    /// Prepares to ask; nothing is sent yet.
    pub fn new(config: &ManagementConfig) -> Result<Self, ManagementError> {
        let mut builder = Client::builder().connect_timeout(CONNECT_TIMEOUT).timeout(TIMEOUT);
        if let Some(pem) = &config.ca_pem {
            let certificates =
                Certificate::from_pem_bundle(pem).map_err(ManagementError::Client)?;
            builder = builder.tls_certs_merge(certificates);
        }
        let client = builder.build().map_err(ManagementError::Client)?;
        Ok(Self { client, config: config.clone() })
    }

    /// Every binding of the vhost.
    pub async fn bindings(&self) -> Result<Vec<BindingSeen>, ManagementError> {
        self.get("bindings", None).await
    }

    /// Every queue of the vhost.
    pub async fn queues(&self) -> Result<Vec<QueueSeen>, ManagementError> {
        // Without the list of columns the answer is some 4 KiB a queue.
        let columns = "columns=name,messages_ready,messages_unacknowledged,consumers";
        self.get("queues", Some(columns)).await
    }

    async fn get<T: DeserializeOwned>(
        &self,
        what: &str,
        query: Option<&str>,
    ) -> Result<T, ManagementError> {
        let url = self.url(what, query);
        let path = url.path().to_owned();
        // Without its URL, which holds the password.
        let unreachable = |error: reqwest::Error| ManagementError::Unreachable(error.without_url());
        let mut answer = self.client.get(url).send().await.map_err(unreachable)?;
        match answer.status() {
            StatusCode::OK => {}
            status @ (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => {
                return Err(ManagementError::Unauthorized { status });
            }
            status => return Err(ManagementError::Status { status, path }),
        }
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(unreachable)? {
            body.extend_from_slice(&chunk);
            if body.len() > LONGEST_ANSWER {
                return Err(ManagementError::TooLong { path, limit: LONGEST_ANSWER });
            }
        }
        serde_json::from_slice(&body).map_err(|source| ManagementError::Answer { path, source })
    }

    fn url(&self, what: &str, query: Option<&str>) -> Url {
        let mut url = self.config.url.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            // A `/` in the vhost's name is encoded here, as the API wants it.
            path.pop_if_empty().extend(["api", what, &self.config.vhost]);
        }
        url.set_query(query);
        url
    }
}

impl ManagementError {
    /// Whether it could not be reached.
    pub fn is_unreachable(&self) -> bool {
        matches!(self, Self::Unreachable(_))
    }
}

impl std::fmt::Debug for ManagementConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let host = self.url.host_str().unwrap_or_default();
        f.debug_struct("ManagementConfig").field("host", &host).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use fanfare_process::install_crypto_provider;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// Asks a server that gives `answer` once; also what it was asked.
    async fn asked<T>(
        answer: &'static str,
        question: impl AsyncFnOnce(Management) -> Result<T, ManagementError>,
    ) -> (Result<T, ManagementError>, String) {
        install_crypto_provider();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://ada:p%40ss@{}", listener.local_addr().unwrap());
        let server = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                request.push(stream.read_u8().await.unwrap());
            }
            stream.write_all(answer.as_bytes()).await.unwrap();
            String::from_utf8(request).unwrap()
        };
        let url = Url::parse(&url).unwrap();
        let config = ManagementConfig { url, vhost: "a/b c".into(), ca_pem: None };
        let management = Management::new(&config).unwrap();
        let (answered, request) = tokio::join!(question(management), server);
        (answered, request)
    }

    #[tokio::test]
    async fn bindings_are_asked_for_with_the_credentials_of_the_url() {
        let answer = "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n\
            [{\"source\":\"t.events\",\"vhost\":\"/\",\"destination\":\"t.crm\",\
            \"destination_type\":\"queue\",\"routing_key\":\"\",\"arguments\":{}}]";
        let (bindings, request) = asked(answer, async |m| m.bindings().await).await;
        let expected = BindingSeen {
            source: "t.events".into(),
            destination: "t.crm".into(),
            destination_type: DestinationKind::Queue,
            routing_key: String::new(),
        };
        assert_eq!(bindings.unwrap(), [expected]);
        assert!(request.starts_with("GET /api/bindings/a%2Fb%20c HTTP/1.1\r\n"), "{request}");
        // base64 of `ada:p@ss`.
        assert!(request.contains("authorization: Basic YWRhOnBAc3M="), "{request}");
    }

    #[tokio::test]
    async fn a_queue_without_statistics_yet_is_still_a_queue() {
        let answer = "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n\
            [{\"name\":\"t.crm\"},{\"name\":\"t.mail\",\"messages_ready\":1,\
            \"messages_unacknowledged\":3,\"consumers\":2}]";
        let (queues, request) = asked(answer, async |m| m.queues().await).await;
        let queues = queues.unwrap();
        let told = |q: &QueueSeen| (q.messages_ready, q.messages_unacknowledged, q.consumers);
        assert_eq!(told(&queues[0]), (None, None, None));
        assert_eq!(told(&queues[1]), (Some(1), Some(3), Some(2)));
        assert!(request.contains("columns=name,messages_ready,"), "{request}");
    }

    #[tokio::test]
    async fn a_refusal_is_told_by_its_meaning_and_never_with_the_password() {
        let refused = "HTTP/1.1 401 Unauthorized\r\nconnection: close\r\n\r\n";
        let (error, _) = asked(refused, async |m| m.queues().await).await;
        let error = error.unwrap_err();
        assert!(matches!(error, ManagementError::Unauthorized { .. }), "{error}");
        assert!(!error.is_unreachable());

        let missing = "HTTP/1.1 404 Not Found\r\nconnection: close\r\n\r\n";
        let (error, _) = asked(missing, async |m| m.queues().await).await;
        assert!(matches!(error.unwrap_err(), ManagementError::Status { .. }));

        let nonsense = "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n<html>";
        let (error, _) = asked(nonsense, async |m| m.queues().await).await;
        assert!(matches!(error.unwrap_err(), ManagementError::Answer { .. }));

        let cut = "HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n[";
        let (error, _) = asked(cut, async |m| m.queues().await).await;
        let error = error.unwrap_err();
        assert!(error.is_unreachable());
        assert!(!format!("{error:?}").contains("p%40ss"), "{error:?}");
    }
}
