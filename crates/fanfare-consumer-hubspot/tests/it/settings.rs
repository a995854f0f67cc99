//! Settings: what is valid, and that every problem is reported together.

use fanfare_delivery::Destination;

use crate::story::{hubspot, settings};

#[test]
fn the_defaults_and_a_token_are_enough() {
    settings(&[]).unwrap();
}

#[test]
fn plain_http_reaches_this_machine_only() {
    for local in ["http://127.0.0.1:8081", "http://localhost:8081", "http://[::1]:8081"] {
        settings(&[("HUBSPOT_BASE_URL", local)]).unwrap();
    }
    for far in ["http://api.hubapi.com", "http://10.0.0.1", "http://localhost.example.com"] {
        let problems = settings(&[("HUBSPOT_BASE_URL", far)]).unwrap_err().to_string();
        assert!(problems.contains("is plain http to another machine"), "{problems}");
    }
    settings(&[("HUBSPOT_BASE_URL", "https://proxy.example.com/hubspot")]).unwrap();
}

#[test]
fn every_problem_is_reported_at_once() {
    let error = settings(&[
        ("HUBSPOT_BASE_URL", "https://api.hubapi.com?key=1"),
        ("HUBSPOT_ACCESS_TOKEN", "pat\u{7}canary"),
        ("HUBSPOT_UPSERT_PATH", "crm/v3/objects/contacts"),
    ])
    .unwrap_err();
    let variables: Vec<_> = error.problems().iter().map(|problem| &problem.variable).collect();
    assert_eq!(variables, ["HUBSPOT_BASE_URL", "HUBSPOT_ACCESS_TOKEN", "HUBSPOT_UPSERT_PATH"]);
    assert!(!error.to_string().contains("canary"), "{error}");
}

#[test]
fn a_token_is_required() {
    let error = settings(&[("HUBSPOT_ACCESS_TOKEN", "")]).unwrap_err();
    assert!(error.to_string().contains("HUBSPOT_ACCESS_TOKEN: is not set"), "{error}");
}

#[test]
fn the_address_to_check_is_the_one_that_is_called() {
    for (url, host, port) in
        [("https://api.hubapi.com", "api.hubapi.com", 443), ("http://[::1]:8081/path", "::1", 8081)]
    {
        let hubspot = hubspot(settings(&[("HUBSPOT_BASE_URL", url)]).unwrap());
        assert_eq!(hubspot.address(), Some((host.to_owned(), port)));
    }
}
