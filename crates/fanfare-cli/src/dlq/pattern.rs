//! Event-type patterns, by the rules that RabbitMQ's topic exchanges apply.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

/// Words between dots: `*` stands for one word, `#` for any number of words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypePattern(String);

impl TypePattern {
    /// Whether `event_type` is one that is meant.
    pub fn matches(&self, event_type: &str) -> bool {
        let pattern: Vec<_> = self.0.split('.').collect();
        let words: Vec<_> = event_type.split('.').collect();
        // reached[n]: the pattern so far takes exactly the first n words. One row per
        // word of the pattern keeps `#.#.#.…` from going exponential.
        let mut reached = vec![false; words.len() + 1];
        reached[0] = true;
        for part in pattern {
            let mut next = vec![false; words.len() + 1];
            for n in 0..=words.len() {
                next[n] = match part {
                    "#" => reached[n] || (n > 0 && next[n - 1]),
                    "*" => n > 0 && reached[n - 1],
                    word => n > 0 && reached[n - 1] && word == words[n - 1],
                };
            }
            reached = next;
        }
        reached[words.len()]
    }
}

impl FromStr for TypePattern {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for TypePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_at_the_broker() {
        let table = [
            ("user.registered", "user.registered", true),
            ("user.registered", "user.updated", false),
            ("user.*", "user.registered", true),
            ("user.*", "user", false),
            ("user.*", "user.a.b", false),
            ("user.#", "user", true),
            ("user.#", "user.a.b", true),
            ("#", "anything.at.all", true),
            ("#.b", "b", true),
            ("#.b", "a.a.b", true),
            ("#.b", "b.a", false),
            ("a.#.c", "a.c", true),
            ("a.#.c", "a.b.b.c", true),
            ("*.*", "a.b", true),
            ("*", "a.b", false),
        ];
        for (pattern, event_type, expected) in table {
            let pattern: TypePattern = pattern.parse().unwrap();
            assert_eq!(pattern.matches(event_type), expected, "{pattern:?} on {event_type}");
        }
    }

    #[test]
    fn many_wildcards_do_not_take_for_ever() {
        let pattern: TypePattern = "#.a.".repeat(60).trim_end_matches('.').parse().unwrap();
        assert!(!pattern.matches(&"a.".repeat(100)));
    }
}
