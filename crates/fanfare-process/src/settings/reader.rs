//! Reads variables and collects every problem instead of stopping at the first.

use std::fmt;

use super::source::{Given, content_of, given, set};
use super::unknown::unknown_variables;
use super::{Group, Problem, Setting, SettingsError, Variable, Vars};

/// How much of a wrong value is repeated in a problem.
const SHOWN_CHARS: usize = 60;

/// Reads variables and collects every problem.
///
/// Each reading answers `None` after a problem, so that the next variables are
/// read all the same; [`finish`](Self::finish) reports the problems or builds
/// the settings. An empty value counts as unset.
pub struct Reader<'a> {
    vars: &'a dyn Vars,
    problems: Vec<Problem>,
}

impl<'a> Reader<'a> {
    /// Starts reading from `vars`.
    pub fn new(vars: &'a dyn Vars) -> Self {
        Self { vars, problems: Vec::new() }
    }

    /// The value; being unset is a problem, whatever the variable's default.
    pub fn required<T: Setting>(&mut self, variable: &Variable) -> Option<T> {
        self.required_with(&kept_secret::<T>(variable), T::parse)
    }

    /// The value, or `Some(None)` when unset.
    pub fn optional<T: Setting>(&mut self, variable: &Variable) -> Option<Option<T>> {
        self.optional_with(&kept_secret::<T>(variable), T::parse)
    }

    /// The value, or the variable's default; without one, being unset is a problem.
    pub fn or_default<T: Setting>(&mut self, variable: &Variable) -> Option<T> {
        self.or_default_with(&kept_secret::<T>(variable), T::parse)
    }

    /// [`required`](Self::required) for a type with a parser of its own, such as `str::parse`.
    pub fn required_with<T, E: fmt::Display>(
        &mut self,
        variable: &Variable,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        match self.optional_with(variable, parse)? {
            Some(value) => Some(value),
            None => {
                self.problem(variable, "is not set");
                None
            }
        }
    }

    /// [`optional`](Self::optional) for a type with a parser of its own.
    pub fn optional_with<T, E: fmt::Display>(
        &mut self,
        variable: &Variable,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<Option<T>> {
        match self.given(variable)? {
            Some(given) => self.parsed(variable, &given.text, parse).map(Some),
            None => Some(None),
        }
    }

    /// [`or_default`](Self::or_default) for a type with a parser of its own.
    pub fn or_default_with<T, E: fmt::Display>(
        &mut self,
        variable: &Variable,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let given = self.given(variable)?;
        match given.as_ref().map(|given| given.text.as_str()).or(variable.default()) {
            Some(text) => self.parsed(variable, text, parse),
            None => {
                self.problem(variable, "is not set");
                None
            }
        }
    }

    /// One of `choices` by its name, or the variable's default.
    pub fn choice<T: Copy>(&mut self, variable: &Variable, choices: &[(&str, T)]) -> Option<T> {
        self.or_default_with(variable, |text| chosen(text, choices))
    }

    /// One of `choices` by its name, or `Some(None)` when unset.
    pub fn optional_choice<T: Copy>(
        &mut self,
        variable: &Variable,
        choices: &[(&str, T)],
    ) -> Option<Option<T>> {
        self.optional_with(variable, |text| chosen(text, choices))
    }

    /// The content of the file whose path the variable holds, or `Some(None)` when unset.
    pub fn file(&mut self, variable: &Variable) -> Option<Option<Vec<u8>>> {
        content_of(self.vars, variable).map_or_else(|problem| self.noted(problem), Some)
    }

    /// Whether the variable is set, itself or as the file that holds its value.
    pub fn is_set(&self, variable: &Variable) -> bool {
        let is_set = |name: &str| set(self.vars, name).is_some();
        is_set(variable.name) || variable.file_form().is_some_and(|name| is_set(&name))
    }

    /// Notes a problem that the reader cannot see, such as two settings that exclude each other.
    pub fn problem(&mut self, variable: &Variable, what: impl fmt::Display) {
        let Variable { name, example, .. } = variable;
        self.note(Problem {
            variable: (*name).to_owned(),
            what: format!("{what}; for example {name}={example}"),
        });
    }

    /// Builds the settings, or reports every problem.
    ///
    /// A variable whose name starts with `FANFARE_` and that neither `known`
    /// nor any program of the house knows is a problem too.
    pub fn finish<T>(
        mut self,
        known: &[Group],
        build: impl FnOnce() -> Option<T>,
    ) -> Result<T, SettingsError> {
        self.problems.extend(unknown_variables(self.vars, known));
        if !self.problems.is_empty() {
            return Err(SettingsError::new(self.problems));
        }
        build().ok_or_else(|| {
            SettingsError::new(vec![Problem {
                variable: "settings".into(),
                what: "are all valid, yet something is missing; this is a fault of the program"
                    .into(),
            }])
        })
    }

    pub(super) fn given(&mut self, variable: &Variable) -> Option<Option<Given>> {
        given(self.vars, variable).map_or_else(|problem| self.noted(problem), Some)
    }

    pub(super) fn parsed<T, E: fmt::Display>(
        &mut self,
        variable: &Variable,
        text: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        match parse(text) {
            Ok(value) => Some(value),
            Err(what) => {
                self.problem(variable, described(variable, text, &what.to_string()));
                None
            }
        }
    }

    fn noted<T>(&mut self, problem: Problem) -> Option<T> {
        self.note(problem);
        None
    }

    /// Once, however many settings depend on the variable.
    fn note(&mut self, problem: Problem) {
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }
}

/// A variable is as secret as the type that it is read as.
fn kept_secret<T: Setting>(variable: &Variable) -> Variable {
    Variable { secret: variable.secret || T::IS_SECRET, ..*variable }
}

/// Shows what was given next to what is wrong with it, unless it may hold a secret.
fn described(variable: &Variable, text: &str, what: &str) -> String {
    // Any URL may carry a password, also one that was put into the wrong variable.
    let may_hold_secret = variable.secret || text.contains('@');
    if may_hold_secret {
        return what.replace(text, "(not shown)");
    }
    let shown: String = text.chars().take(SHOWN_CHARS).collect();
    let cut = if shown.len() < text.len() { "…" } else { "" };
    format!("{shown:?}{cut} {what}")
}

fn chosen<T: Copy>(text: &str, choices: &[(&str, T)]) -> Result<T, String> {
    choices.iter().find(|(name, _)| *name == text).map(|(_, value)| *value).ok_or_else(|| {
        let names: Vec<_> = choices.iter().map(|(name, _)| format!("`{name}`")).collect();
        format!("is not one of {}", names.join(", "))
    })
}

impl fmt::Debug for Reader<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("problems", &self.problems).finish_non_exhaustive()
    }
}
