//! Whom we trust at the other end of a connection, and who we are at this one.

mod certificates;
mod expiry;
mod settings;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use fanfare_process::settings::read_file;
use rustls::ClientConfig;
use secrecy::{ExposeSecret, SecretSlice};

use super::watched::{Recipe, Watched};
pub(crate) use settings::read_tls_files;

/// The files with the certificates of an [`HttpClient`](super::HttpClient), in PEM.
///
/// They are looked at again while the client is used, at most once a second and at once when
/// a handshake failed over certificates, so that new ones need no restart. While they cannot
/// be used, the last good ones are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsFiles {
    /// Authorities to trust instead of the system's.
    pub ca: Option<PathBuf>,
    /// Who we are, where a server asks.
    pub identity: Option<IdentityFiles>,
}

/// A client certificate and its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityFiles {
    /// The chain, leaf first.
    pub cert: PathBuf,
    /// The leaf's private key, not encrypted.
    pub key: PathBuf,
}

/// What is wrong with the files.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
struct TlsFilesError {
    file: File,
    /// Holds nothing of what is in the file.
    what: String,
}

/// Which of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum File {
    Ca,
    Cert,
    Key,
}

/// What connections are secured with, as the files have it by now.
pub(super) type Tls = Watched<TlsFiles>;

/// What the files hold.
#[derive(PartialEq)]
pub(super) struct Pem {
    ca: Option<Vec<u8>>,
    identity: Option<IdentityPem>,
}

struct IdentityPem {
    cert: Vec<u8>,
    key: SecretSlice<u8>,
}

impl Recipe for TlsFiles {
    type Content = Pem;
    type Product = Arc<ClientConfig>;

    fn name(&self) -> &str {
        "certificates"
    }

    fn is_fixed(&self) -> bool {
        *self == Self::default()
    }

    fn read(&self) -> Result<Pem, String> {
        self.pem().map_err(|error| error.to_string())
    }

    fn make(&self, pem: &Pem) -> Result<Arc<ClientConfig>, String> {
        let config = self.config(pem).map_err(|error| error.to_string())?;
        expiry::warn_of_it(self, pem);
        Ok(Arc::new(config))
    }
}

impl TlsFiles {
    fn pem(&self) -> Result<Pem, TlsFilesError> {
        let ca = self.ca.as_deref().map(|path| content(File::Ca, path)).transpose()?;
        let identity = self.identity.as_ref().map(IdentityFiles::pem).transpose()?;
        Ok(Pem { ca, identity })
    }
}

impl IdentityFiles {
    fn pem(&self) -> Result<IdentityPem, TlsFilesError> {
        let cert = content(File::Cert, &self.cert)?;
        let key = content(File::Key, &self.key)?.into();
        Ok(IdentityPem { cert, key })
    }
}

impl TlsFilesError {
    /// `what` goes on after the file's path.
    fn of(file: File, path: &Path, what: impl std::fmt::Display) -> Self {
        Self { file, what: format!("`{}` {what}", path.display()) }
    }
}

impl PartialEq for IdentityPem {
    fn eq(&self, other: &Self) -> bool {
        self.cert == other.cert && self.key.expose_secret() == other.key.expose_secret()
    }
}

fn content(file: File, path: &Path) -> Result<Vec<u8>, TlsFilesError> {
    read_file(path)
        .map_err(|why| TlsFilesError::of(file, path, format_args!("cannot be read: {why}")))
}
