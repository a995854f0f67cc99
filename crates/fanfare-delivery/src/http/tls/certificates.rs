//! From the files' content to what secures a connection.

use std::path::Path;
use std::sync::Arc;

use rustls::client::WantsClientCert;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, ConfigBuilder, RootCertStore, WantsVerifier};
use rustls_platform_verifier::BuilderVerifierExt;
use secrecy::ExposeSecret;

use super::{File, IdentityFiles, IdentityPem, Pem, TlsFiles, TlsFilesError, content};

impl TlsFiles {
    /// What is wrong with each of the files as they are now.
    pub(super) fn problems(&self) -> Vec<TlsFilesError> {
        let roots = self
            .ca
            .as_deref()
            .map(|path| content(File::Ca, path).and_then(|pem| roots(path, &pem)).map(drop));
        let identity = self.identity.as_ref().map(|files| {
            let builder = builder();
            let provider = builder.crypto_provider();
            files.pem().and_then(|pem| identity(files, &pem, provider)).map(drop)
        });
        [roots, identity].into_iter().flatten().filter_map(Result::err).collect()
    }

    /// TLS 1.2 and 1.3, and HTTP/1.1 in it.
    pub(super) fn config(&self, pem: &Pem) -> Result<ClientConfig, TlsFilesError> {
        let builder = builder();
        let provider = Arc::clone(builder.crypto_provider());
        let builder = match (&self.ca, &pem.ca) {
            (Some(path), Some(pem)) => builder.with_root_certificates(roots(path, pem)?),
            (_, _) => trusting_the_system(builder)?,
        };
        let mut config = match (&self.identity, &pem.identity) {
            (Some(files), Some(pem)) => {
                let identity = identity(files, pem, &provider)?;
                builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(identity)))
            }
            (_, _) => builder.with_no_client_auth(),
        };
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }
}

fn builder() -> ConfigBuilder<ClientConfig, WantsVerifier> {
    fanfare_process::install_crypto_provider();
    ClientConfig::builder()
}

fn roots(path: &Path, pem: &[u8]) -> Result<RootCertStore, TlsFilesError> {
    let mut roots = RootCertStore::empty();
    for (index, certificate) in certificates(File::Ca, path, pem)?.into_iter().enumerate() {
        roots.add(certificate).map_err(|why| {
            let number = index + 1;
            let what = format_args!("holds a certificate number {number} that is none ({why})");
            TlsFilesError::of(File::Ca, path, what)
        })?;
    }
    Ok(roots)
}

fn trusting_the_system(
    builder: ConfigBuilder<ClientConfig, WantsVerifier>,
) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, TlsFilesError> {
    builder.with_platform_verifier().map_err(|why| TlsFilesError {
        file: File::Ca,
        what: format!("the system's certificates cannot be used ({why}), and no others are named"),
    })
}

fn identity(
    files: &IdentityFiles,
    pem: &IdentityPem,
    provider: &CryptoProvider,
) -> Result<CertifiedKey, TlsFilesError> {
    let IdentityFiles { cert, key } = files;
    let chain = certificates(File::Cert, cert, &pem.cert)?;
    let private = private_key(key, pem.key.expose_secret())?;
    CertifiedKey::from_der(chain, private, provider).map_err(|why| match why {
        rustls::Error::InconsistentKeys(_) => {
            let what = format_args!("is not the key of the certificate in `{}`", cert.display());
            TlsFilesError::of(File::Key, key, what)
        }
        rustls::Error::InvalidCertificate(why) => {
            TlsFilesError::of(File::Cert, cert, format_args!("holds no usable certificate ({why})"))
        }
        why => TlsFilesError::of(File::Key, key, format_args!("holds no usable key ({why})")),
    })
}

/// The certificates of a file, at least one.
pub(super) fn certificates(
    file: File,
    path: &Path,
    pem: &[u8],
) -> Result<Vec<CertificateDer<'static>>, TlsFilesError> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let problem = match certificates {
        Ok(certificates) if certificates.is_empty() => "holds no PEM certificate".to_owned(),
        Ok(certificates) => return Ok(certificates),
        // Half of a file, maybe; the words for what is missing are of no use to anybody.
        Err(_) => "holds PEM that is broken or cut off".to_owned(),
    };
    Err(TlsFilesError::of(file, path, problem))
}

fn private_key(path: &Path, pem: &[u8]) -> Result<PrivateKeyDer<'static>, TlsFilesError> {
    PrivateKeyDer::from_pem_slice(pem).map_err(|_| {
        let is_encrypted = pem.windows(9).any(|window| window == b"ENCRYPTED");
        let what = if is_encrypted {
            "is encrypted; a key without a passphrase can be used"
        } else {
            "holds no PEM private key, or one that is cut off"
        };
        TlsFilesError::of(File::Key, path, what)
    })
}
