//! Which databases are understood, and which of them are spoken to in the clear.

use super::*;

fn parsed(url: &str) -> Result<String, String> {
    DatabaseAddress::parse(url, false).map(|address| address.to_string())
}

#[test]
fn an_address_is_shown_without_its_password() {
    for (url, shown) in [
        ("sqlite:///var/lib/app/app.db", "sqlite:/var/lib/app/app.db"),
        ("postgres://me:secret@127.0.0.1:5433/app", "postgres://127.0.0.1:5433/app"),
        ("postgresql://me:secret@localhost/app", "postgres://localhost:5432/app"),
        ("postgres://me@[::1]:5432", "postgres://[::1]:5432/me"),
        ("postgres://me@db.example/app?sslmode=verify-full", "postgres://db.example:5432/app"),
        ("postgres://me@db/app?sslmode=require&password=secret", "postgres://db:5432/app"),
    ] {
        assert_eq!(parsed(url).as_deref(), Ok(shown), "{url}");
    }
}

#[test]
fn a_password_does_not_leave_the_machine_in_the_clear_unless_that_is_allowed() {
    for url in [
        "postgres://me:secret@db.example/app",
        "postgres://me:secret@db.example/app?sslmode=prefer",
        "postgres://me:secret@10.0.0.7/app?sslmode=allow",
        "postgres://me:secret@10.0.0.7/app?sslmode=disable",
        "postgres://me:secret@localhost/app?host=db.example",
        "postgres://me:secret@127.0.0.1/app?hostaddr=10.0.0.7",
    ] {
        let refused = parsed(url).unwrap_err();
        assert!(refused.contains("sslmode=verify-full"), "{url}: {refused}");
        assert!(!refused.contains("secret"), "{refused}");
        assert!(DatabaseAddress::parse(url, true).is_ok(), "{url}");
    }
    for url in [
        "postgres://me:secret@db.example/app?sslmode=require",
        "postgres://me:secret@db.example/app?sslmode=verify-ca",
        "postgres://me:secret@127.8.8.8/app",
        "postgres://me:secret@%2Frun%2Fpostgresql/app",
        "postgres:///app?host=/run/postgresql",
    ] {
        assert!(parsed(url).is_ok(), "{url}");
    }
}

#[test]
fn other_databases_are_not_understood() {
    for url in ["mysql://me:secret@db/app", "app.db", "", "postgres://me:secret@db:port/app"] {
        let refused = parsed(url).unwrap_err();
        assert!(refused.starts_with("is n"), "{url}: {refused}");
        assert!(!refused.contains("secret"), "{refused}");
    }
}
