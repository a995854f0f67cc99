//! How deeply JSON nests, on its bytes and before anything recurses into it.

/// Whether arrays and objects stand more than `limit` deep in each other.
pub(crate) fn is_deeper_than(json: &[u8], limit: usize) -> bool {
    // Nearly every event has fewer brackets than the limit allows levels, and counting them
    // is many times faster than telling those in strings apart.
    let openers = json.iter().filter(|byte| matches!(byte, b'{' | b'[')).count();
    openers > limit && deepest_level(json) > limit
}

fn deepest_level(json: &[u8]) -> usize {
    let (mut level, mut deepest) = (0_usize, 0);
    let mut bytes = json.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'{' | b'[' => {
                level += 1;
                deepest = deepest.max(level);
            }
            b'}' | b']' => level = level.saturating_sub(1),
            b'"' => skip_string(&mut bytes),
            _ => {}
        }
    }
    deepest
}

/// Moves behind the closing quote.
fn skip_string(bytes: &mut std::slice::Iter<'_, u8>) {
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => return,
            b'\\' => drop(bytes.next()),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_itself_is_allowed() {
        let json = format!("{}{}", "[".repeat(64), "]".repeat(64));
        assert!(!is_deeper_than(json.as_bytes(), 64));
        assert!(is_deeper_than(json.as_bytes(), 63));
    }

    #[test]
    fn siblings_are_not_depth() {
        let json = format!("[{}]", vec![r#"{"a":[]}"#; 100].join(","));
        assert!(!is_deeper_than(json.as_bytes(), 3));
        assert!(is_deeper_than(json.as_bytes(), 2));
    }

    #[test]
    fn brackets_in_strings_are_not_depth() {
        let text = r#"["[[[[ \\\" {{{{ \\\\", "]"]"#;
        assert!(serde_json::from_str::<Vec<String>>(text).is_ok());
        assert!(!is_deeper_than(text.as_bytes(), 1));
    }

    #[test]
    fn broken_json_is_measured_without_a_panic() {
        for json in ["]]]]", "\"", "\"\\", "[\"[", "{[}]"] {
            assert!(!is_deeper_than(json.as_bytes(), 2), "{json}");
        }
    }
}
