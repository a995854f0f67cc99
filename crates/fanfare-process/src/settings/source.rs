//! One variable's text: from the variable itself, or from the file that `NAME_FILE` names.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::{Problem, Variable, Vars};

/// Far above any key or certificate chain; a limit because the path may name a device.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// What a variable is set to, and where that came from.
pub(super) struct Given {
    pub(super) text: String,
    pub(super) file: Option<PathBuf>,
}

/// What `variable` is set to; `None` when it is unset or empty.
pub(super) fn given(vars: &dyn Vars, variable: &Variable) -> Result<Option<Given>, Problem> {
    let own = set(vars, variable.name);
    let path = variable.file_form().and_then(|name| Some((set(vars, &name)?, name)));
    let given = match (own, path) {
        (Some(_), Some((_, file_form))) => {
            return Err(Problem {
                variable: variable.name.to_owned(),
                what: format!("is set, and so is {file_form}; set one of them"),
            });
        }
        (None, Some((path, file_form))) => {
            let text = read_text(Path::new(&path));
            let text = text.map_err(|why| unreadable(&file_form, &path, &why))?;
            Some(Given { text, file: Some(path.into()) })
        }
        (own, None) => own.map(|text| Given { text, file: None }),
    };
    // `Environment` puts this character where the bytes were not UTF-8.
    if given.as_ref().is_some_and(|given| given.text.contains(char::REPLACEMENT_CHARACTER)) {
        return Err(Problem {
            variable: variable.name.to_owned(),
            what: "is not valid UTF-8".into(),
        });
    }
    Ok(given)
}

/// The text of a file that holds one value, without the newline that ends it.
pub(super) fn read_text(path: &Path) -> io::Result<String> {
    let text = String::from_utf8(read_file(path)?);
    let text = text.map_err(|_| io::Error::other("it is not valid UTF-8"))?;
    match without_final_newline(&text) {
        "" => Err(io::Error::other("it is empty")),
        text => Ok(text.to_owned()),
    }
}

/// The content of the file whose path `variable` holds; `None` when it is unset or empty.
pub(super) fn content_of(vars: &dyn Vars, variable: &Variable) -> Result<Option<Vec<u8>>, Problem> {
    let Some(Given { text: path, .. }) = given(vars, variable)? else { return Ok(None) };
    read_file(Path::new(&path)).map(Some).map_err(|why| unreadable(variable.name, &path, &why))
}

/// The content of a file that a setting names, such as certificates.
///
/// # Errors
///
/// That of reading it, or that it is larger than 1 MiB.
pub fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(io::Error::other("it is larger than 1 MiB"));
    }
    Ok(bytes)
}

/// What the environment has under this name; nothing and empty are the same.
pub(super) fn set(vars: &dyn Vars, name: &str) -> Option<String> {
    vars.get(name).filter(|value| !value.is_empty())
}

fn without_final_newline(text: &str) -> &str {
    let text = text.strip_suffix('\n').unwrap_or(text);
    text.strip_suffix('\r').unwrap_or(text)
}

fn unreadable(variable: &str, path: &str, why: &io::Error) -> Problem {
    Problem { variable: variable.to_owned(), what: format!("cannot read `{path}`: {why}") }
}
