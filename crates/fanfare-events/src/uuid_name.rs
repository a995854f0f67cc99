//! UUIDv5 names made of several strings, so that no two lists of strings make the same name.

use uuid::Uuid;

/// UUIDv5 over the parts as netstrings (`5:hello,`): the length in front of each part keeps
/// `("a", "bc")` and `("ab", "c")` apart, and any language can write it.
pub(crate) fn uuid_v5(namespace: &Uuid, parts: &[&str]) -> Uuid {
    let mut name = Vec::with_capacity(parts.iter().map(|part| part.len() + 8).sum());
    for part in parts {
        name.extend_from_slice(part.len().to_string().as_bytes());
        name.push(b':');
        name.extend_from_slice(part.as_bytes());
        name.push(b',');
    }
    Uuid::new_v5(namespace, &name)
}
