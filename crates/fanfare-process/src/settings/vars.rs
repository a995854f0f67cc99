//! Where variables come from: the process's environment, or a map in tests.

use std::collections::BTreeMap;
use std::env;

/// A place that variables are read from.
pub trait Vars {
    /// The value of `name`, if it is set.
    fn get(&self, name: &str) -> Option<String>;
    /// The names of all variables that are set.
    fn names(&self) -> Vec<String>;
}

/// The environment of this process; nothing else in the house reads it.
///
/// Bytes that are not UTF-8 arrive as U+FFFD, which a
/// [`Reader`](crate::settings::Reader) refuses.
#[derive(Clone, Copy, Debug, Default)]
pub struct Environment;

impl Vars for Environment {
    fn get(&self, name: &str) -> Option<String> {
        env::var_os(name).map(|value| value.to_string_lossy().into_owned())
    }

    fn names(&self) -> Vec<String> {
        env::vars_os().map(|(name, _)| name.to_string_lossy().into_owned()).collect()
    }
}

impl Vars for BTreeMap<String, String> {
    fn get(&self, name: &str) -> Option<String> {
        BTreeMap::get(self, name).cloned()
    }

    fn names(&self) -> Vec<String> {
        self.keys().cloned().collect()
    }
}
