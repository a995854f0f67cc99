//! Payloads without what they say about people: structure stays, texts do not.

use serde_json::Value;

/// Shorter texts would be given away by their first character.
const SHORTEST_WITH_A_START: usize = 4;

/// Longer last words behind an `@` are hardly top-level domains.
const LONGEST_TOP_LEVEL: usize = 6;

/// Masks every text in `value`; numbers, booleans, names and structure stay.
pub(super) fn mask(value: &mut Value) {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
        Value::String(text) => *text = masked(text),
        Value::Array(items) => items.iter_mut().for_each(mask),
        Value::Object(members) => members.values_mut().for_each(mask),
    }
}

/// Masks the payload of an event in JSON; its attributes stay.
pub(super) fn mask_event(event: &mut Value) {
    let Value::Object(members) = event else { return mask(event) };
    if let Some(data) = members.get_mut("data") {
        mask(data);
    }
    if let Some(data) = members.get_mut("data_base64") {
        let length = data.as_str().map_or(0, str::len);
        *data = format!("({length} characters of base64)").into();
    }
}

fn masked(text: &str) -> String {
    match address(text) {
        Some((local, domain, top)) => format!("{}@{}.{top}", start(local), start(domain)),
        None if text.chars().count() < SHORTEST_WITH_A_START => "***".to_owned(),
        None => start(text),
    }
}

/// Local part, domain and top-level domain, when `text` looks like an e-mail address.
fn address(text: &str) -> Option<(&str, &str, &str)> {
    let (local, domain) = text.split_once('@')?;
    let (_, top) = domain.rsplit_once('.')?;
    let is_top = (2..=LONGEST_TOP_LEVEL).contains(&top.len())
        && top.bytes().all(|byte| byte.is_ascii_alphabetic());
    let is_one_word = !text.contains(char::is_whitespace);
    (is_top && is_one_word && !local.is_empty()).then_some((local, domain, top))
}

fn start(text: &str) -> String {
    text.chars().take(1).chain("***".chars()).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn structure_stays_and_texts_do_not() {
        let mut event = json!({
            "id": "e-1",
            "data": {
                "email": "ada@mail.example.com",
                "first_name": "Ada",
                "last_name": "Lovelace",
                "age": 36,
                "tags": ["vip", "mathematics"],
                "consent": true,
                "note": null
            }
        });
        mask_event(&mut event);
        assert_eq!(
            event,
            json!({
                "id": "e-1",
                "data": {
                    "email": "a***@m***.com",
                    "first_name": "***",
                    "last_name": "L***",
                    "age": 36,
                    "tags": ["***", "m***"],
                    "consent": true,
                    "note": null
                }
            })
        );
    }

    #[test]
    fn only_what_looks_like_an_address_keeps_its_ends() {
        let table = [
            ("a@b.de", "a***@b***.de"),
            ("ada@localhost", "a***"),
            ("@example.com", "@***"),
            ("call me @ home.tonight", "c***"),
            ("x@y.averylongword", "x***"),
            ("x@y.secret words", "x***"),
            ("", "***"),
            ("äöüß", "ä***"),
        ];
        for (text, expected) in table {
            assert_eq!(masked(text), expected, "{text}");
        }
    }

    #[test]
    fn binary_data_is_only_measured() {
        let mut event = json!({ "data_base64": "c2VjcmV0" });
        mask_event(&mut event);
        assert_eq!(event["data_base64"], "(8 characters of base64)");
    }

    #[test]
    fn what_is_no_event_is_masked_whole() {
        let mut value = json!(["secret text"]);
        mask_event(&mut value);
        assert_eq!(value, json!(["s***"]));
    }

    proptest! {
        #[test]
        fn hardly_anything_of_a_text_survives(text in "[a-z@. ]{4,60}") {
            let masked = masked(&text);
            let kept = masked.chars().filter(|c| !"*@.".contains(*c)).count();
            let is_address = masked.contains('@');
            prop_assert!(kept <= if is_address { 2 + LONGEST_TOP_LEVEL } else { 1 }, "{masked}");
            prop_assert!(!is_address || text.contains('@'));
        }
    }
}
