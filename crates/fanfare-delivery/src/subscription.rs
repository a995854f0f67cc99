//! Which event types a destination subscribes to.

use std::str::FromStr;

/// Patterns of event types, in AMQP topic syntax: `*` is one word, `#` any number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventTypes(Vec<String>);

/// A text that is no pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a pattern of event types: expected words separated by dots, where `*` and `#` stand alone"
)]
pub struct InvalidPattern(String);

impl EventTypes {
    /// Every type.
    pub fn all() -> Self {
        Self(Vec::new())
    }

    /// The patterns; empty means every type.
    pub fn patterns(&self) -> &[String] {
        &self.0
    }

    /// Whether a type is subscribed to.
    ///
    /// The broker filters by the same patterns. It is asked again here because a
    /// binding of an earlier subscription may still be in place.
    pub fn contains(&self, event_type: &str) -> bool {
        self.0.is_empty() || self.0.iter().any(|pattern| matches(pattern, event_type))
    }
}

impl FromStr for EventTypes {
    type Err = InvalidPattern;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let patterns: Vec<_> =
            text.split(',').map(|pattern| checked(pattern.trim())).collect::<Result<_, _>>()?;
        let takes_all = patterns.iter().any(|pattern| pattern == "#");
        Ok(Self(if takes_all { Vec::new() } else { patterns }))
    }
}

fn checked(pattern: &str) -> Result<String, InvalidPattern> {
    let is_word = |word: &str| {
        !word.is_empty() && (word == "*" || word == "#" || !word.contains(['*', '#', ' ']))
    };
    if pattern.split('.').all(is_word) {
        Ok(pattern.to_owned())
    } else {
        Err(InvalidPattern(pattern.to_owned()))
    }
}

fn matches(pattern: &str, event_type: &str) -> bool {
    let pattern: Vec<_> = pattern.split('.').collect();
    let words: Vec<_> = event_type.split('.').collect();
    matches_words(&pattern, &words)
}

fn matches_words(pattern: &[&str], words: &[&str]) -> bool {
    match pattern.split_first() {
        None => words.is_empty(),
        Some((&"#", rest)) => (0..=words.len()).any(|taken| matches_words(rest, &words[taken..])),
        Some((&"*", rest)) => {
            words.split_first().is_some_and(|(_, left)| matches_words(rest, left))
        }
        Some((word, rest)) => words
            .split_first()
            .is_some_and(|(first, left)| first == word && matches_words(rest, left)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_mean_what_the_broker_means_by_them() {
        for (pattern, event_type, expected) in [
            ("#", "user.registered", true),
            ("user.#", "user.registered", true),
            ("user.#", "user", true),
            ("user.#", "user.profile.changed", true),
            ("user.*", "user.profile.changed", false),
            ("*.registered", "user.registered", true),
            ("#.changed", "user.profile.changed", true),
            ("user.registered", "user.updated", false),
            ("user.registered,order.#", "order.paid", true),
        ] {
            let types: EventTypes = pattern.parse().unwrap();
            assert_eq!(types.contains(event_type), expected, "{pattern} {event_type}");
        }
    }

    #[test]
    fn everything_is_no_pattern_at_all() {
        assert_eq!("user.*,#".parse(), Ok(EventTypes::all()));
    }

    #[test]
    fn a_wildcard_inside_a_word_is_refused() {
        for pattern in ["", "user.", "user*", "us#r.x", "a b", "user.registered,"] {
            assert!(pattern.parse::<EventTypes>().is_err(), "{pattern:?}");
        }
    }
}
