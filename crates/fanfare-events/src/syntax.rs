//! The forms that attribute values must have: text, names, URIs, media types.

/// The first character that CloudEvents forbids in a String: C0 and C1 controls, DEL and
/// Unicode noncharacters (CloudEvents 1.0.2 §2.4). Lone surrogates cannot occur in a `str`.
pub(crate) fn forbidden_character(text: &str) -> Option<char> {
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return None;
    }
    text.chars().find(|&character| {
        let code = u32::from(character);
        character.is_control() || (0xFDD0..=0xFDEF).contains(&code) || code & 0xFFFE == 0xFFFE
    })
}

/// `[a-z0-9]+`.
pub(crate) fn is_attribute_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9'))
}

/// A URI reference (RFC 3986 §4.1): a URI, or a reference relative to one.
pub(crate) fn is_uri_reference(text: &str) -> bool {
    is_spelled_as_uri(text)
        && match text.find([':', '/', '?', '#']) {
            // A colon in the first segment can only end a scheme (§4.2).
            Some(end) if text.as_bytes()[end] == b':' => is_scheme(&text[..end]),
            _ => true,
        }
}

/// A URI with its scheme. A fragment is let through, as JSON Schema's `uri` format does, because
/// schema registries use it, although RFC 3986 §4.3 has none in an absolute URI.
pub(crate) fn is_absolute_uri(text: &str) -> bool {
    is_spelled_as_uri(text)
        && text.split_once(':').is_some_and(|(scheme, rest)| is_scheme(scheme) && !rest.is_empty())
}

/// A media type (RFC 2046, grammar of RFC 9110 §8.3.1): `type/subtype` and parameters.
pub(crate) fn is_media_type(text: &str) -> bool {
    let (essence, parameters) = text.split_once(';').map_or((text, None), |(a, b)| (a, Some(b)));
    essence
        .trim_end_matches([' ', '\t'])
        .split_once('/')
        .is_some_and(|(kind, subtype)| is_token(kind) && is_token(subtype))
        && parameters.is_none_or(are_parameters)
}

/// Whether data of this media type is JSON: `*/json`, `*/*+json`.
pub(crate) fn is_json_media_type(text: &str) -> bool {
    let essence = text.split(';').next().unwrap_or_default().trim();
    essence.split_once('/').is_some_and(|(_, subtype)| {
        subtype.eq_ignore_ascii_case("json")
            || subtype
                .rsplit_once('+')
                .is_some_and(|(_, suffix)| suffix.eq_ignore_ascii_case("json"))
    })
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

/// Only characters that a URI may hold, `%` only before two hexadecimal digits, one `#` at most,
/// brackets only around the host.
fn is_spelled_as_uri(text: &str) -> bool {
    let bytes = text.as_bytes();
    let host_end = end_of_authority(text);
    let mut fragment = false;
    bytes.iter().enumerate().all(|(at, byte)| match byte {
        b'%' => {
            bytes.get(at + 1..at + 3).is_some_and(|pair| pair.iter().all(u8::is_ascii_hexdigit))
        }
        b'#' => !std::mem::replace(&mut fragment, true),
        b'[' | b']' => at < host_end,
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => true,
        other => b"-._~:/?@!$&'()*+,;=".contains(other),
    })
}

/// Where `//authority` ends; 0 without one.
fn end_of_authority(text: &str) -> usize {
    let Some(slashes) = text.find("//") else { return 0 };
    let opens_authority = slashes == 0 || text[..slashes].strip_suffix(':').is_some_and(is_scheme);
    if !opens_authority {
        return 0;
    }
    let host = slashes + 2;
    text[host..].find(['/', '?', '#']).map_or(text.len(), |length| host + length)
}

fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

/// `name=value` separated by semicolons; a value is a token or a quoted string, and there may be
/// nothing between two semicolons.
fn are_parameters(mut rest: &str) -> bool {
    loop {
        rest = rest.trim_start_matches([' ', '\t', ';']);
        if rest.is_empty() {
            return true;
        }
        let Some((name, value)) = rest.split_once('=') else { return false };
        let Some(length) = parameter_value_length(value) else { return false };
        rest = value[length..].trim_start_matches([' ', '\t']);
        if !is_token(name) || !(rest.is_empty() || rest.starts_with(';')) {
            return false;
        }
    }
}

fn parameter_value_length(value: &str) -> Option<usize> {
    if !value.starts_with('"') {
        let length = value.find([';', ' ', '\t']).unwrap_or(value.len());
        return is_token(&value[..length]).then_some(length);
    }
    let mut escaped = false;
    value.bytes().enumerate().skip(1).find_map(|(at, byte)| match byte {
        _ if escaped => {
            escaped = false;
            None
        }
        b'\\' => {
            escaped = true;
            None
        }
        b'"' => Some(at + 1),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uri_references_are_told_from_other_text() {
        for text in [
            "/signup",
            "signup",
            "../x",
            "#fragment",
            "?q=1",
            "//host:80/a",
            "https://example.com/a?b=c#d",
            "urn:uuid:6e8bc430-9c3a-11d9-9669-0800200c9a66",
            "mailto:ada@example.com",
            "http://[2001:db8::1]:8080/x",
            "/a%20b",
            "a/b:c",
            "./a:b",
        ] {
            assert!(is_uri_reference(text), "{text:?} is a URI reference");
        }
        for text in [
            "a b",
            "/a%2",
            "/a%zz",
            "%",
            "1a:b",
            ":a",
            "a_b:c",
            "/a#b#c",
            "/[x]",
            "a\\b",
            "\"a\"",
            "<a>",
            "/\u{e9}",
            "{a}",
            "http://h/[",
            "/a//[b]",
        ] {
            assert!(!is_uri_reference(text), "{text:?} is no URI reference");
        }
    }

    #[test]
    fn absolute_uris_have_a_scheme() {
        for text in
            ["urn:fanfare:user.registered:1", "https://example.com/s.json#/defs/a", "a+b-c.1:x"]
        {
            assert!(is_absolute_uri(text), "{text:?} is an absolute URI");
        }
        for text in ["/schema", "schema", "//host/schema", "1:a", "http:", ":a", "a:b c", "#a"] {
            assert!(!is_absolute_uri(text), "{text:?} is no absolute URI");
        }
    }

    #[test]
    fn media_types_are_type_subtype_and_parameters() {
        for text in [
            "text/plain",
            "application/vnd.acme.user+json",
            "text/plain;charset=utf-8",
            "text/plain ; charset=\"utf-8\" ; a=b",
            "multipart/mixed; boundary=\"a;\\\"b\"",
            "text/plain;",
        ] {
            assert!(is_media_type(text), "{text:?} is a media type");
        }
        for text in [
            "json",
            "/json",
            "text/",
            "text/pl ain",
            "a/b/c",
            "text/plain;charset",
            "text/plain;=utf-8",
            "text/plain;a=",
            "text/plain;a=\"b",
            "text/plain;a=b c",
            "text/plain;a=\"b\"c",
        ] {
            assert!(!is_media_type(text), "{text:?} is no media type");
        }
    }

    #[test]
    fn json_is_recognised_by_subtype_or_suffix() {
        for text in ["application/json", "Application/JSON; charset=utf-8", "text/json", "a/b+json"]
        {
            assert!(is_json_media_type(text), "{text:?} is JSON");
        }
        for text in ["application/jsonl", "application/json5", "a/json+xml", "json", "text/plain"] {
            assert!(!is_json_media_type(text), "{text:?} is not JSON");
        }
    }

    #[test]
    fn forbidden_characters_are_those_that_cloudevents_names() {
        for character in [
            '\0',
            '\u{1f}',
            '\u{7f}',
            '\u{9f}',
            '\u{fdd0}',
            '\u{fdef}',
            '\u{ffff}',
            '\u{1fffe}',
            '\u{10ffff}',
        ] {
            let text = format!("caf\u{e9} {character}");
            assert_eq!(forbidden_character(&text), Some(character));
        }
        for text in ["", " ~", "\u{a0}", "\u{fdcf}\u{fdf0}\u{fffd}", "\u{1f600}"] {
            assert_eq!(forbidden_character(text), None, "{text:?}");
        }
    }
}
