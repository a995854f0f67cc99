//! A program's environment decides whom its client trusts and who it is.

use std::collections::BTreeMap;
use std::sync::mpsc;

use fanfare_delivery::http::HttpClient;
use fanfare_delivery::{Attempt, Consumer, Destination, Outcome};
use fanfare_process::{Exit, Program, catalogue};

use super::Files;
use super::authority::Authority;
use super::handshakes::call;
use super::server::{Server, VERSIONS};

const PROGRAM: Program = Program {
    name: "fanfare-consumer-crm",
    about: "Delivers events to a CRM.",
    variables: &[
        catalogue::broker::GROUP,
        catalogue::process::GROUP,
        catalogue::consumer::GROUP,
        catalogue::credentials::GROUP,
    ],
};

#[derive(Debug)]
struct Crm;

impl Destination for Crm {
    fn handles(&self, _event_type: &str) -> bool {
        true
    }

    async fn deliver(&self, _attempt: &Attempt) -> Outcome {
        Outcome::Delivered
    }
}

/// The client that the program calls with, or how it ends.
fn client(files: &Files) -> Result<HttpClient, Exit> {
    let vars: BTreeMap<String, String> =
        [("CA", "ca.pem"), ("CERT", "cert.pem"), ("KEY", "key.pem")]
            .into_iter()
            .map(|(variable, file)| {
                let path = files.path(file).to_str().unwrap().to_owned();
                (format!("FANFARE_HTTP_{variable}_FILE"), path)
            })
            .collect();
    let (made, client) = mpsc::channel();
    let build = move |(), http| {
        made.send(http).unwrap();
        Crm
    };
    Consumer::from_environment(&PROGRAM, "crm", [], &vars, |_| Some(()), build)?;
    Ok(client.recv().unwrap())
}

#[tokio::test]
async fn a_program_calls_with_the_certificates_that_its_environment_names_or_does_not_start() {
    let ours = Authority::new("ours");
    let [_, version] = VERSIONS;
    let server = Server::start(version, &ours.server(), Some(&ours)).await;
    let (files, identity) = (Files::new(), ours.client("fanfare"));
    assert_eq!(client(&files).err(), Some(Exit::Settings));
    files.trust(&ours);
    files.be(&identity);
    assert_eq!(call(&client(&files).unwrap(), &server, "event").await, Outcome::Delivered);
    assert!(server.saw_last(&identity));
}
