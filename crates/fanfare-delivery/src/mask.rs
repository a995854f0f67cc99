//! Keeping people's data and secrets out of dead letters and logs.

/// `text` without what looks like an e-mail address or a credential.
///
/// Answers of APIs like to repeat what they were sent. Addresses keep their domain
/// and first letter, which is enough to recognise a pattern; long words without a
/// vowel's rhythm, such as keys and tokens, go altogether.
pub(crate) fn mask(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut word = String::new();
    for character in text.chars() {
        if belongs_to_word(character) {
            word.push(character);
        } else {
            masked.push_str(&masked_word(&word));
            word.clear();
            masked.push(character);
        }
    }
    masked.push_str(&masked_word(&word));
    masked
}

/// Shorter than any key or token that is worth the name.
const SHORTEST_SECRET: usize = 20;

fn belongs_to_word(character: char) -> bool {
    character.is_alphanumeric() || "@._%+-~=".contains(character)
}

fn masked_word(word: &str) -> String {
    if let Some((local, domain)) = word.split_once('@')
        && !domain.is_empty()
    {
        let first: String = local.chars().take(1).collect();
        return format!("{first}***@{domain}");
    }
    if looks_like_secret(word) { "***".to_owned() } else { word.to_owned() }
}

/// Long, and with letters and digits mixed; a UUID names something and is kept.
fn looks_like_secret(word: &str) -> bool {
    let has = |test: fn(&char) -> bool| word.chars().any(|c| test(&c));
    word.len() >= SHORTEST_SECRET
        && has(char::is_ascii_digit)
        && has(char::is_ascii_alphabetic)
        && !is_uuid(word)
}

fn is_uuid(word: &str) -> bool {
    word.len() == 36
        && word.bytes().enumerate().all(|(index, byte)| match index {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_credentials_are_masked_and_the_rest_is_kept() {
        for (text, expected) in [
            (r#"{"email":"ada@example.org"}"#, r#"{"email":"a***@example.org"}"#),
            ("Bearer pat-eu1-0a1b2c3d4e5f60718293", "Bearer ***"),
            ("key aGVsbG8gd29ybGQ0NTY3ODkwYWJj/Zm9v+bar0=", "key ***/Zm9v+bar0="),
            ("SG.abcDEF1234567890.xyzXYZ0987654321", "***"),
            ("VALIDATION_ERROR: bad property", "VALIDATION_ERROR: bad property"),
            (
                "correlation 0190b5a8-7e4c-7d6e-8f00-000000000001",
                "correlation 0190b5a8-7e4c-7d6e-8f00-000000000001",
            ),
            ("ä@ö.de, b@c", "ä***@ö.de, b***@c"),
            ("", ""),
        ] {
            assert_eq!(mask(text), expected);
        }
    }
}
