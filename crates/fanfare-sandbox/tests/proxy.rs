//! The fault proxy over real sockets. Each test also asserts that its fault happened.

#![expect(clippy::unwrap_used, reason = "a step that fails is a test that fails")]

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use fanfare_sandbox::proxy::{Direction, FaultProxy, Faults};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

/// Longer than anything here takes.
const DEADLINE: Duration = Duration::from_secs(10);

/// Sends everything back, and ends with its client.
async fn echo_server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut from, mut to) = stream.split();
                tokio::io::copy(&mut from, &mut to).await
            });
        }
    });
    address
}

async fn proxied() -> (FaultProxy, TcpStream) {
    let proxy = FaultProxy::start(echo_server().await).await.unwrap();
    let stream = TcpStream::connect(proxy.address()).await.unwrap();
    (proxy, stream)
}

/// Sends bytes and reads as many back.
async fn round_trip(stream: &mut TcpStream, bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut back = vec![0; bytes.len()];
    let (mut from, mut to) = stream.split();
    tokio::try_join!(to.write_all(bytes), from.read_exact(&mut back))?;
    Ok(back)
}

#[tokio::test]
async fn without_faults_bytes_and_endings_pass() {
    let (proxy, mut stream) = proxied().await;
    let bytes: Vec<u8> = (0..1_000_000_u32).map(|n| n.to_le_bytes()[0]).collect();
    assert_eq!(round_trip(&mut stream, &bytes).await.unwrap(), bytes);
    stream.shutdown().await.unwrap();
    assert_eq!(stream.read(&mut [0]).await.unwrap(), 0, "half a close passes through");
    proxy.wait_until("the connection to end", DEADLINE, |c| c.open == 0).await.unwrap();
    let counts = proxy.counts();
    assert_eq!((counts.connections, counts.faults()), (1, 0));
    assert_eq!((counts.request_bytes, counts.reply_bytes), (1_000_000, 1_000_000));
}

#[tokio::test]
async fn latency_delays_both_ways_without_narrowing() {
    let (proxy, mut stream) = proxied().await;
    proxy.set(Faults::latency(Duration::from_millis(50), Duration::from_millis(10)));
    let start = Instant::now();
    round_trip(&mut stream, b"ping").await.unwrap();
    assert!(start.elapsed() >= Duration::from_millis(100), "{:?}", start.elapsed());

    // 2 MB are 128 pieces each way: one after the other they would take twelve seconds.
    let start = Instant::now();
    round_trip(&mut stream, &vec![7; 2_000_000]).await.unwrap();
    assert!(start.elapsed() < Duration::from_secs(6), "{:?}", start.elapsed());
    assert!(proxy.counts().delayed > 0);
}

#[tokio::test]
async fn bandwidth_is_bounded() {
    let (proxy, mut stream) = proxied().await;
    proxy.set(Faults::bandwidth(100_000));
    let start = Instant::now();
    round_trip(&mut stream, &[7; 30_000]).await.unwrap();
    assert!(start.elapsed() >= Duration::from_millis(300), "{:?}", start.elapsed());
    assert!(proxy.counts().throttled > 0);
}

#[tokio::test]
async fn slices_arrive_in_order() {
    let (proxy, mut stream) = proxied().await;
    proxy.set(Faults::slice(7));
    let bytes: Vec<u8> = (0..=255).collect();
    assert_eq!(round_trip(&mut stream, &bytes).await.unwrap(), bytes);
    assert!(proxy.counts().sliced >= 256 / 7, "{:?}", proxy.counts());
}

#[tokio::test]
async fn replies_can_be_withheld_while_requests_pass() {
    let (proxy, mut stream) = proxied().await;
    proxy.set(Faults::withhold(Direction::Replies));
    stream.write_all(b"ping").await.unwrap();
    proxy.wait_until("the reply to be withheld", DEADLINE, |c| c.withheld == 1).await.unwrap();
    let counts = proxy.counts();
    assert_eq!((counts.request_bytes, counts.reply_bytes), (4, 0));

    proxy.heal().await.unwrap();
    let mut back = [0; 4];
    timeout(DEADLINE, stream.read_exact(&mut back)).await.unwrap().unwrap();
    assert_eq!(&back, b"ping", "what was withheld arrives after all");
}

#[tokio::test]
async fn requests_can_be_withheld_and_so_can_the_end_of_a_connection() {
    let (proxy, mut stream) = proxied().await;
    proxy.set(Faults::withhold(Direction::Requests));
    stream.write_all(b"ping").await.unwrap();
    proxy.wait_until("the request to be withheld", DEADLINE, |c| c.withheld == 1).await.unwrap();
    assert_eq!(proxy.counts().request_bytes, 0);
    stream.shutdown().await.unwrap();
    assert_eq!(proxy.counts().open, 1, "the server has not heard of the end");

    proxy.heal().await.unwrap();
    let mut back = Vec::new();
    timeout(DEADLINE, stream.read_to_end(&mut back)).await.unwrap().unwrap();
    assert_eq!(back, b"ping");
}

#[tokio::test]
async fn one_connection_can_be_cut_off_at_what_it_says_while_others_go_on() {
    let (proxy, mut stream) = proxied().await;
    let mut other = TcpStream::connect(proxy.address()).await.unwrap();
    proxy.set(Faults::withhold_from(Direction::Requests, b"pong"));
    assert_eq!(round_trip(&mut stream, b"ping").await.unwrap(), b"ping");
    stream.write_all(b"ping, pong").await.unwrap();
    proxy.wait_until("the request to be withheld", DEADLINE, |c| c.withheld == 1).await.unwrap();
    stream.write_all(b"ping").await.unwrap();
    assert_eq!(round_trip(&mut other, b"ping").await.unwrap(), b"ping");
    assert_eq!(proxy.counts().request_bytes, 8, "nothing follows what is withheld");

    proxy.heal().await.unwrap();
    let mut back = [0; 14];
    timeout(DEADLINE, stream.read_exact(&mut back)).await.unwrap().unwrap();
    assert_eq!(&back, b"ping, pongping", "in its order");
}

#[tokio::test]
async fn a_blackhole_swallows_both_ways() {
    let (proxy, mut stream) = proxied().await;
    proxy.set(Faults::blackhole());
    stream.write_all(b"ping").await.unwrap();
    proxy.wait_until("the request to be withheld", DEADLINE, |c| c.withheld > 0).await.unwrap();
    assert_eq!((proxy.counts().request_bytes, proxy.counts().reply_bytes), (0, 0));
    proxy.reset_connections();
    let error = stream.read(&mut [0]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset, "a reset gets through a blackhole");
}

#[tokio::test]
async fn a_reset_ends_what_is_open_and_spares_what_comes_later() {
    let (proxy, mut stream) = proxied().await;
    round_trip(&mut stream, b"ping").await.unwrap();
    proxy.reset_connections();
    let error = stream.read(&mut [0]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert_eq!(proxy.counts().resets, 1);

    let mut later = TcpStream::connect(proxy.address()).await.unwrap();
    assert_eq!(round_trip(&mut later, b"ping").await.unwrap(), b"ping");
}

#[tokio::test]
async fn refusing_spares_what_is_open_and_heals_on_the_same_port() {
    let (proxy, mut stream) = proxied().await;
    round_trip(&mut stream, b"ping").await.unwrap();
    proxy.refuse().await.unwrap();
    let refused = TcpStream::connect(proxy.address()).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    assert_eq!(round_trip(&mut stream, b"ping").await.unwrap(), b"ping");

    proxy.heal().await.unwrap();
    let mut later = TcpStream::connect(proxy.address()).await.unwrap();
    assert_eq!(round_trip(&mut later, b"ping").await.unwrap(), b"ping");
    assert_eq!(proxy.counts().refusals, 1);
}

#[tokio::test]
async fn a_server_that_is_away_shows_as_a_reset() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let away = listener.local_addr().unwrap();
    drop(listener);
    let proxy = FaultProxy::start(away).await.unwrap();
    let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
    let error = stream.read(&mut [0]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert_eq!(proxy.counts().unreachable, 1);
}

#[tokio::test]
async fn dropping_the_proxy_closes_its_port_and_its_connections() {
    let (proxy, mut stream) = proxied().await;
    round_trip(&mut stream, b"ping").await.unwrap();
    let address = proxy.address();
    drop(proxy);
    assert_eq!(timeout(DEADLINE, stream.read(&mut [0])).await.unwrap().unwrap_or(0), 0);
    let gone = async {
        while TcpStream::connect(address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    timeout(DEADLINE, gone).await.expect("the port to be closed");
}
