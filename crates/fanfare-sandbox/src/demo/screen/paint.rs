//! Colours, where there are any, and numbers for people.

use std::fmt;

/// Colours text, or leaves it as it is.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Paint {
    is_on: bool,
}

impl Paint {
    pub(super) fn new(is_on: bool) -> Self {
        Self { is_on }
    }

    pub(super) fn is_on(self) -> bool {
        self.is_on
    }

    pub(in super::super) fn bold(self, text: impl fmt::Display) -> String {
        self.with("1", text)
    }

    pub(in super::super) fn dim(self, text: impl fmt::Display) -> String {
        self.with("2", text)
    }

    pub(in super::super) fn red(self, text: impl fmt::Display) -> String {
        self.with("31", text)
    }

    pub(in super::super) fn green(self, text: impl fmt::Display) -> String {
        self.with("32", text)
    }

    pub(in super::super) fn yellow(self, text: impl fmt::Display) -> String {
        self.with("33", text)
    }

    fn with(self, code: &str, text: impl fmt::Display) -> String {
        if self.is_on { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_string() }
    }
}

/// `1234567` as `1,234,567`.
pub(in super::super) fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_grouped_by_three() {
        for (number, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(number), text);
        }
    }

    #[test]
    fn without_colours_text_is_itself() {
        assert_eq!(Paint::new(false).red("x"), "x");
        assert_eq!(Paint::new(true).red("x"), "\x1b[31mx\x1b[0m");
    }
}
