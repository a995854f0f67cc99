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

/// `name=value` separated by semicolons; a value is a token or a quoted string.
fn are_parameters(mut rest: &str) -> bool {
    loop {
        rest = rest.trim_start_matches([' ', '\t']);
        let Some((name, value)) = rest.split_once('=') else { return false };
        let Some(length) = parameter_value_length(value) else { return false };
        if !is_token(name) {
            return false;
        }
        let after = value[length..].trim_start_matches([' ', '\t']);
        match after.strip_prefix(';') {
            Some(next) => rest = next,
            None => return after.is_empty(),
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
