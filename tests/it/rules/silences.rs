//! The rows without an answer: what was not sent is safe to repeat, what was sent is not.

use fanfare_delivery::Trouble;
use fanfare_sandbox::mock::{Fault, Moment};
use fanfare_sandbox::redis::{Certificate, RedisNode};
use fanfare_tests::free_port;
use tokio::net::TcpListener;

use super::{Row, api_that_answers, client, guarded, url_that_leads_nowhere};

const UNREACHABLE: Row = Row::Hold(Trouble::Unreachable);

#[tokio::test]
async fn a_name_that_is_unknown_holds() {
    url_that_leads_nowhere(client(), "http://nowhere.invalid/", UNREACHABLE).await;
}

#[tokio::test]
async fn a_refused_connection_holds() {
    let url = format!("http://127.0.0.1:{}/", free_port());
    url_that_leads_nowhere(client(), &url, UNREACHABLE).await;
}

#[tokio::test]
async fn a_tls_handshake_that_takes_too_long_holds() {
    // Connections stand in the listener's line, and nobody says a word.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/", listener.local_addr().unwrap());
    url_that_leads_nowhere(client(), &url, UNREACHABLE).await;
}

#[tokio::test]
async fn a_connection_that_is_cut_before_a_byte_of_the_request_holds() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            drop(connection);
        }
    });
    url_that_leads_nowhere(client(), &url, UNREACHABLE).await;
}

#[tokio::test]
async fn a_call_that_was_sent_and_got_no_answer_is_ambiguous() {
    let silences = [
        Fault::hang(Moment::AfterRead),
        Fault::reset(Moment::AfterRead),
        // Whether it was read cannot be seen from here.
        Fault::hang(Moment::BeforeRead),
        Fault::reset(Moment::BeforeRead),
    ];
    api_that_answers(silences, Row::Ambiguous).await;
}

#[tokio::test]
async fn an_address_that_is_blocked_holds() {
    let url = format!("http://127.0.0.1:{}/", free_port());
    url_that_leads_nowhere(guarded(), &url, Row::Hold(Trouble::Untrusted)).await;
}

#[tokio::test]
async fn a_2xx_whose_body_is_cut_is_delivered() {
    api_that_answers([Fault::truncate()], Row::Delivered).await;
}

#[tokio::test]
async fn a_certificate_that_cannot_be_trusted_holds() {
    let params = rcgen::CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    let key = rcgen::KeyPair::generate().unwrap();
    let cert_pem = params.self_signed(&key).unwrap().pem();
    // It takes any server that speaks TLS, and here is one: nobody gets past its handshake.
    let certificate = Certificate { cert_pem, key_pem: key.serialize_pem() };
    let server = RedisNode::private_with_tls(&certificate).await.unwrap();
    let port = url::Url::parse(server.tls_url().unwrap()).unwrap().port().unwrap();
    let url = format!("https://127.0.0.1:{port}/");
    url_that_leads_nowhere(client(), &url, Row::Hold(Trouble::Untrusted)).await;
}
