//! Reaching the broker: one connection, under a deadline, or again and again.

use std::net::Shutdown;
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use lapin::tcp::{AsyncTcpStream, OwnedIdentity, OwnedTLSConfig};
use lapin::uri::{
    AMQPAuthority, AMQPQueryString, AMQPScheme, AMQPUri, AMQPUserInfo, SASLMechanism,
};
use lapin::{Channel, Connection, ConnectionProperties};
use tokio::time::timeout;
use tracing::{debug, info, warn};

use crate::backoff::ExponentialPauses;
use crate::config::{BrokerAddress, BrokerConfig, TlsConfig};
use crate::fault::Fault;

/// Keeps one connection for one use alive: dials until a node answers.
#[derive(Debug)]
pub(crate) struct Dialer {
    config: BrokerConfig,
    name: String,
    frame_max: Option<u32>,
    /// The address that is dialled next; the one in use, while one is.
    at: usize,
    /// Dials in a row that came to nothing.
    misses: usize,
    /// Rounds and sessions in a row that came to nothing.
    failures: u32,
}

/// DNS, TCP, TLS and the AMQP handshake together.
const DIAL_DEADLINE: Duration = Duration::from_secs(10);

/// Nobody waits longer for a goodbye; a dead network is noticed by its heartbeat.
const CLOSE_DEADLINE: Duration = Duration::from_secs(5);

/// A peer that is silent for twice this long counts as gone.
const HEARTBEAT_SECONDS: u16 = 15;

const RECONNECT: ExponentialPauses =
    ExponentialPauses::new(Duration::from_millis(200), Duration::from_secs(15));

impl Dialer {
    /// `name` is what operators see in the broker's list of connections.
    pub(crate) fn new(config: &BrokerConfig, name: impl Into<String>) -> Self {
        Self {
            config: config.clone(),
            name: name.into(),
            frame_max: None,
            at: 0,
            misses: 0,
            failures: 0,
        }
    }

    /// Agrees with the broker on smaller frames than its 128 KiB. The client keeps room
    /// for 32 of them each way: 8 MB for a connection, whatever goes over it.
    pub(crate) fn with_frame_max(mut self, bytes: Option<u32>) -> Self {
        self.frame_max = bytes;
        self
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Dials the addresses in turn until one answers, and pauses after each round. Never
    /// gives up.
    pub(crate) async fn connect(&mut self) -> Connection {
        loop {
            match self.dial_next().await {
                Ok(connection) => return connection,
                Err((address, fault)) => {
                    let pause = self.pause_after_miss();
                    warn!(
                        connection = %self.name,
                        broker = %address,
                        failures = self.failures,
                        retry_in_ms = pause.as_millis() as u64,
                        error = %fault,
                        "Could not reach the broker, will try again"
                    );
                    tokio::time::sleep(pause).await;
                }
            }
        }
    }

    /// Dials every address once; the last one's fault if none answers.
    pub(crate) async fn connect_once(&mut self) -> Result<Connection, Fault> {
        let mut last = Fault::lost("no broker address");
        for _ in 0..self.config.addresses().len() {
            match self.dial_next().await {
                Ok(connection) => return Ok(connection),
                Err((address, fault)) => {
                    last = Fault::lost(format!("{address}: {fault}"));
                }
            }
        }
        Err(last)
    }

    /// A session that came to something resets the pauses; one that ended at once does not.
    pub(crate) fn proved_well(&mut self) {
        self.failures = 0;
    }

    /// After a session ended: wait before the next dial, longer if it never came to anything,
    /// and look elsewhere first. A node that was lost may still take connections, and say
    /// nothing on them.
    pub(crate) async fn pause_after_failed_session(&mut self) {
        self.failures = self.failures.saturating_add(1);
        self.look_elsewhere();
        tokio::time::sleep(RECONNECT.after(self.failures)).await;
    }

    /// None before all addresses were dialled: another node may be well.
    fn pause_after_miss(&mut self) -> Duration {
        self.misses += 1;
        if !self.misses.is_multiple_of(self.config.addresses().len()) {
            return Duration::ZERO;
        }
        self.failures = self.failures.saturating_add(1);
        RECONNECT.after(self.failures)
    }

    fn look_elsewhere(&mut self) {
        self.at = (self.at + 1) % self.config.addresses().len();
    }

    async fn dial_next(&mut self) -> Result<Connection, (BrokerAddress, Fault)> {
        let address = self.config.addresses()[self.at].clone();
        let way = Way { tls: self.config.tls(), name: &self.name, frame_max: self.frame_max };
        match dial(&address, way, DIAL_DEADLINE).await {
            Ok(connection) => {
                info!(connection = %self.name, broker = %address, "Connected to the broker");
                self.misses = 0;
                Ok(connection)
            }
            Err(fault) => {
                self.look_elsewhere();
                Err((address, fault))
            }
        }
    }
}

/// Closes a channel that the broker has not closed already. Dropping it would do, but
/// then its goodbye crosses the connection's, and the client library calls that an error.
pub(crate) async fn close_channel(channel: Channel) {
    if channel.status().connected()
        && let Err(error) = channel.close(200, "done".into()).await
    {
        tracing::debug!(%error, "A channel was gone before it could be closed");
    }
}

/// Says goodbye, so that the broker's log shows no broken connection.
pub(crate) async fn close(connection: &Connection) {
    in_time(connection.close(200, "done".into())).await;
}

/// The same, after [closing](close_channel) its last channel.
pub(crate) async fn close_with(channel: &Channel, connection: &Connection) {
    in_time(async {
        channel.close(200, "done".into()).await?;
        connection.close(200, "done".into()).await
    })
    .await;
}

async fn in_time(goodbye: impl Future<Output = Result<(), lapin::Error>>) {
    match timeout(CLOSE_DEADLINE, goodbye).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => debug!(%error, "The connection was gone before it could be closed"),
        Err(_) => debug!("The broker did not say goodbye in time"),
    }
}

/// How a node is dialled, whichever it is.
#[derive(Clone, Copy)]
struct Way<'a> {
    tls: &'a TlsConfig,
    name: &'a str,
    frame_max: Option<u32>,
}

async fn dial(
    address: &BrokerAddress,
    way: Way<'_>,
    deadline: Duration,
) -> Result<Connection, Fault> {
    let socket = SocketToClose::default();
    let properties = ConnectionProperties::default().with_connection_name(way.name.into());
    let tls = owned(way.tls);
    let runtime = lapin::runtime::default_runtime()?;

    let opening = {
        let socket = socket.clone();
        Connection::connector(
            uri_of(address, way.frame_max),
            runtime,
            async move |uri, runtime| {
                let place = (uri.authority.host.clone(), uri.authority.port);
                let plain =
                    AsyncTcpStream::connect(&runtime, runtime.to_socket_addrs(place)).await?;
                if let AsyncTcpStream::Plain(stream) = &plain {
                    socket.remember(stream.get_ref());
                }
                Ok(match uri.scheme {
                    AMQPScheme::AMQP => plain,
                    AMQPScheme::AMQPS => plain.into_tls(&uri.authority.host, tls.as_ref()).await?,
                })
            },
            properties,
        )
    };

    match timeout(deadline, opening).await {
        Ok(opened) => Ok(opened?),
        Err(_) => {
            // The client's own thread waits on the socket for ever; dropping the
            // future does not end it, closing the socket under it does.
            socket.shut_down();
            Err(Fault::lost(format!("no answer within {} s", deadline.as_secs_f64())))
        }
    }
}

/// Built by hand: the client's URL parser turns an IPv6 literal into `localhost`.
fn uri_of(address: &BrokerAddress, frame_max: Option<u32>) -> AMQPUri {
    AMQPUri {
        scheme: if address.tls { AMQPScheme::AMQPS } else { AMQPScheme::AMQP },
        authority: AMQPAuthority {
            userinfo: AMQPUserInfo {
                username: address.user.clone(),
                password: address.password.clone(),
            },
            host: address.host.clone(),
            port: address.port,
        },
        vhost: address.vhost.clone(),
        query: AMQPQueryString {
            heartbeat: Some(HEARTBEAT_SECONDS),
            frame_max,
            auth_mechanism: address.external.then_some(SASLMechanism::External),
            ..AMQPQueryString::default()
        },
    }
}

fn owned(tls: &TlsConfig) -> OwnedTLSConfig {
    OwnedTLSConfig {
        cert_chain: tls.ca_pem.as_ref().map(|pem| String::from_utf8_lossy(pem).into_owned()),
        identity: tls.identity.as_ref().map(|identity| OwnedIdentity::PKCS8 {
            pem: identity.cert_pem.clone(),
            key: identity.key_pem.clone(),
        }),
    }
}

/// A second handle on a socket that somebody else reads.
#[derive(Clone, Debug, Default)]
struct SocketToClose(Arc<Mutex<Option<std::net::TcpStream>>>);

impl SocketToClose {
    fn remember(&self, stream: &impl AsFd) {
        // Without a second handle the dial still has its deadline; only a thread stays longer.
        if let Ok(handle) = stream.as_fd().try_clone_to_owned() {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(handle.into());
        }
    }

    fn shut_down(&self) {
        if let Some(stream) = self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
            && let Err(error) = stream.shutdown(Shutdown::Both)
        {
            debug!(%error, "The socket of a dial that timed out was already closed");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tokio::io::AsyncReadExt;
    use tokio::net::TcpListener;

    use super::*;

    /// The client's own threads. No other test of this crate opens a connection.
    fn io_threads() -> usize {
        let threads = fs::read_dir("/proc/self/task").unwrap();
        let names =
            threads.filter_map(|thread| fs::read_to_string(thread.ok()?.path().join("comm")).ok());
        names.filter(|name| name.starts_with("lapin-io-loop")).count()
    }

    #[test]
    fn there_is_a_pause_after_each_round_and_none_within() {
        let config = BrokerConfig::from_urls("amqps://a,amqps://b,amqps://c", false).unwrap();
        let mut dialer = Dialer::new(&config, "test");
        for round in 1..=10 {
            assert_eq!(dialer.pause_after_miss(), Duration::ZERO);
            assert_eq!(dialer.pause_after_miss(), Duration::ZERO);
            assert!(dialer.pause_after_miss() <= RECONNECT.ceiling(round));
            assert_eq!(dialer.failures, round);
        }
    }

    #[tokio::test]
    #[cfg(target_os = "linux")]
    async fn a_dial_that_gets_no_answer_ends_in_time_and_leaves_no_socket_and_no_thread() {
        let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("amqp://{}", silent.local_addr().unwrap());
        let config = BrokerConfig::from_urls(&url, false).unwrap();
        let address = &config.addresses()[0];

        let dialled = tokio::spawn({
            let (address, tls) = (address.clone(), config.tls().clone());
            async move {
                let way = Way { tls: &tls, name: "test", frame_max: None };
                dial(&address, way, Duration::from_millis(500)).await.map(drop)
            }
        });
        let (mut peer, _) = silent.accept().await.unwrap();
        let mut greeting = [0; 8];
        peer.read_exact(&mut greeting).await.unwrap();
        assert_eq!(&greeting, b"AMQP\x00\x00\x09\x01");
        assert_eq!(io_threads(), 1);

        let fault = dialled.await.unwrap().unwrap_err();
        assert_eq!(fault.to_string(), "no answer within 0.5 s");
        let patience = Duration::from_secs(10);
        let hung_up =
            timeout(patience, peer.read(&mut greeting)).await.expect("the end of the socket");
        assert!(matches!(hung_up, Ok(0) | Err(_)), "{hung_up:?}");
        let no_thread = async {
            while io_threads() > 0 {
                tokio::task::yield_now().await;
            }
        };
        timeout(patience, no_thread).await.expect("the end of the client's thread");
    }
}
