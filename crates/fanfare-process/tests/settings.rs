//! Settings as an operator meets them: what is valid, and what is said when it is not.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use fanfare_process::settings::{Group, Reader, SettingsError, Variable};
use fanfare_process::{BrokerSettings, LogFormat, ProcessSettings, TopologyMode};
use secrecy::{ExposeSecret, SecretString};

const TOKEN: Variable = Variable::required("API_TOKEN", "tok-123", "The token.").secret();
const LIMIT: Variable = Variable::with_default("API_LIMIT", "10", "The limit.");
const MODE: Variable = Variable::with_default("API_MODE", "resend", "resend | hold.");
const GROUP: Group = Group { title: "API", variables: &[TOKEN, LIMIT, MODE] };

#[derive(Debug)]
struct Settings {
    broker: BrokerSettings,
    process: ProcessSettings,
    token: SecretString,
    limit: u16,
    hold: bool,
}

fn read(vars: &[(&str, &str)]) -> Result<Settings, SettingsError> {
    let vars: BTreeMap<_, _> =
        vars.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let mut reader = Reader::new(&vars);
    let broker = BrokerSettings::read(&mut reader);
    let process = ProcessSettings::read(&mut reader);
    let token = reader.required(&TOKEN);
    let limit = reader.or_default(&LIMIT);
    let hold = reader.choice(&MODE, &[("resend", false), ("hold", true)]);
    if limit == Some(0) && hold == Some(true) {
        reader.problem(&LIMIT, "is 0, which cannot be combined with hold");
    }
    reader.finish(&[GROUP], || {
        Some(Settings {
            broker: broker?,
            process: process?,
            token: token?,
            limit: limit?,
            hold: hold?,
        })
    })
}

/// The settings are valid but for `vars`; this is what is said about those.
fn refused(vars: &[(&str, &str)]) -> String {
    let mut all = vec![("API_TOKEN", "tok")];
    all.retain(|(name, _)| !vars.iter().any(|(other, _)| other.starts_with(name)));
    all.extend(vars);
    read(&all).expect_err("these settings cannot be used").to_string()
}

#[test]
fn only_what_has_no_default_must_be_set() {
    let settings = read(&[("API_TOKEN", "tok")]).unwrap();
    assert_eq!(settings.token.expose_secret(), "tok");
    assert_eq!(settings.limit, 10);
    assert!(!settings.hold);
    assert_eq!(settings.broker.namespace.as_str(), "fanfare");
    assert_eq!(settings.broker.topology, TopologyMode::Declare);
    assert_eq!(
        settings.broker.config.addresses()[0].to_string(),
        "amqp://guest@127.0.0.1:5672 (vhost /)"
    );
    assert_eq!(
        settings.process,
        ProcessSettings {
            log: "info".into(),
            log_format: None,
            admin_addr: None,
            shutdown_grace: Duration::from_secs(25),
        }
    );
}

#[test]
fn one_env_file_serves_all_programs() {
    let others = [
        ("API_TOKEN", "tok"),
        ("FANFARE_MANAGEMENT_URL_FILE", "/run/secrets/management-url"),
        ("FANFARE_DESTINATIONS", "hubspot"),
        ("FANFARE_AUDIT_LOG", "/var/log/fanfare/audit.ndjson"),
        ("FANFARE_PREFETCH", "128"),
        ("FANFARE_TEST_NODE_HOME", "/tmp/node"),
    ];
    assert!(read(&others).is_ok());
}

#[test]
fn what_is_set_is_used() {
    let settings = read(&[
        ("API_TOKEN", "tok"),
        ("API_LIMIT", "20"),
        ("API_MODE", "hold"),
        ("FANFARE_AMQP_URL", "amqps://a, amqps://b"),
        ("FANFARE_NAMESPACE", "shop-2"),
        ("FANFARE_TOPOLOGY", "verify"),
        ("FANFARE_LOG", "warn,fanfare_delivery=debug"),
        ("FANFARE_LOG_FORMAT", "json"),
        ("FANFARE_ADMIN_ADDR", "127.0.0.1:0"),
        ("FANFARE_SHUTDOWN_GRACE", "5m"),
    ])
    .unwrap();
    assert_eq!(settings.limit, 20);
    assert!(settings.hold);
    assert_eq!(settings.broker.config.addresses().len(), 2);
    assert_eq!(settings.broker.namespace.as_str(), "shop-2");
    assert_eq!(settings.broker.topology, TopologyMode::Verify);
    assert_eq!(settings.process.log, "warn,fanfare_delivery=debug");
    assert_eq!(settings.process.log_format, Some(LogFormat::Json));
    assert_eq!(settings.process.admin_addr, Some("127.0.0.1:0".parse().unwrap()));
    assert_eq!(settings.process.shutdown_grace, Duration::from_secs(300));
}

#[test]
fn all_problems_stand_in_one_report() {
    let error = read(&[
        ("API_LIMIT", "many"),
        ("API_MODE", "drop"),
        ("FANFARE_AMQP_URL", "amqp://10.0.0.1"),
        ("FANFARE_NAMESPACE", "Shop"),
        ("FANFARE_SHUTDOWN_GRACE", "25"),
        ("FANFARE_LOG", "loud=extremely"),
        ("FANFARE_ADMIN_ADDR", "localhost"),
        ("FANFARE_TIMEOT", "30s"),
    ])
    .unwrap_err();
    let report = error.to_string();
    let expected = [
        "FANFARE_AMQP_URL: broker URL number 1 is plain amqp:// to `10.0.0.1`, which is not \
         loopback; use amqps://; for example FANFARE_AMQP_URL=amqps://",
        "FANFARE_NAMESPACE: \"Shop\" is not a lower-case letter followed by at most 39 of a-z, \
         0-9 and `-`; for example FANFARE_NAMESPACE=fanfare",
        "FANFARE_LOG: \"loud=extremely\" is not a level or a list of directives (",
        "FANFARE_ADMIN_ADDR: \"localhost\" is not an IP address with a port; for example \
         FANFARE_ADMIN_ADDR=127.0.0.1:9464",
        "FANFARE_SHUTDOWN_GRACE: \"25\" is not a duration (a whole number with ms, s, m, h or d); \
         for example FANFARE_SHUTDOWN_GRACE=25s",
        "API_TOKEN: is not set; for example API_TOKEN=tok-123",
        "API_LIMIT: \"many\" is not a whole number from 0 to 65535; for example API_LIMIT=10",
        "API_MODE: \"drop\" is not one of `resend`, `hold`; for example API_MODE=resend",
        "FANFARE_TIMEOT: is not known; did you mean FANFARE_TIMEOUT?",
    ];
    assert_eq!(report.lines().count(), expected.len(), "{report}");
    for (line, expected) in report.lines().zip(expected) {
        assert!(line.starts_with(expected), "{line}\nshould start with\n{expected}");
    }
    assert_eq!(error.problems().len(), expected.len());
}

#[test]
fn a_variable_that_is_read_twice_is_reported_once() {
    let vars = BTreeMap::from([("API_LIMIT".to_owned(), "many".to_owned())]);
    let mut reader = Reader::new(&vars);
    assert_eq!(reader.or_default::<u16>(&LIMIT), None);
    assert_eq!(reader.or_default::<u16>(&LIMIT), None);
    let error = reader.finish(&[GROUP], || Some(())).unwrap_err();
    assert_eq!(error.problems().len(), 1, "{error}");
}

#[test]
fn an_empty_value_counts_as_unset() {
    assert_eq!(read(&[("API_TOKEN", "t"), ("API_LIMIT", "")]).unwrap().limit, 10);
    assert!(refused(&[("API_TOKEN", "")]).starts_with("API_TOKEN: is not set"));
}

#[test]
fn settings_that_exclude_each_other_are_a_problem() {
    let report = refused(&[("API_LIMIT", "0"), ("API_MODE", "hold")]);
    assert!(report.starts_with("API_LIMIT: is 0, which cannot be combined with hold"), "{report}");
}

#[test]
fn a_value_may_come_from_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    let from_file = |content: &[u8]| {
        fs::write(&path, content).unwrap();
        read(&[("API_TOKEN_FILE", path.to_str().unwrap())])
    };
    for content in ["tok", "tok\n", "tok\r\n"] {
        let settings = from_file(content.as_bytes()).unwrap();
        assert_eq!(settings.token.expose_secret(), "tok");
    }
    let name = path.display();
    let refused = |content: &[u8]| from_file(content).unwrap_err().to_string();
    let empty = format!("API_TOKEN_FILE: cannot read `{name}`: it is empty");
    assert_eq!(refused(b""), empty);
    assert_eq!(refused(b"\n"), empty);
    assert_eq!(
        refused(b"\xff"),
        format!("API_TOKEN_FILE: cannot read `{name}`: it is not valid UTF-8")
    );
    assert_eq!(
        refused(&vec![b'x'; 1024 * 1024 + 1]),
        format!("API_TOKEN_FILE: cannot read `{name}`: it is larger than 1 MiB")
    );
    // One newline ends the file; a second one is part of the value.
    assert!(refused(b"tok\n\n").starts_with("API_TOKEN: starts or ends with white space"));
}

#[test]
fn a_value_and_a_file_exclude_each_other() {
    let report = refused(&[("API_TOKEN", "hunter2"), ("API_TOKEN_FILE", "/nowhere")]);
    assert_eq!(report, "API_TOKEN: is set, and so is API_TOKEN_FILE; set one of them");
    assert!(read(&[("API_TOKEN", "tok"), ("API_TOKEN_FILE", "")]).is_ok());
}

#[test]
fn an_unreadable_file_is_named() {
    let report = refused(&[("API_TOKEN_FILE", "/nowhere/token")]);
    assert!(report.starts_with("API_TOKEN_FILE: cannot read `/nowhere/token`: "), "{report}");
}

#[test]
fn no_secret_is_shown() {
    let canary = "hunter2";
    let report = refused(&[
        ("API_TOKEN", " hunter2"),
        ("FANFARE_AMQP_URL", "amqp://user:hunter2@10.0.0.1"),
        // A URL with a password in the wrong place.
        ("FANFARE_ADMIN_ADDR", "amqps://user:hunter2@broker"),
    ]);
    assert_eq!(report.lines().count(), 3, "{report}");
    assert!(!report.contains(canary), "{report}");
    let report = refused(&[("FANFARE_AMQP_URL", canary)]);
    assert!(!report.contains(canary), "{report}");
    let settings =
        read(&[("API_TOKEN", canary), ("FANFARE_AMQP_URL", "amqps://u:hunter2@broker")]).unwrap();
    assert!(!format!("{settings:?}").contains(canary), "{settings:?}");
}

#[test]
fn a_secret_type_keeps_the_secret_of_a_variable_that_forgot_to() {
    const UNMARKED: Variable = Variable::required("API_KEY", "key-1", "The key.");
    let vars = BTreeMap::from([("API_KEY".to_owned(), " hunter2,\t".to_owned())]);
    for read in [
        |reader: &mut Reader<'_>| reader.required::<SecretString>(&UNMARKED).is_none(),
        |reader: &mut Reader<'_>| reader.optional::<SecretString>(&UNMARKED).is_none(),
        |reader: &mut Reader<'_>| reader.or_default::<SecretString>(&UNMARKED).is_none(),
    ] {
        let mut reader = Reader::new(&vars);
        assert!(read(&mut reader));
        let report = reader.finish(&[], || Some(())).unwrap_err().to_string();
        assert_eq!(report, "API_KEY: starts or ends with white space; for example API_KEY=key-1");
    }
}

#[test]
fn a_parser_that_repeats_a_secret_is_cut_short() {
    let vars = BTreeMap::from([("API_TOKEN".to_owned(), "hunter2".to_owned())]);
    let mut reader = Reader::new(&vars);
    let refuse = |text: &str| Err::<(), _>(format!("`{text}` is no token"));
    assert_eq!(reader.required_with(&TOKEN, refuse), None);
    let report = reader.finish(&[GROUP], || Some(())).unwrap_err().to_string();
    assert!(report.starts_with("API_TOKEN: `(not shown)` is no token"), "{report}");
}

#[test]
fn a_client_certificate_comes_with_its_key() {
    let folder = tempfile::tempdir().unwrap();
    let pem = folder.path().join("client.pem");
    fs::write(&pem, "-----BEGIN CERTIFICATE-----\n").unwrap();
    let pem = pem.to_str().unwrap();
    let report = refused(&[("FANFARE_AMQP_CERT_FILE", pem)]);
    assert!(
        report.starts_with("FANFARE_AMQP_KEY_FILE: is not set although FANFARE_AMQP_CERT_FILE is"),
        "{report}"
    );
    let report = refused(&[("FANFARE_AMQP_KEY_FILE", pem)]);
    assert!(report.starts_with("FANFARE_AMQP_CERT_FILE: is not set although"), "{report}");
    let both = [("FANFARE_AMQP_CERT_FILE", pem), ("FANFARE_AMQP_KEY_FILE", pem)];
    assert!(read(&[both[0], both[1], ("API_TOKEN", "tok")]).is_ok());
}

#[test]
fn a_file_that_is_no_certificate_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ca.pem");
    fs::write(&path, "not a certificate").unwrap();
    let report = refused(&[("FANFARE_AMQP_CA_FILE", path.to_str().unwrap())]);
    assert!(report.starts_with("FANFARE_AMQP_CA_FILE: names a file that holds no PEM"), "{report}");
    let report = refused(&[("FANFARE_AMQP_CA_FILE", "/nowhere/ca.pem")]);
    assert!(report.starts_with("FANFARE_AMQP_CA_FILE: cannot read `/nowhere/ca.pem`"), "{report}");
}

#[test]
fn plain_text_to_another_machine_is_a_decision() {
    let vars = [("API_TOKEN", "tok"), ("FANFARE_AMQP_URL", "amqp://10.0.0.1")];
    assert!(read(&vars).is_err());
    assert!(read(&[vars[0], vars[1], ("FANFARE_AMQP_ALLOW_PLAINTEXT", "true")]).is_ok());
    // A mistake in the decision is reported alone, not as a plain-text URL too.
    let report = read(&[vars[0], vars[1], ("FANFARE_AMQP_ALLOW_PLAINTEXT", "yes")]).unwrap_err();
    assert_eq!(report.problems().len(), 1, "{report}");
}

#[test]
fn a_namespace_is_short_and_plain() {
    let longest = "a".repeat(40);
    for valid in ["a", "fanfare-2", &longest] {
        assert!(read(&[("API_TOKEN", "t"), ("FANFARE_NAMESPACE", valid)]).is_ok(), "{valid}");
    }
    let too_long = "a".repeat(41);
    for invalid in ["-a", "2a", "a.b", "a_b", "A", "ä", " a", &too_long] {
        assert!(read(&[("API_TOKEN", "t"), ("FANFARE_NAMESPACE", invalid)]).is_err(), "{invalid}");
    }
}
