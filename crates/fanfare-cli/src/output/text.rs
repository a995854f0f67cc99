//! Foreign text, made fit for a terminal.

/// `text` without control characters: messages come from anybody, and an escape
/// sequence among them would speak to the operator's terminal.
pub fn plain(text: &str) -> String {
    text.chars()
        .filter_map(|character| match character {
            '\n' | '\r' | '\t' => Some(' '),
            character if character.is_control() => None,
            character => Some(character),
        })
        .collect()
}

/// The start of `text`, at most `longest` characters, with a mark where it was cut.
pub fn shortened(text: &str, longest: usize) -> String {
    match text.char_indices().nth(longest) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_taken_out() {
        assert_eq!(plain("a\u{1b}[31mb\u{7}\nc\u{9b}d"), "a[31mb cd");
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        assert_eq!(shortened("äöü", 3), "äöü");
        assert_eq!(shortened("äöü!", 3), "äöü…");
    }
}
