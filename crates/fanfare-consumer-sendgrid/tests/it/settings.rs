//! Settings: what is valid, and that every problem is reported together.

use crate::story::settings;

#[test]
fn key_and_sender_are_enough() {
    settings(&[]).unwrap();
}

#[test]
fn plain_http_reaches_this_machine_only() {
    for local in ["http://127.0.0.1:8082", "http://localhost:8082", "http://[::1]:8082"] {
        settings(&[("SENDGRID_BASE_URL", local)]).unwrap();
    }
    for far in ["http://api.sendgrid.com", "http://10.0.0.1", "http://localhost.example.com"] {
        let problems = settings(&[("SENDGRID_BASE_URL", far)]).unwrap_err().to_string();
        assert!(problems.contains("is plain http to another machine"), "{problems}");
    }
    settings(&[("SENDGRID_BASE_URL", "https://api.eu.sendgrid.com/")]).unwrap();
}

#[test]
fn every_problem_is_reported_at_once() {
    let wrong = [
        ("SENDGRID_BASE_URL", "https://api.sendgrid.com#v3"),
        ("SENDGRID_API_KEY", "SG.\u{7}canary"),
        ("SENDGRID_FROM_EMAIL", "Example <hello@example.com>"),
        ("SENDGRID_TEMPLATE_ID", "13b8f94f-bcae-4ec6-b752-70d6cb59f932"),
        ("SENDGRID_SANDBOX", "yes"),
    ];
    let error = settings(&wrong).unwrap_err();
    let variables: Vec<_> =
        error.problems().iter().map(|problem| problem.variable.as_str()).collect();
    assert_eq!(variables, wrong.map(|(name, _)| name));
    assert!(!error.to_string().contains("canary"), "{error}");
}

#[test]
fn key_and_sender_are_required() {
    let error = settings(&[("SENDGRID_API_KEY", ""), ("SENDGRID_FROM_EMAIL", "")]).unwrap_err();
    assert_eq!(error.problems().len(), 2, "{error}");
}
