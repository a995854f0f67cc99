//! Certificates are replaced while calls are made.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use fanfare_delivery::http::HttpClient;
use fanfare_delivery::{Outcome, Trouble};

use super::authority::Authority;
use super::handshakes::call;
use super::server::{Server, VERSIONS};
use super::{Files, replace};

const CALLERS: usize = 8;
const CALLS_EACH: usize = 25;

#[tokio::test]
async fn two_hundred_calls_do_not_notice_that_every_certificate_is_replaced() {
    let (old, new) = (Authority::new("old"), Authority::new("new"));
    for version in VERSIONS {
        let server = Server::start(version, &old.server(), Some(&old)).await;
        let (files, identity) = (Files::new(), new.client("fanfare"));
        files.trust(&old);
        files.be(&old.client("fanfare"));
        let (http, made) = (files.client(), Arc::new(AtomicUsize::new(0)));
        let callers: Vec<_> = (0..CALLERS)
            .map(|_| {
                let (http, server, made) = (http.clone(), server.clone(), Arc::clone(&made));
                tokio::spawn(async move {
                    for _ in 0..CALLS_EACH {
                        assert_eq!(call(&http, &server, "event").await, Outcome::Delivered);
                        made.fetch_add(1, Ordering::SeqCst);
                    }
                })
            })
            .collect();
        until("half of the calls", || made.load(Ordering::SeqCst) >= CALLERS * CALLS_EACH / 2)
            .await;
        files.trust(&new);
        files.be(&identity);
        server.becomes(version, &new.server(), Some(&new));
        for caller in callers {
            caller.await.unwrap();
        }
        assert_eq!(server.requests(), CALLERS * CALLS_EACH);

        // Connections of before are good for calls until the files are looked at.
        let seen = async {
            while !server.saw_last(&identity) {
                assert_eq!(call(&http, &server, "event").await, Outcome::Delivered);
            }
        };
        tokio::time::timeout(Duration::from_secs(20), seen).await.expect("the new certificate");
    }
}

#[tokio::test]
async fn a_refused_certificate_is_looked_up_again_and_the_call_repeated_once() {
    let (old, new) = (Authority::new("old"), Authority::new("new"));
    for version in VERSIONS {
        let server = Server::start(version, &old.server(), Some(&new)).await;
        let files = Files::new();
        files.trust(&old);
        files.be(&old.client("fanfare"));
        let http = files.client();
        files.be(&new.client("fanfare"));
        assert_eq!(call(&http, &server, "event").await, Outcome::Delivered);
        assert_eq!((server.connections(), server.requests()), (2, 1), "{version:?}");
    }
}

#[tokio::test]
async fn the_last_good_certificates_are_used_while_the_files_hold_none() {
    let (old, new) = (Authority::new("old"), Authority::new("new"));
    let [_, version] = VERSIONS;
    let own = old.server();
    let server = Server::start(version, &own, Some(&old)).await;
    let (files, good, next) = (Files::new(), old.client("fanfare"), new.client("fanfare"));
    files.trust(&old);
    files.be(&good);
    let http = files.client();
    let (cert, key) = (files.path("cert.pem"), files.path("key.pem"));
    let half = &next.cert[..next.cert.len() / 2];
    for (file, content) in [(&cert, half), (&cert, ""), (&cert, &next.cert), (&key, "not a key")] {
        replace(file, content);
        // A refusal is a reason to look at the files at once.
        server.becomes(version, &own, Some(&new));
        let outcome = call_alone(&http, &server).await;
        let Outcome::Hold { trouble: Trouble::Unauthorized, .. } = outcome else {
            panic!("{content}: {outcome:?}");
        };
        server.becomes(version, &own, Some(&old));
        assert_eq!(call_alone(&http, &server).await, Outcome::Delivered, "{content}");
        assert!(server.saw_last(&good));
        files.be(&good);
    }
    server.becomes(version, &own, Some(&new));
    files.be(&next);
    assert_eq!(call_alone(&http, &server).await, Outcome::Delivered);
    assert!(server.saw_last(&next));
}

/// Over a connection of its own, so that there is a handshake.
async fn call_alone(http: &HttpClient, server: &Server) -> Outcome {
    let request = http.post(server.url()).header("connection", "close").body("event");
    http.call(request).await.into()
}

async fn until(what: &str, holds: impl Fn() -> bool) {
    let waited = async {
        while !holds() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), waited).await.expect(what);
}
