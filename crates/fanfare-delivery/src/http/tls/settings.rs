//! Which certificates secure the calls, as the settings say it.

use std::path::PathBuf;

use fanfare_process::catalogue::consumer::{HTTP_CA_FILE, HTTP_CERT_FILE, HTTP_KEY_FILE};
use fanfare_process::settings::{Reader, Variable};

use super::{File, IdentityFiles, TlsFiles};

/// Reads `FANFARE_HTTP_CA_FILE`, `FANFARE_HTTP_CERT_FILE` and `FANFARE_HTTP_KEY_FILE`, and
/// looks whether the files can be used.
pub(crate) fn read_tls_files(reader: &mut Reader<'_>) -> Option<TlsFiles> {
    let ca = reader.optional::<PathBuf>(&HTTP_CA_FILE);
    let cert = reader.optional::<PathBuf>(&HTTP_CERT_FILE);
    let key = reader.optional::<PathBuf>(&HTTP_KEY_FILE);
    let identity = match (cert?, key?) {
        (Some(cert), Some(key)) => Some(IdentityFiles { cert, key }),
        (None, None) => None,
        (Some(_), None) => return missing(reader, &HTTP_KEY_FILE, &HTTP_CERT_FILE),
        (None, Some(_)) => return missing(reader, &HTTP_CERT_FILE, &HTTP_KEY_FILE),
    };
    let files = TlsFiles { ca: ca?, identity };
    let problems = files.problems();
    for error in &problems {
        reader.problem(variable(error.file), error);
    }
    problems.is_empty().then_some(files)
}

const fn variable(file: File) -> &'static Variable {
    match file {
        File::Ca => &HTTP_CA_FILE,
        File::Cert => &HTTP_CERT_FILE,
        File::Key => &HTTP_KEY_FILE,
    }
}

fn missing<T>(reader: &mut Reader<'_>, missing: &Variable, present: &Variable) -> Option<T> {
    reader.problem(missing, format_args!("is not set although {} is", present.name));
    None
}
