//! Settings: what is valid, and that every problem is reported together.

use std::num::NonZeroUsize;
use std::time::Duration;

use fanfare_delivery::{Batching, Destination};

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
fn a_call_holds_up_to_a_hundred_contacts_or_one() {
    let batching = |vars: &[(&str, &str)]| hubspot(settings(vars).unwrap()).batching();
    let of = |most, wait_ms| {
        let most = NonZeroUsize::new(most).unwrap();
        Some(Batching { most, wait: Duration::from_millis(wait_ms) })
    };
    assert_eq!(batching(&[]), of(100, 50));
    let given = [("HUBSPOT_BATCH_SIZE", "20"), ("HUBSPOT_BATCH_WAIT", "1s")];
    assert_eq!(batching(&given), of(20, 1000));
    assert_eq!(batching(&[("HUBSPOT_BATCH_SIZE", "1")]), None);
    for (name, wrong) in [
        ("HUBSPOT_BATCH_SIZE", "0"),
        ("HUBSPOT_BATCH_SIZE", "101"),
        ("HUBSPOT_BATCH_SIZE", "many"),
        ("HUBSPOT_BATCH_WAIT", "11s"),
        ("HUBSPOT_BATCH_WAIT", "50"),
    ] {
        let error = settings(&[(name, wrong)]).unwrap_err().to_string();
        assert!(error.starts_with(name), "{name}={wrong}: {error}");
    }
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
