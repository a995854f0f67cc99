//! Reading the settings, every problem at once.

use std::path::PathBuf;

use fanfare_process::catalogue::operator::{AUDIT_LOG, DESTINATIONS, MANAGEMENT_URL};
use fanfare_process::settings::{Reader, SettingsError, Vars};
use fanfare_process::{BrokerSettings, ProcessSettings, TopologyMode, catalogue};

use super::vars::FlagsFirst;
use super::{Settings, management_url};
use crate::arguments::GlobalArguments;
use crate::management::ManagementConfig;

/// Reads what `arguments` and `environment` say.
pub fn read(
    arguments: &GlobalArguments,
    environment: &dyn Vars,
) -> Result<Settings, SettingsError> {
    let vars = FlagsFirst::new(arguments, environment);
    let mut reader = Reader::new(&vars);
    let broker = BrokerSettings::read(&mut reader);
    let process = ProcessSettings::read(&mut reader).map(|settings| quiet(settings, environment));
    let management = read_management(&mut reader, broker.as_ref());
    let destinations = reader.optional::<Vec<String>>(&DESTINATIONS);
    let audit_log = reader.optional::<PathBuf>(&AUDIT_LOG);
    reader.finish(&[], || {
        let broker = broker?;
        Some(Settings {
            broker: broker.config,
            namespace: broker.namespace,
            declares: broker.topology == TopologyMode::Declare,
            management: management?,
            destinations: destinations?.unwrap_or_default(),
            audit_log: audit_log?.or_else(|| usual_audit_log(environment)),
            process: process?,
        })
    })
}

/// The management API shares vhost, CA and the rule about plain text with the broker.
fn read_management(
    reader: &mut Reader<'_>,
    broker: Option<&BrokerSettings>,
) -> Option<Option<ManagementConfig>> {
    let Some(broker) = broker else {
        // The shared variables would be complained about twice.
        reader.optional_with(&MANAGEMENT_URL, |text| management_url::parse(text, true))?;
        return None;
    };
    let allow_plaintext = reader.or_default(&catalogue::broker::AMQP_ALLOW_PLAINTEXT)?;
    let url =
        reader.optional_with(&MANAGEMENT_URL, |text| management_url::parse(text, allow_plaintext));
    let ca_pem = reader.file(&catalogue::broker::AMQP_CA_FILE)?;
    // The nodes of a cluster have their vhosts in common.
    let vhost = broker.config.addresses().first()?.vhost().to_owned();
    Some(url?.map(|url| ManagementConfig { url, vhost, ca_pem }))
}

/// What the client library calls errors are answers here: that a queue does not exist,
/// that an argument differs.
const QUIET_LOG: &str = "warn,lapin=off";

/// A person at a terminal wants to hear of trouble only, unless they ask for more.
fn quiet(mut settings: ProcessSettings, environment: &dyn Vars) -> ProcessSettings {
    let asked = ["FANFARE_LOG", "FANFARE_LOG_FILE"]
        .iter()
        .any(|name| environment.get(name).is_some_and(|value| !value.is_empty()));
    if !asked {
        QUIET_LOG.clone_into(&mut settings.log);
    }
    settings
}

/// The XDG Base Directory Specification: a relative path there is to be ignored.
fn usual_audit_log(environment: &dyn Vars) -> Option<PathBuf> {
    let folder = |name| {
        let path = PathBuf::from(environment.get(name)?);
        path.is_absolute().then_some(path)
    };
    let state = folder("XDG_STATE_HOME")
        .or_else(|| folder("HOME").map(|home| home.join(".local").join("state")))?;
    Some(state.join("fanfare").join("audit.ndjson"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn environment(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_flag_stands_above_its_variable_in_both_forms() {
        let environment = environment(&[
            ("FANFARE_NAMESPACE", "other"),
            ("FANFARE_AMQP_URL_FILE", "/does/not/exist"),
        ]);
        let flags = GlobalArguments {
            amqp_url: Some("amqp://localhost:1".into()),
            namespace: Some("mine".into()),
            ..GlobalArguments::default()
        };
        let settings = read(&flags, &environment).unwrap();
        assert_eq!(settings.namespace.as_str(), "mine");
        assert!(settings.broker.addresses()[0].to_string().contains("localhost:1"));
        let refused = read(&GlobalArguments::default(), &environment).unwrap_err().to_string();
        assert!(refused.contains("FANFARE_AMQP_URL_FILE"), "{refused}");
    }

    #[test]
    fn every_problem_is_reported_once_and_without_a_password() {
        let environment = environment(&[
            ("FANFARE_AMQP_URL", "http://u:hunter2@h"),
            ("FANFARE_MANAGEMENT_URL", "amqp://u:hunter2@h"),
            ("FANFARE_NAMESPACE", "Upper"),
            ("FANFARE_DESTINATION_S", "x"),
        ]);
        let refused = read(&GlobalArguments::default(), &environment).unwrap_err();
        assert_eq!(refused.problems().len(), 4, "{refused}");
        assert!(!refused.to_string().contains("hunter2"), "{refused}");
    }

    #[test]
    fn the_management_api_is_asked_about_the_vhost_of_the_first_broker_url() {
        let vhost = |amqp_url: &str| {
            let environment = environment(&[
                ("FANFARE_AMQP_URL", amqp_url),
                ("FANFARE_MANAGEMENT_URL", "http://localhost:15672"),
            ]);
            read(&GlobalArguments::default(), &environment).unwrap().management.unwrap().vhost
        };
        assert_eq!(vhost("amqp://localhost"), "/");
        assert_eq!(vhost(" ,amqp://localhost/a%2fb%20c,amqps://h/other"), "a/b c");
    }

    #[test]
    fn the_audit_log_stands_where_state_belongs() {
        let path = |pairs: &[(&str, &str)]| {
            read(&GlobalArguments::default(), &environment(pairs)).unwrap().audit_log
        };
        assert_eq!(path(&[]), None);
        assert_eq!(path(&[("HOME", "/h")]), Some("/h/.local/state/fanfare/audit.ndjson".into()));
        let state = [("HOME", "/h"), ("XDG_STATE_HOME", "/s")];
        assert_eq!(path(&state), Some("/s/fanfare/audit.ndjson".into()));
        let relative = [("HOME", "/h"), ("XDG_STATE_HOME", "s")];
        assert_eq!(path(&relative), Some("/h/.local/state/fanfare/audit.ndjson".into()));
        let named = [("HOME", "/h"), ("FANFARE_AUDIT_LOG", "/var/log/a")];
        assert_eq!(path(&named), Some("/var/log/a".into()));
    }

    #[test]
    fn only_trouble_is_logged_unless_asked() {
        let log = |pairs: &[(&str, &str)]| {
            read(&GlobalArguments::default(), &environment(pairs)).unwrap().process.log
        };
        assert_eq!(log(&[]), QUIET_LOG);
        assert_eq!(log(&[("FANFARE_LOG", "debug")]), "debug");
    }
}
