//! Which dead letters are meant.

use std::str::FromStr;

use fanfare_broker::Cause;
use regex::Regex;
use serde_json::{Map, Value};
use time::OffsetDateTime;

use super::dead_letter::DeadLetter;
use super::pattern::TypePattern;
use crate::arguments::FilterArguments;
use crate::when;

/// Conditions on dead letters: all hold, each for one of its values. None means all.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// The event's id.
    pub ids: Vec<String>,
    /// The cause.
    pub causes: Vec<Cause>,
    /// The HTTP status.
    pub statuses: Vec<StatusRange>,
    /// The event's type.
    pub types: Vec<TypePattern>,
    /// Where the event comes from.
    pub sources: Vec<String>,
    /// Dead at this time or later.
    pub since: Option<OffsetDateTime>,
    /// Dead before this time.
    pub until: Option<OffsetDateTime>,
    /// Finds something in the reason.
    pub reason: Option<Regex>,
}

/// One status or a hundred of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatusRange {
    first: u16,
    last: u16,
}

impl Filter {
    /// Builds what was typed; the error is for whoever typed it.
    pub fn new(arguments: &FilterArguments, now: OffsetDateTime) -> Result<Self, String> {
        let reason = arguments.reason.as_deref().map(Regex::new).transpose();
        Ok(Self {
            ids: arguments.ids.clone(),
            causes: all(&arguments.causes)?,
            statuses: all(&arguments.statuses)?,
            types: all(&arguments.types)?,
            sources: arguments.sources.clone(),
            since: time("--since", arguments.since.as_deref(), now)?,
            until: time("--until", arguments.until.as_deref(), now)?,
            reason: reason.map_err(|error| format!("--reason: {error}"))?,
        })
    }

    /// Whether `letter` is meant. A condition on something that the letter does not
    /// say is not met.
    pub fn matches(&self, letter: &DeadLetter) -> bool {
        let text = |wanted: &[String], is: Option<&str>| {
            wanted.is_empty() || is.is_some_and(|is| wanted.iter().any(|one| one == is))
        };
        text(&self.ids, letter.id.as_deref())
            && text(&self.sources, letter.source.as_deref())
            && (self.causes.is_empty() || letter.cause.is_some_and(|is| self.causes.contains(&is)))
            && one_of(&self.statuses, letter.status, |range, is| range.contains(*is))
            && one_of(&self.types, letter.event_type.as_ref(), |pattern, is| pattern.matches(is))
            && self.since.is_none_or(|since| letter.dead_at.is_some_and(|at| at >= since))
            && self.until.is_none_or(|until| letter.dead_at.is_some_and(|at| at < until))
            && (self.reason.as_ref())
                .is_none_or(|regex| letter.reason.as_ref().is_some_and(|is| regex.is_match(is)))
    }

    /// The conditions that were given, for the audit log.
    pub fn described(&self) -> Value {
        let mut conditions = Map::new();
        let mut put = |name: &str, values: Vec<String>| {
            if !values.is_empty() {
                conditions.insert(name.to_owned(), values.into());
            }
        };
        put("id", self.ids.clone());
        put("cause", self.causes.iter().map(ToString::to_string).collect());
        put("status", self.statuses.iter().map(ToString::to_string).collect());
        put("type", self.types.iter().map(ToString::to_string).collect());
        put("source", self.sources.clone());
        let mut put_one = |name: &str, value: Option<String>| {
            if let Some(value) = value {
                conditions.insert(name.to_owned(), value.into());
            }
        };
        put_one("since", self.since.map(when::rfc3339));
        put_one("until", self.until.map(when::rfc3339));
        put_one("reason", self.reason.as_ref().map(ToString::to_string));
        conditions.into()
    }
}

fn all<T: FromStr>(texts: &[String]) -> Result<Vec<T>, String>
where
    T::Err: ToString,
{
    texts.iter().map(|text| text.parse().map_err(|error: T::Err| error.to_string())).collect()
}

fn time(
    flag: &str,
    text: Option<&str>,
    now: OffsetDateTime,
) -> Result<Option<OffsetDateTime>, String> {
    text.map(|text| when::parse(text, now)).transpose().map_err(|what| format!("{flag}: {what}"))
}

fn one_of<W, T>(wanted: &[W], is: Option<T>, fits: impl Fn(&W, &T) -> bool) -> bool {
    wanted.is_empty() || is.is_some_and(|is| wanted.iter().any(|one| fits(one, &is)))
}

impl StatusRange {
    fn contains(self, status: u16) -> bool {
        (self.first..=self.last).contains(&status)
    }
}

impl FromStr for StatusRange {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let range = match text.strip_suffix("xx") {
            Some(hundred) => {
                let hundred = hundred.parse().ok().filter(|hundred| (1..=9).contains(hundred));
                hundred.map(|hundred: u16| Self { first: hundred * 100, last: hundred * 100 + 99 })
            }
            None => {
                let status = text.parse().ok().filter(|status| (100..=999).contains(status));
                status.map(|status| Self { first: status, last: status })
            }
        };
        range.ok_or_else(|| format!("`{text}` is no HTTP status, expected one such as 422 or 4xx"))
    }
}

impl std::fmt::Display for StatusRange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.first == self.last {
            write!(f, "{}", self.first)
        } else {
            write!(f, "{}xx", self.first / 100)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::dead_letter::tests::sample;
    use super::*;

    /// A filter of one flag, read as it would be typed.
    fn filter(set: impl FnOnce(&mut FilterArguments)) -> Result<Filter, String> {
        let mut arguments = FilterArguments::default();
        set(&mut arguments);
        Filter::new(&arguments, when::from_epoch_ms(120_000).unwrap())
    }

    fn takes(set: impl FnOnce(&mut FilterArguments)) -> bool {
        filter(set).unwrap().matches(&sample())
    }

    #[test]
    fn each_condition_is_met_by_one_of_its_values() {
        assert!(takes(|_| ()));
        assert!(takes(|f| f.ids = vec!["e-0".into(), "e-1".into()]));
        assert!(!takes(|f| f.ids = vec!["e-".into()]));
        assert!(takes(|f| f.causes = vec!["expired".into(), "rejected".into()]));
        assert!(!takes(|f| f.causes = vec!["expired".into()]));
        assert!(takes(|f| f.statuses = vec!["422".into()]));
        assert!(takes(|f| f.statuses = vec!["5xx".into(), "4xx".into()]));
        assert!(!takes(|f| f.statuses = vec!["400".into(), "5xx".into()]));
        assert!(takes(|f| f.types = vec!["user.*".into()]));
        assert!(!takes(|f| f.types = vec!["order.#".into()]));
        assert!(takes(|f| f.sources = vec!["/signup".into()]));
        assert!(!takes(|f| f.sources = vec!["/sign".into()]));
        assert!(takes(|f| f.reason = Some("propert(y|ies) `em".into())));
        assert!(!takes(|f| f.reason = Some("^property".into())));
    }

    #[test]
    fn since_is_included_and_until_is_not() {
        // The sample died at 61.5 s; it is 120 s now.
        let exactly = "1970-01-01T00:01:01.5Z";
        assert!(takes(|f| f.since = Some(exactly.into())));
        assert!(!takes(|f| f.until = Some(exactly.into())));
        assert!(takes(|f| f.since = Some("1m".into())));
        assert!(!takes(|f| f.since = Some("58s".into())));
        assert!(takes(|f| f.until = Some("58s".into())));
    }

    #[test]
    fn all_conditions_hold_at_once() {
        let both = |cause: &str| {
            takes(|f| {
                f.causes = vec![cause.into()];
                f.types = vec!["user.#".into()];
            })
        };
        assert!(both("rejected"));
        assert!(!both("poison"));
    }

    #[test]
    fn what_a_letter_does_not_say_meets_no_condition() {
        let mute = DeadLetter {
            id: None,
            event_type: None,
            source: None,
            cause: None,
            status: None,
            reason: None,
            dead_at: None,
            ..sample()
        };
        assert!(Filter::default().matches(&mute));
        let settings: [fn(&mut FilterArguments); 8] = [
            |f| f.ids = vec!["e-1".into()],
            |f| f.causes = vec!["rejected".into()],
            |f| f.statuses = vec!["4xx".into()],
            |f| f.types = vec!["#".into()],
            |f| f.sources = vec!["/signup".into()],
            |f| f.since = Some("1d".into()),
            |f| f.until = Some("0s".into()),
            |f| f.reason = Some(".*".into()),
        ];
        for set in settings {
            assert!(!filter(set).unwrap().matches(&mute));
        }
    }

    #[test]
    fn what_means_nothing_is_refused_in_words() {
        let refused = |set: fn(&mut FilterArguments)| filter(set).unwrap_err();
        assert!(refused(|f| f.causes = vec!["reject".into()]).contains("is no cause"));
        assert!(refused(|f| f.statuses = vec!["42x".into()]).contains("no HTTP status"));
        assert!(refused(|f| f.since = Some("soon".into())).starts_with("--since: `soon`"));
        assert!(refused(|f| f.reason = Some("(".into())).starts_with("--reason: "));
    }

    #[test]
    fn only_what_was_given_is_described() {
        let filter = filter(|f| {
            f.causes = vec!["rejected".into()];
            f.statuses = vec!["4xx".into(), "500".into()];
            f.since = Some("1m".into());
        });
        assert_eq!(
            filter.unwrap().described().to_string(),
            r#"{"cause":["rejected"],"since":"1970-01-01T00:01:00Z","status":["4xx","500"]}"#
        );
    }
}
