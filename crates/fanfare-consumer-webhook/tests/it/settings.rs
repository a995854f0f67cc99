//! Settings: what is valid, and that every problem is reported together.

use crate::story::{OLD_SECRET, SECRET, settings};

#[test]
fn a_url_and_a_secret_are_enough() {
    settings(&[]).unwrap();
    settings(&[("WEBHOOK_URL", "https://receiver.example/a/b?token=canary")]).unwrap();
    settings(&[("WEBHOOK_SECRET", &format!("{SECRET}, {OLD_SECRET}"))]).unwrap();
}

#[test]
fn plain_http_reaches_this_machine_only() {
    for local in ["http://127.0.0.1:8082/hooks", "http://localhost:8082", "http://[::1]:8082"] {
        settings(&[("WEBHOOK_URL", local)]).unwrap();
    }
    for far in ["http://receiver.example", "http://10.0.0.1", "http://localhost.example.com"] {
        let problems = settings(&[("WEBHOOK_URL", far)]).unwrap_err().to_string();
        assert!(problems.contains("is plain http to another machine"), "{problems}");
        settings(&[("WEBHOOK_URL", far), ("FANFARE_HTTP_ALLOW_PLAINTEXT", "true")]).unwrap();
    }
}

#[test]
fn every_problem_is_reported_at_once_without_what_is_secret() {
    let wrong = [
        ("WEBHOOK_URL", "https://receiver.example/canary#part"),
        ("WEBHOOK_SECRET", "whsec_Y2FuYXJ5"),
        ("WEBHOOK_ALLOW_NETWORKS", "10.0.0.0/8,10.1.2.3/8"),
        ("WEBHOOK_BODY", "json"),
    ];
    let error = settings(&wrong).unwrap_err();
    let variables: Vec<_> =
        error.problems().iter().map(|problem| problem.variable.as_str()).collect();
    assert_eq!(variables, wrong.map(|(name, _)| name));
    let text = error.to_string();
    assert!(text.contains("has a number 1 that holds 6 bytes, not 24 to 64"), "{text}");
    assert!(text.contains("has a number 2 that has bits beyond its prefix of /8"), "{text}");
    assert!(!text.contains("canary") && !text.contains("Y2FuYXJ5"), "{text}");
}

#[test]
fn credentials_in_the_url_are_refused() {
    for url in ["https://user@receiver.example", "https://user:canary@receiver.example"] {
        let problems = settings(&[("WEBHOOK_URL", url)]).unwrap_err().to_string();
        assert!(
            problems.contains("user or password") && !problems.contains("canary"),
            "{problems}"
        );
    }
}

#[test]
fn url_and_secret_are_required() {
    let error = settings(&[("WEBHOOK_URL", ""), ("WEBHOOK_SECRET", "")]).unwrap_err();
    assert_eq!(error.problems().len(), 2, "{error}");
}
