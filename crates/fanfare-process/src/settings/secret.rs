//! A secret, and the file that it came from.

use std::path::{Path, PathBuf};

use secrecy::SecretString;

use super::source::read_text;
use super::{Reader, Setting, Variable};

/// A secret, and the file that it came from, if it came from one.
///
/// Who keeps the file in mind can [look](Self::now) whether it holds another secret by now,
/// and needs no restart when one is replaced.
#[derive(Clone, Debug)]
pub struct Secret {
    text: SecretString,
    file: Option<PathBuf>,
}

/// Why a secret's file holds none now.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{}` cannot be used: {why}", file.display())]
pub struct SecretFileError {
    file: PathBuf,
    why: String,
}

impl Secret {
    /// A secret that stays the same.
    pub fn fixed(text: impl Into<SecretString>) -> Self {
        Self { text: text.into(), file: None }
    }

    /// The secret that `file` holds; one newline at its end is not part of it.
    pub fn in_file(file: impl Into<PathBuf>) -> Result<Self, SecretFileError> {
        let file = file.into();
        Ok(Self { text: secret_in(&file)?, file: Some(file) })
    }

    /// The secret as it was when this value was made.
    pub fn text(&self) -> &SecretString {
        &self.text
    }

    /// The file that it came from.
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// The secret as it is now.
    pub fn now(&self) -> Result<SecretString, SecretFileError> {
        self.file().map_or_else(|| Ok(self.text.clone()), secret_in)
    }
}

impl Reader<'_> {
    /// The secret and the file that it came from, or `Some(None)` when unset.
    pub fn secret(&mut self, variable: &Variable) -> Option<Option<Secret>> {
        let Some(given) = self.given(variable)? else { return Some(None) };
        let variable = Variable { secret: true, ..*variable };
        let text = self.parsed(&variable, &given.text, SecretString::parse)?;
        Some(Some(Secret { text, file: given.file }))
    }

    /// [`secret`](Self::secret); being unset is a problem.
    pub fn required_secret(&mut self, variable: &Variable) -> Option<Secret> {
        let secret = self.secret(variable)?;
        if secret.is_none() {
            self.problem(variable, "is not set");
        }
        secret
    }
}

fn secret_in(file: &Path) -> Result<SecretString, SecretFileError> {
    let unusable = |why| SecretFileError { file: file.to_owned(), why };
    let text = read_text(file).map_err(|error| unusable(error.to_string()))?;
    SecretString::parse(&text).map_err(|what| unusable(format!("what it holds {what}")))
}
