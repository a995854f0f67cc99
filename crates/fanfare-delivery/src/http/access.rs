//! Where an API is, as every destination's settings say it.

use fanfare_process::catalogue::consumer::HTTP_ALLOW_PLAINTEXT;
use fanfare_process::settings::{Reader, Setting, Variable};
use url::{Host, Url};

/// Reads the address that an API's paths are put [`under`](url_under).
///
/// Credentials and events travel with every call, so plain `http` may not leave this
/// machine unless `FANFARE_HTTP_ALLOW_PLAINTEXT` says that it may. A query or a fragment
/// is refused: nothing could be put under it.
pub fn read_base_url(reader: &mut Reader<'_>, variable: &Variable) -> Option<Url> {
    read_checked(reader, variable, base_url)
}

/// Reads the whole address of what is called, its query included, after the same rule.
pub fn read_url(reader: &mut Reader<'_>, variable: &Variable) -> Option<Url> {
    read_checked(reader, variable, callable_url)
}

fn read_checked(
    reader: &mut Reader<'_>,
    variable: &Variable,
    parse: impl FnOnce(&str, bool) -> Result<Url, String>,
) -> Option<Url> {
    let allow_plaintext = reader.or_default::<bool>(&HTTP_ALLOW_PLAINTEXT);
    // While it is unknown whether plain text is allowed, the URL is still checked for
    // everything else.
    let url =
        reader.or_default_with(variable, |text| parse(text, allow_plaintext.unwrap_or(true)))?;
    allow_plaintext.map(|_| url)
}

/// `base` with `path`, which starts with a slash, after the path that it has already, as a
/// proxy's may.
pub fn url_under(base: &Url, path: &str) -> Url {
    let mut url = base.clone();
    url.set_path(&format!("{}{path}", base.path().trim_end_matches('/')));
    url
}

/// Host and port that `url` is dialled at, for [`Destination::address`](crate::Destination::address).
pub fn address_of(url: &Url) -> Option<(String, u16)> {
    // A URL writes IPv6 addresses in brackets, a dialler wants them without.
    let host = url.host_str()?.trim_matches(['[', ']']);
    Some((host.to_owned(), url.port_or_known_default()?))
}

fn base_url(text: &str, allow_plaintext: bool) -> Result<Url, String> {
    let url = callable_url(text, allow_plaintext)?;
    if url.query().is_some() {
        return Err("is a URL with a query".into());
    }
    Ok(url)
}

fn callable_url(text: &str, allow_plaintext: bool) -> Result<Url, String> {
    let url = <Url as Setting>::parse(text)?;
    if url.fragment().is_some() {
        return Err("is a URL with a fragment, which would not be sent".into());
    }
    if url.scheme() == "http"
        && !allow_plaintext
        && !url.host().is_some_and(|host| is_loopback(&host))
    {
        return Err(format!(
            "is plain http to another machine, so that credentials and events could be read on \
             the way; use https, or set {} where the network itself is private",
            HTTP_ALLOW_PLAINTEXT.name
        ));
    }
    Ok(url)
}

/// Whether what is sent to `host` stays on this machine.
pub(crate) fn is_loopback(host: &Host<impl AsRef<str>>) -> bool {
    match host {
        Host::Domain(name) => name.as_ref() == "localhost",
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    const BASE_URL: Variable =
        Variable::with_default("EXAMPLE_BASE_URL", "https://api.example", "An API.");

    fn read<T>(
        vars: &[(&str, &str)],
        read: impl FnOnce(&mut Reader<'_>) -> Option<T>,
    ) -> Result<T, String> {
        let vars: BTreeMap<_, _> =
            vars.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let mut reader = Reader::new(&vars);
        let value = read(&mut reader);
        reader.finish(&[], || value).map_err(|error| error.to_string())
    }

    fn base(vars: &[(&str, &str)]) -> Result<String, String> {
        read(vars, |reader| read_base_url(reader, &BASE_URL)).map(String::from)
    }

    #[test]
    fn plain_http_leaves_this_machine_only_when_allowed() {
        let table = [
            ("https://api.example", true),
            ("http://localhost:8081", true),
            ("http://LOCALHOST", true),
            ("http://127.0.0.1:8081", true),
            ("http://127.9.9.9", true),
            ("http://2130706433", true),
            ("http://[::1]:8081", true),
            ("http://api.example", false),
            ("http://10.0.0.1", false),
            ("http://0.0.0.0", false),
            ("http://[::]", false),
            ("http://localhost.example", false),
            ("http://127.0.0.1.example", false),
        ];
        for (url, allowed) in table {
            let given = ("EXAMPLE_BASE_URL", url);
            match base(&[given]) {
                Ok(_) => assert!(allowed, "{url}"),
                Err(problem) => {
                    assert!(!allowed, "{url}: {problem}");
                    assert!(problem.contains("FANFARE_HTTP_ALLOW_PLAINTEXT"), "{problem}");
                }
            }
            assert!(base(&[given, ("FANFARE_HTTP_ALLOW_PLAINTEXT", "true")]).is_ok(), "{url}");
        }
    }

    #[test]
    fn what_nothing_can_be_put_under_is_refused() {
        assert_eq!(base(&[]), Ok("https://api.example/".to_owned()));
        for wrong in [
            "https://api.example?key=1",
            "https://api.example#v3",
            "https://user@api.example",
            "ftp://api.example",
            "api.example",
        ] {
            let problem = base(&[("EXAMPLE_BASE_URL", wrong)]).unwrap_err();
            assert!(problem.starts_with("EXAMPLE_BASE_URL: "), "{wrong}: {problem}");
        }
    }

    #[test]
    fn whether_plain_http_is_allowed_is_checked_with_everything_else() {
        let vars = [("EXAMPLE_BASE_URL", "ftp://x"), ("FANFARE_HTTP_ALLOW_PLAINTEXT", "yes")];
        let problems = base(&vars).unwrap_err();
        for (name, _) in vars {
            assert!(problems.contains(name), "{problems}");
        }
        assert!(base(&vars[1..]).is_err());
    }

    #[test]
    fn a_path_goes_after_the_one_that_the_base_has() {
        let table = [
            ("https://api.example", "https://api.example/v3/send"),
            ("https://api.example/", "https://api.example/v3/send"),
            ("https://proxy.example/api", "https://proxy.example/api/v3/send"),
            ("https://proxy.example/api/", "https://proxy.example/api/v3/send"),
        ];
        for (base, expected) in table {
            assert_eq!(url_under(&base.parse().unwrap(), "/v3/send").as_str(), expected);
        }
    }
}
