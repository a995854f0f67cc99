//! The URL of the management API.

use std::net::IpAddr;

use url::{Host, Url};

/// An `http` or `https` URL that may carry credentials.
///
/// Plain `http` to another machine would show them, so it is refused like plain `amqp`.
pub(super) fn parse(text: &str, allow_plaintext: bool) -> Result<Url, &'static str> {
    let mut url = Url::parse(text).map_err(|_| "is not a URL")?;
    match url.scheme() {
        "https" => {}
        "http" if allow_plaintext || is_loopback(&url) => {}
        "http" => {
            return Err("is plain http to a host that is not loopback; use https, or set \
                        FANFARE_AMQP_ALLOW_PLAINTEXT=true where the network itself is private");
        }
        _ => return Err("is neither an http nor an https URL"),
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("has a query or a fragment, which would not be used");
    }
    // Both `http://host:15672` and the `…/api` that people copy are meant alike.
    let path = url.path().trim_end_matches('/');
    let path = path.strip_suffix("/api").unwrap_or(path).to_owned();
    url.set_path(&path);
    Ok(url)
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        Some(Host::Ipv4(address)) => IpAddr::from(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::from(address).is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_do_not_leave_the_machine_in_the_clear() {
        assert!(parse("http://guest:guest@127.0.0.1:15672", false).is_ok());
        assert!(parse("http://[::1]:15672", false).is_ok());
        assert!(parse("https://m:p@broker.example", false).is_ok());
        assert!(parse("http://m:p@broker.example", false).unwrap_err().contains("plain http"));
        assert!(parse("http://m:p@broker.example", true).is_ok());
        assert!(parse("amqp://localhost", false).is_err());
        assert!(parse("http://localhost?x", false).is_err());
        assert!(parse("localhost", false).is_err());
    }

    #[test]
    fn the_api_path_may_be_given_or_not() {
        for text in ["http://localhost:1", "http://localhost:1/", "http://localhost:1/api/"] {
            assert_eq!(parse(text, false).unwrap().path(), "/", "{text}");
        }
        assert_eq!(parse("https://h/rabbit/api", false).unwrap().path(), "/rabbit");
    }
}
