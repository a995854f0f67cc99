//! Handshakes that come about, and those that do not: a hold, whatever had been sent by then.

use fanfare_delivery::http::{HttpClient, Networks};
use fanfare_delivery::{Outcome, Trouble};
use fanfare_process::settings::Setting;

use super::Files;
use super::authority::Authority;
use super::server::{Server, VERSIONS};

/// Often enough to meet a refusal before, while and after the request is written.
const TURNS: usize = 20;

pub(super) async fn call(http: &HttpClient, server: &Server, body: impl Into<String>) -> Outcome {
    http.call(http.post(server.url()).body(body.into())).await.into()
}

fn trouble(outcome: &Outcome) -> Option<Trouble> {
    match outcome {
        Outcome::Hold { trouble, .. } => Some(*trouble),
        _ => None,
    }
}

#[tokio::test]
async fn a_private_authority_is_trusted_where_a_file_names_it() {
    let (ours, other) = (Authority::new("ours"), Authority::new("other"));
    for version in VERSIONS {
        let server = Server::start(version, &ours.server(), None).await;
        let files = Files::new();
        let outcome = call(&files.client(), &server, "event").await;
        assert_eq!(trouble(&outcome), Some(Trouble::Untrusted), "the system: {outcome:?}");
        files.trust(&other);
        let outcome = call(&files.client(), &server, "event").await;
        assert_eq!(trouble(&outcome), Some(Trouble::Untrusted), "another one: {outcome:?}");
        assert_eq!(server.requests(), 0);
        files.trust(&ours);
        assert_eq!(call(&files.client(), &server, "event").await, Outcome::Delivered);
        assert_eq!(server.requests(), 1);
    }
}

#[tokio::test]
async fn a_server_that_wants_a_client_certificate_is_shown_it() {
    let ours = Authority::new("ours");
    for version in VERSIONS {
        let server = Server::start(version, &ours.server(), Some(&ours)).await;
        let (files, identity) = (Files::new(), ours.client("fanfare"));
        files.trust(&ours);
        files.be(&identity);
        assert_eq!(call(&files.client(), &server, "event").await, Outcome::Delivered);
        assert!(server.saw_last(&identity));
    }
}

#[tokio::test]
async fn a_client_that_is_refused_holds_and_nothing_took_effect() {
    let (ours, other) = (Authority::new("ours"), Authority::new("other"));
    let clients = [
        ("no certificate", None),
        ("another authority's", Some(other.client("fanfare"))),
        ("an expired one", Some(ours.expired_client("fanfare"))),
    ];
    for version in VERSIONS {
        let server = Server::start(version, &ours.server(), Some(&ours)).await;
        for (what, identity) in &clients {
            let files = Files::new();
            files.trust(&ours);
            if let Some(identity) = identity {
                files.be(identity);
            }
            let http = files.client();
            for turn in 0..TURNS {
                let body = "event".repeat(1 << (turn % 16));
                let outcome = call(&http, &server, body).await;
                let held = trouble(&outcome) == Some(Trouble::Unauthorized);
                assert!(held, "{version:?}, {what}, turn {turn}: {outcome:?}");
                let words = &outcome.reason().unwrap().text;
                assert!(words.contains("client certificate"), "{words}");
            }
        }
        assert_eq!(server.requests(), 0, "{version:?}");
    }
}

#[tokio::test]
async fn nginx_refuses_a_client_certificate_with_a_400_that_is_not_the_events_fault() {
    let page = "<html>\r\n<head><title>400 The SSL certificate error</title></head>\r\n</html>";
    let ours = Authority::new("ours");
    let [_, version] = VERSIONS;
    let server = Server::answering(version, &ours.server(), None, 400, page).await;
    let files = Files::new();
    files.trust(&ours);
    let outcome = call(&files.client(), &server, "event").await;
    assert_eq!(trouble(&outcome), Some(Trouble::Unauthorized), "{outcome:?}");
}

#[tokio::test]
async fn the_address_guard_stands_whatever_secures_the_calls() {
    let ours = Authority::new("ours");
    let [_, version] = VERSIONS;
    let server = Server::start(version, &ours.server(), None).await;
    let files = Files::new();
    files.trust(&Authority::new("before"));
    let guarded = files.client().guarded(Networks::default()).unwrap();
    let open = files.client().guarded(Networks::parse("127.0.0.0/8").unwrap()).unwrap();
    files.trust(&ours);
    // The one that may dial finds the new authority; the other dials nobody.
    assert_eq!(call(&open, &server, "event").await, Outcome::Delivered);
    let connections = server.connections();
    for host in ["localhost", "127.0.0.1"] {
        let url = server.url().replace("localhost", host);
        let outcome: Outcome = guarded.call(guarded.post(url)).await.into();
        assert_eq!(trouble(&outcome), Some(Trouble::Untrusted), "{host}: {outcome:?}");
    }
    assert_eq!(server.connections(), connections);
}
