//! Certificates: whom the client trusts, who it is, and what happens when either is doubted.

mod authority;
mod handshakes;
mod program;
mod rotation;
mod server;
mod settings;
mod tokens;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use fanfare_delivery::http::{HttpClient, HttpLimits, IdentityFiles, TlsFiles};
use tempfile::TempDir;

use authority::{Authority, Identity};

/// A folder with the files of one client.
struct Files {
    folder: TempDir,
}

impl Files {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn trust(&self, authority: &Authority) {
        replace(&self.path("ca.pem"), &authority.pem());
    }

    fn be(&self, identity: &Identity) {
        // The key first: for a moment the two do not belong together.
        replace(&self.path("key.pem"), &identity.key);
        replace(&self.path("cert.pem"), &identity.cert);
    }

    /// A client with those of the files that there are.
    fn client(&self) -> HttpClient {
        let limits = HttpLimits { whole_call: Duration::from_secs(10), ..HttpLimits::default() };
        HttpClient::secured("test", limits, self.named()).unwrap()
    }

    fn named(&self) -> TlsFiles {
        let existing = |name| Some(self.path(name)).filter(|path| path.exists());
        let identity = existing("cert.pem")
            .zip(existing("key.pem"))
            .map(|(cert, key)| IdentityFiles { cert, key });
        TlsFiles { ca: existing("ca.pem"), identity }
    }
}

/// In one step, as whoever manages certificates does it.
fn replace(file: &Path, content: &str) {
    let new = file.with_extension("new");
    fs::write(&new, content).unwrap();
    fs::rename(new, file).unwrap();
}
