//! Flags as variables: what was typed stands above the environment.

use std::collections::BTreeMap;

use fanfare_process::catalogue;
use fanfare_process::catalogue::operator::{AUDIT_LOG, MANAGEMENT_URL};
use fanfare_process::settings::Vars;

use crate::arguments::GlobalArguments;

/// Variables of which some were given as flags.
pub(super) struct FlagsFirst<'a> {
    flags: BTreeMap<&'static str, String>,
    environment: &'a dyn Vars,
}

impl<'a> FlagsFirst<'a> {
    pub(super) fn new(arguments: &GlobalArguments, environment: &'a dyn Vars) -> Self {
        let audit_log = arguments.audit_log.as_ref().map(|path| path.display().to_string());
        let flags = [
            (catalogue::broker::AMQP_URL.name, arguments.amqp_url.clone()),
            (catalogue::broker::NAMESPACE.name, arguments.namespace.clone()),
            (MANAGEMENT_URL.name, arguments.management_url.clone()),
            (AUDIT_LOG.name, audit_log),
        ];
        let flags = flags.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
        Self { flags, environment }
    }
}

impl Vars for FlagsFirst<'_> {
    fn get(&self, name: &str) -> Option<String> {
        if let Some(value) = self.flags.get(name) {
            return Some(value.clone());
        }
        // A flag stands above both forms of its variable.
        let is_file_form_of_a_flag =
            name.strip_suffix("_FILE").is_some_and(|own| self.flags.contains_key(own));
        if is_file_form_of_a_flag { None } else { self.environment.get(name) }
    }

    fn names(&self) -> Vec<String> {
        self.environment.names()
    }
}
