//! Secrets that may change: where they came from, and what is there now.

use std::collections::BTreeMap;
use std::fs;

use fanfare_process::settings::{Reader, Secret, SettingsError, Variable};
use secrecy::ExposeSecret;

const TOKEN: Variable = Variable::required("API_TOKEN", "tok-123", "The token.");

fn read(vars: &[(&str, &str)]) -> Result<Secret, SettingsError> {
    let vars: BTreeMap<_, _> =
        vars.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let mut reader = Reader::new(&vars);
    let secret = reader.required_secret(&TOKEN);
    reader.finish(&[], || secret)
}

fn now(secret: &Secret) -> Result<String, String> {
    secret.now().map(|text| text.expose_secret().to_owned()).map_err(|error| error.to_string())
}

#[test]
fn a_secret_from_the_environment_stays() {
    let secret = read(&[("API_TOKEN", "tok")]).unwrap();
    assert_eq!(secret.file(), None);
    assert_eq!(now(&secret), Ok("tok".into()));
}

#[test]
fn a_secret_from_a_file_is_what_the_file_holds_now() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    fs::write(&path, "old\n").unwrap();
    let secret = read(&[("API_TOKEN_FILE", path.to_str().unwrap())]).unwrap();
    assert_eq!(secret.file(), Some(path.as_path()));
    assert_eq!(now(&secret), Ok("old".into()));

    fs::write(&path, "new\r\n").unwrap();
    assert_eq!(now(&secret), Ok("new".into()));
    assert_eq!(secret.text().expose_secret(), "old", "what it was at the start");

    let file = path.display();
    for (content, why) in [
        ("", "it is empty"),
        ("\n", "it is empty"),
        (" canary", "what it holds starts or ends with white space"),
    ] {
        fs::write(&path, content).unwrap();
        assert_eq!(now(&secret), Err(format!("`{file}` cannot be used: {why}")));
    }
    fs::remove_file(&path).unwrap();
    assert!(now(&secret).unwrap_err().starts_with(&format!("`{file}` cannot be used: ")));
}

#[test]
fn a_variable_is_set_by_either_name_and_not_by_nothing() {
    for (name, value, is_set) in [
        ("API_TOKEN", "tok", true),
        ("API_TOKEN_FILE", "/nowhere/token", true),
        ("API_TOKEN", "", false),
        ("API_TOKEN_OTHER", "tok", false),
    ] {
        let vars = BTreeMap::from([(name.to_owned(), value.to_owned())]);
        assert_eq!(Reader::new(&vars).is_set(&TOKEN), is_set, "{name}={value}");
    }
}

#[test]
fn a_secret_that_is_missing_or_wrong_is_a_problem_and_not_shown() {
    let problem = |vars: &[(&str, &str)]| read(vars).unwrap_err().to_string();
    assert_eq!(problem(&[]), "API_TOKEN: is not set; for example API_TOKEN=tok-123");
    let untrimmed = problem(&[("API_TOKEN", " canary")]);
    assert!(untrimmed.starts_with("API_TOKEN: starts or ends with white space"), "{untrimmed}");
    let unreadable = problem(&[("API_TOKEN_FILE", "/nowhere/token")]);
    assert!(unreadable.starts_with("API_TOKEN_FILE: cannot read `/nowhere/token`"), "{unreadable}");
    let secret = read(&[("API_TOKEN", "canary")]).unwrap();
    assert!(!format!("{secret:?}").contains("canary"), "{secret:?}");
}
