//! The authorities of a Redis with a private CA.

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

/// What is wrong with a file of certificates, told while settings are read: the client would
/// say it once it dials.
pub(crate) fn check_authorities(pem: &[u8]) -> Result<(), &'static str> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let certificates = certificates.map_err(|_| "names a file whose PEM is broken or cut off")?;
    if certificates.is_empty() {
        return Err("names a file that holds no PEM certificate");
    }
    let mut roots = RootCertStore::empty();
    let added = certificates.into_iter().try_for_each(|certificate| roots.add(certificate));
    added.map_err(|_| "names a file that holds a certificate of no authority")
}
