//! A server that speaks TLS, looks at the certificate that it is shown, and takes requests.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::server::{NoClientAuth, WebPkiClientVerifier};
use rustls::{ServerConfig, SupportedProtocolVersion};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::authority::{Authority, Identity};

pub(super) const VERSIONS: [&SupportedProtocolVersion; 2] =
    [&rustls::version::TLS12, &rustls::version::TLS13];

/// Gives every request the same answer, over connections that are kept.
#[derive(Clone)]
pub(super) struct Server {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

struct State {
    config: Arc<ServerConfig>,
    connections: usize,
    /// The client certificate that each request came with.
    requests: Vec<Option<Vec<u8>>>,
}

/// How long a server that has refused somebody listens on, so that its words arrive.
const LINGER: Duration = Duration::from_secs(5);

impl Server {
    /// Wants a client certificate from `clients`, if there is such an authority.
    pub(super) async fn start(
        version: &'static SupportedProtocolVersion,
        own: &Identity,
        clients: Option<&Authority>,
    ) -> Self {
        Self::answering(version, own, clients, 200, "").await
    }

    pub(super) async fn answering(
        version: &'static SupportedProtocolVersion,
        own: &Identity,
        clients: Option<&Authority>,
        status: u16,
        body: &str,
    ) -> Self {
        let length = body.len();
        let answer = format!("HTTP/1.1 {status} \r\ncontent-length: {length}\r\n\r\n{body}");
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let config = config(version, own, clients);
        let state = Arc::new(Mutex::new(State { config, connections: 0, requests: Vec::new() }));
        let server = Self { address, state };
        let accepting = server.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                accepting.state.lock().unwrap().connections += 1;
                let (server, answer) = (accepting.clone(), answer.clone());
                tokio::spawn(async move { server.serve(stream, &answer).await });
            }
        });
        server
    }

    /// From the next connection on.
    pub(super) fn becomes(
        &self,
        version: &'static SupportedProtocolVersion,
        own: &Identity,
        clients: Option<&Authority>,
    ) {
        self.state.lock().unwrap().config = config(version, own, clients);
    }

    pub(super) fn url(&self) -> String {
        format!("https://localhost:{}/", self.address.port())
    }

    pub(super) fn connections(&self) -> usize {
        self.state.lock().unwrap().connections
    }

    pub(super) fn requests(&self) -> usize {
        self.state.lock().unwrap().requests.len()
    }

    /// Whether the last request came with the certificate of `identity`.
    pub(super) fn saw_last(&self, identity: &Identity) -> bool {
        let state = self.state.lock().unwrap();
        state.requests.last().unwrap().as_deref() == Some(&*identity.chain()[0])
    }

    async fn serve(&self, stream: TcpStream, answer: &str) {
        let config = Arc::clone(&self.state.lock().unwrap().config);
        let accepted = TlsAcceptor::from(config).accept(stream).into_fallible().await;
        let stream = match accepted {
            Ok(stream) => stream,
            Err((_, mut refused)) => {
                let nothing = &mut Vec::new();
                let listening = async {
                    refused.shutdown().await?;
                    refused.read_to_end(nothing).await
                };
                drop(tokio::time::timeout(LINGER, listening).await);
                return;
            }
        };
        let shown = stream.get_ref().1.peer_certificates().map(|chain| chain[0].to_vec());
        let mut stream = BufReader::new(stream);
        while reads_request(&mut stream).await {
            self.state.lock().unwrap().requests.push(shown.clone());
            if stream.write_all(answer.as_bytes()).await.is_err() {
                return;
            }
        }
    }
}

fn config(
    version: &'static SupportedProtocolVersion,
    own: &Identity,
    clients: Option<&Authority>,
) -> Arc<ServerConfig> {
    fanfare_process::install_crypto_provider();
    let verifier = match clients {
        Some(authority) => {
            WebPkiClientVerifier::builder(Arc::new(authority.roots())).build().unwrap()
        }
        None => Arc::new(NoClientAuth),
    };
    let builder = ServerConfig::builder_with_protocol_versions(&[version]);
    let config = builder.with_client_cert_verifier(verifier);
    Arc::new(config.with_single_cert(own.chain(), own.key()).unwrap())
}

/// Whether a whole request came before the end.
async fn reads_request(stream: &mut BufReader<impl AsyncRead + Unpin>) -> bool {
    let mut length = 0;
    loop {
        let mut line = String::new();
        match stream.read_line(&mut line).await {
            Ok(0) | Err(_) => return false,
            Ok(_) if line == "\r\n" => break,
            Ok(_) => {}
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
    }
    stream.read_exact(&mut vec![0; length]).await.is_ok()
}
