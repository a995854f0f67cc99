//! Calls that the address guard lets through, and calls that never become a connection.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use fanfare_process::settings::Setting;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::resolver::Resolver;
use super::{CallError, HttpClient, HttpLimits, Networks, TlsFiles};
use crate::outcome::{Outcome, Trouble};

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

/// A server that counts its connections and answers each with the same words.
struct Server {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
}

impl Server {
    async fn start() -> Self {
        Self::answering(OK).await
    }

    async fn answering(answer: impl Into<String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let (counter, answer) = (Arc::clone(&connections), answer.into());
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                counter.fetch_add(1, Ordering::SeqCst);
                if reads_request(&mut stream).await {
                    stream.write_all(answer.as_bytes()).await.unwrap();
                }
            }
        });
        Self { address, connections }
    }

    /// Connections so far. They are accepted in order, so one of our own comes after all
    /// that were made before it.
    async fn connections(&self) -> usize {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
        stream.read_to_end(&mut Vec::new()).await.unwrap();
        self.connections.fetch_sub(1, Ordering::SeqCst) - 1
    }

    fn url(&self, host: &str) -> String {
        format!("http://{host}:{}/", self.address.port())
    }
}

/// Whether a whole head came before the end.
async fn reads_request(stream: &mut TcpStream) -> bool {
    let mut head = Vec::new();
    while !head.windows(4).any(|window| window == b"\r\n\r\n") {
        match stream.read_buf(&mut head).await {
            Ok(0) | Err(_) => return false,
            Ok(_) => {}
        }
    }
    true
}

fn limits() -> HttpLimits {
    HttpLimits { whole_call: Duration::from_secs(10), ..HttpLimits::default() }
}

fn unguarded() -> HttpClient {
    HttpClient::new("test", limits()).unwrap()
}

fn guarded(allowed: &str) -> HttpClient {
    unguarded().guarded(Networks::parse(allowed).unwrap()).unwrap()
}

/// A client whose DNS gives each question the next of `answers`, and then the last again.
fn resolving(answers: Vec<Vec<SocketAddr>>) -> (HttpClient, Arc<AtomicUsize>) {
    let questions = Arc::new(AtomicUsize::new(0));
    let asked = Arc::clone(&questions);
    let resolver = Resolver::new(move |_| {
        let turn = asked.fetch_add(1, Ordering::SeqCst).min(answers.len() - 1);
        let answer = answers[turn].clone();
        Box::pin(async move { Ok(answer) })
    });
    let client = HttpClient::resolving(resolver, "test".to_owned(), limits(), TlsFiles::default());
    (client.unwrap(), questions)
}

async fn call(client: &HttpClient, url: &str) -> Outcome {
    client.call(client.post(url).body("an event")).await.into()
}

fn assert_blocked(outcome: &Outcome, what: &str) {
    let Outcome::Hold { reason, trouble: Trouble::Untrusted, pause: None } = outcome else {
        panic!("{what}: {outcome:?}");
    };
    for address in ["127.", "0.0.0.0", "::"] {
        assert!(!reason.text.contains(address), "{what}: {}", reason.text);
    }
}

#[tokio::test]
async fn no_spelling_of_this_machine_is_connected_to() {
    let server = Server::start().await;
    let spellings = [
        "127.0.0.1",
        "127.0.0.1.",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "017700000001",
        "0177.0.0.1",
        "１２７.０.０.１",
        "[::ffff:127.0.0.1]",
        "0.0.0.0",
        "0",
        "localhost",
        "LOCALHOST",
    ];
    let (closed, open) = (guarded(""), guarded("127.0.0.0/8,0.0.0.0"));
    for host in spellings {
        assert_blocked(&call(&closed, &server.url(host)).await, host);
    }
    assert_eq!(server.connections().await, 0, "not one connection");
    for host in spellings {
        assert_eq!(call(&open, &server.url(host)).await, Outcome::Delivered, "{host}");
    }
    assert_eq!(server.connections().await, spellings.len(), "the counter counts");
}

#[tokio::test]
async fn no_name_leads_to_this_machine() {
    let server = Server::start().await;
    let (client, questions) = resolving(vec![vec![server.address]]);
    let names = ["localhost", "localhost.", "localhost.localdomain", "127.0.0.1.nip.example"];
    for host in names {
        assert_blocked(
            &call(&client.guarded(Networks::default()).unwrap(), &server.url(host)).await,
            host,
        );
    }
    assert_eq!(questions.load(Ordering::SeqCst), names.len());
    assert_eq!(server.connections().await, 0, "not one connection");
    for host in names {
        assert_eq!(call(&client, &server.url(host)).await, Outcome::Delivered, "{host}");
    }
    assert_eq!(server.connections().await, names.len(), "the counter counts");
}

#[tokio::test]
async fn a_name_that_changes_its_mind_is_judged_again_and_dialled_as_judged() {
    let (allowed, inside) = (Server::start().await, Server::start().await);
    // The same machine under an address that is not allowed.
    let elsewhere = SocketAddr::from(([0, 0, 0, 0], inside.address.port()));
    let flipping = vec![vec![allowed.address], vec![elsewhere]];

    let (client, questions) = resolving(flipping.clone());
    let client = client.guarded(Networks::parse("127.0.0.1").unwrap()).unwrap();
    let url = "http://rebinding.example/";
    assert_eq!(call(&client, url).await, Outcome::Delivered);
    assert_eq!(questions.load(Ordering::SeqCst), 1, "one question: what it judges, it dials");
    assert_blocked(&call(&client, url).await, "the second answer");
    assert_eq!(questions.load(Ordering::SeqCst), 2);
    assert_eq!((allowed.connections().await, inside.connections().await), (1, 0));

    let (unguarded, _) = resolving(flipping);
    for _ in 0..2 {
        assert_eq!(call(&unguarded, url).await, Outcome::Delivered);
    }
    assert_eq!(inside.connections().await, 1, "without the guard it would have been reached");
}

#[tokio::test]
async fn of_mixed_answers_only_what_is_allowed_is_dialled() {
    let (allowed, inside) = (Server::start().await, Server::start().await);
    let elsewhere = SocketAddr::from(([0, 0, 0, 0], inside.address.port()));
    for answer in [[elsewhere, allowed.address], [allowed.address, elsewhere]] {
        let (client, _) = resolving(vec![answer.to_vec()]);
        let client = client.guarded(Networks::parse("127.0.0.1").unwrap()).unwrap();
        assert_eq!(call(&client, "http://mixed.example/").await, Outcome::Delivered);
    }
    assert_eq!((allowed.connections().await, inside.connections().await), (2, 0));
    let (unguarded, _) = resolving(vec![vec![elsewhere, allowed.address]]);
    assert_eq!(call(&unguarded, "http://mixed.example/").await, Outcome::Delivered);
    assert_eq!(inside.connections().await, 1, "without the guard it would have been reached");
}

#[tokio::test]
async fn a_redirect_leads_nowhere() {
    let inside = Server::start().await;
    for (status, host) in [(301, "127.0.0.1"), (307, "localhost"), (308, "0.0.0.0")] {
        let location = inside.url(host);
        let outside = Server::answering(format!(
            "HTTP/1.1 {status} Moved\r\nlocation: {location}\r\ncontent-length: 0\r\n\
             connection: close\r\n\r\n"
        ))
        .await;
        let outcome = call(&guarded("127.0.0.1"), &outside.url("127.0.0.1")).await;
        assert_eq!(outcome.label(), "rejected", "{status}");
        assert_eq!(outcome.reason().unwrap().status, Some(status));
        assert_eq!(outside.connections().await, 1);
    }
    assert_eq!(inside.connections().await, 0, "allowed or not, it is not followed");
    assert_eq!(call(&unguarded(), &inside.url("0.0.0.0")).await, Outcome::Delivered);
    assert_eq!(inside.connections().await, 1, "the counter counts");
}

#[tokio::test]
async fn a_request_of_another_client_does_not_get_past_the_guard() {
    let server = Server::start().await;
    for host in ["127.0.0.1", "localhost"] {
        let request = unguarded().post(server.url(host));
        let outcome: Outcome = guarded("").call(request).await.into();
        assert_blocked(&outcome, host);
    }
    assert_eq!(server.connections().await, 0);
}

#[tokio::test]
async fn a_check_dials_nothing_that_a_call_would_not() {
    let server = Server::start().await;
    let port = server.address.port();
    let dial = async |allowed, host| {
        guarded(allowed).resolver().dial(host, port, Duration::from_secs(10)).await
    };
    for host in ["127.0.0.1", "localhost"] {
        assert!(matches!(dial("", host).await, Err(CallError::Blocked)), "{host}");
    }
    assert_eq!(server.connections().await, 0);
    for host in ["127.0.0.1", "localhost"] {
        dial("127.0.0.0/8", host).await.unwrap();
    }
    assert_eq!(server.connections().await, 2);
}
