//! A variable as operators know it: its name, what it means, what is valid.

/// One environment variable, described once for reading, `--help` and the example file.
///
/// Its value may also come from a file that `NAME_FILE` names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Variable {
    /// The full name, such as `FANFARE_TIMEOUT`.
    pub name: &'static str,
    /// What holds when the variable is not set.
    pub if_unset: IfUnset,
    /// A valid value, shown when the given one is not.
    pub example: &'static str,
    /// What it is for, as one or more sentences.
    pub help: &'static str,
    /// Whether the value must never be shown.
    pub secret: bool,
}

/// What holds when a variable is not set, or is set to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IfUnset {
    /// The program does not start.
    Refused,
    /// There is no value, which means this.
    Means(&'static str),
    /// This value is used.
    Default(&'static str),
}

/// Variables that belong together, under a title.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Group {
    /// What the variables are about.
    pub title: &'static str,
    /// The variables, in the order in which they are explained.
    pub variables: &'static [Variable],
}

impl Variable {
    /// A variable without which the program does not start.
    pub const fn required(name: &'static str, example: &'static str, help: &'static str) -> Self {
        Self { name, if_unset: IfUnset::Refused, example, help, secret: false }
    }

    /// A variable that may be absent, which `means` something.
    pub const fn optional(
        name: &'static str,
        means: &'static str,
        example: &'static str,
        help: &'static str,
    ) -> Self {
        Self { name, if_unset: IfUnset::Means(means), example, help, secret: false }
    }

    /// A variable whose `default` is also its example.
    pub const fn with_default(
        name: &'static str,
        default: &'static str,
        help: &'static str,
    ) -> Self {
        Self { name, if_unset: IfUnset::Default(default), example: default, help, secret: false }
    }

    /// The same variable with an example that says more than the default.
    #[must_use]
    pub const fn example(mut self, example: &'static str) -> Self {
        self.example = example;
        self
    }

    /// The same variable, its value never shown.
    #[must_use]
    pub const fn secret(mut self) -> Self {
        self.secret = true;
        self
    }

    /// The default value, if there is one.
    pub const fn default(&self) -> Option<&'static str> {
        match self.if_unset {
            IfUnset::Default(value) => Some(value),
            IfUnset::Refused | IfUnset::Means(_) => None,
        }
    }

    /// The variable that names a file with the value; a variable that names a
    /// file already has none.
    pub fn file_form(&self) -> Option<String> {
        (!self.name.ends_with("_FILE")).then(|| format!("{}_FILE", self.name))
    }
}
