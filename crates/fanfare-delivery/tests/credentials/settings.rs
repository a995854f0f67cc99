//! `FANFARE_HTTP_AUTH` and what belongs to it: what is valid, and what is said when it is not.

use std::collections::BTreeMap;

use fanfare_delivery::http::{Credentials, read_credentials};
use fanfare_process::settings::{Reader, Variable};

const OWN: Variable = Variable::required("CRM_TOKEN", "tok", "The CRM's own token.").secret();

fn read(own_token: Option<&Variable>, vars: &[(&str, &str)]) -> Result<Credentials, Vec<String>> {
    let vars: BTreeMap<_, _> =
        vars.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let mut reader = Reader::new(&vars);
    let credentials = read_credentials(&mut reader, own_token);
    reader.finish(&[], || credentials).map_err(|error| {
        error
            .problems()
            .iter()
            .map(|problem| format!("{}: {}", problem.variable, problem.what))
            .collect()
    })
}

fn scheme(own_token: Option<&Variable>, vars: &[(&str, &str)]) -> String {
    format!("{:?}", read(own_token, vars).unwrap())
}

/// Nothing but these, whatever else each of them says.
fn refused(own_token: Option<&Variable>, vars: &[(&str, &str)], starts: &[&str]) {
    let problems = read(own_token, vars).unwrap_err();
    assert_eq!(problems.len(), starts.len(), "{problems:?}");
    for (problem, start) in problems.iter().zip(starts) {
        assert!(problem.starts_with(start), "{problem}\nshould start with\n{start}");
        assert!(!problem.contains("canary"), "{problem}");
    }
}

#[test]
fn an_api_is_open_unless_it_is_said_otherwise() {
    assert_eq!(scheme(None, &[]), "Credentials(none)");
    assert_eq!(scheme(None, &[("FANFARE_HTTP_AUTH", "none")]), "Credentials(none)");
}

#[test]
fn each_way_reads_its_variables() {
    for (way, vars) in [
        ("bearer", &[("FANFARE_HTTP_BEARER_TOKEN", "t")][..]),
        ("api-key", &[("FANFARE_HTTP_API_KEY", "k")]),
        ("api-key", &[("FANFARE_HTTP_API_KEY", "k"), ("FANFARE_HTTP_API_KEY_HEADER", "Api-Token")]),
        ("basic", &[("FANFARE_HTTP_USER", "u"), ("FANFARE_HTTP_PASSWORD", "p")]),
        (
            "oauth2",
            &[
                ("FANFARE_OAUTH_TOKEN_URL", "https://login.example/token?tenant=1"),
                ("FANFARE_OAUTH_CLIENT_ID", "id"),
                ("FANFARE_OAUTH_CLIENT_SECRET", "s"),
            ],
        ),
    ] {
        let vars = [&[("FANFARE_HTTP_AUTH", way)], vars].concat();
        assert_eq!(scheme(None, &vars), format!("Credentials({way})"));
    }
}

#[test]
fn an_api_with_a_token_of_its_own_is_called_with_it() {
    let own = Some(&OWN);
    assert_eq!(scheme(own, &[("CRM_TOKEN", "t")]), "Credentials(bearer)");
    assert_eq!(
        scheme(own, &[("CRM_TOKEN", "t"), ("FANFARE_HTTP_AUTH", "bearer")]),
        "Credentials(bearer)"
    );
    refused(own, &[], &["CRM_TOKEN: is not set"]);
    refused(own, &[("CRM_TOKEN", "can\u{7}ary")], &["CRM_TOKEN: holds a character that no HTTP"]);
    // One env file serves all programs, and another one may read this.
    let shared = [
        ("CRM_TOKEN", "t"),
        ("FANFARE_HTTP_AUTH", "bearer"),
        ("FANFARE_HTTP_BEARER_TOKEN", "other"),
    ];
    assert_eq!(scheme(own, &shared), "Credentials(bearer)");
}

#[test]
fn another_way_than_the_apis_own_needs_no_token_and_takes_none() {
    let key = [("FANFARE_HTTP_AUTH", "api-key"), ("FANFARE_HTTP_API_KEY", "k")];
    assert_eq!(scheme(Some(&OWN), &key), "Credentials(api-key)");
    refused(
        Some(&OWN),
        &[key[0], key[1], ("CRM_TOKEN", "canary")],
        &["CRM_TOKEN: is set, but only FANFARE_HTTP_AUTH=bearer reads it"],
    );
}

#[test]
fn what_a_way_needs_and_what_it_does_not_is_reported_together() {
    refused(
        None,
        &[
            ("FANFARE_HTTP_AUTH", "basic"),
            ("FANFARE_HTTP_BEARER_TOKEN_FILE", "/nowhere/canary"),
            ("FANFARE_HTTP_API_KEY_HEADER", "X-Key"),
            ("FANFARE_HTTP_USER", "a:b"),
        ],
        &[
            "FANFARE_HTTP_BEARER_TOKEN: is set, but only FANFARE_HTTP_AUTH=bearer reads it",
            "FANFARE_HTTP_API_KEY_HEADER: is set, but only FANFARE_HTTP_AUTH=api-key reads it",
            "FANFARE_HTTP_USER: \"a:b\" holds a colon",
            "FANFARE_HTTP_PASSWORD: is not set",
        ],
    );
    refused(
        None,
        &[("FANFARE_HTTP_USER", "u")],
        &["FANFARE_HTTP_USER: is set, but only FANFARE_HTTP_AUTH=basic reads it"],
    );
    refused(
        None,
        &[("FANFARE_HTTP_AUTH", "digest")],
        &[
            "FANFARE_HTTP_AUTH: \"digest\" is not one of `none`, `bearer`, `api-key`, `basic`, `oauth2`",
        ],
    );
}

#[test]
fn tokens_are_asked_for_where_nobody_listens() {
    refused(
        None,
        &[
            ("FANFARE_HTTP_AUTH", "oauth2"),
            ("FANFARE_OAUTH_TOKEN_URL", "http://login.example/token"),
            ("FANFARE_OAUTH_CLIENT_AUTH", "jwt"),
        ],
        &[
            "FANFARE_OAUTH_TOKEN_URL: \"http://login.example/token\" is plain http to another",
            "FANFARE_OAUTH_CLIENT_ID: is not set",
            "FANFARE_OAUTH_CLIENT_SECRET: is not set",
            "FANFARE_OAUTH_CLIENT_AUTH: \"jwt\" is not one of `basic`, `form`",
        ],
    );
}

#[test]
fn a_key_goes_into_no_header_that_has_another_meaning() {
    for (header, problem) in [
        ("Host", "is a header that has another meaning"),
        ("content-length", "is a header that has another meaning"),
        ("X Key", "is not the name of a header"),
    ] {
        refused(
            None,
            &[
                ("FANFARE_HTTP_AUTH", "api-key"),
                ("FANFARE_HTTP_API_KEY", "canary"),
                ("FANFARE_HTTP_API_KEY_HEADER", header),
            ],
            &[&format!("FANFARE_HTTP_API_KEY_HEADER: {header:?} {problem}")],
        );
    }
}
