//! The one TLS provider of the process.

/// Makes *ring* the process's TLS provider; HTTP clients are built without one.
///
/// Calling it again, or after somebody else chose a provider, changes nothing.
/// [`Program::start`](crate::Program::start) calls it; tests and other programs
/// call it before they build their first HTTP client.
pub fn install_crypto_provider() {
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        tracing::debug!("a TLS provider was already installed");
    }
}
