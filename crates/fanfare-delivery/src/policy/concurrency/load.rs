//! What the outcome of a call says about how busy the destination is.

use crate::outcome::{Outcome, Trouble};

/// What a call says about how busy the destination is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Load {
    /// It did its work; how long that took is a measure.
    Served,
    /// It has too much to do.
    PushedBack,
    /// It has too much to do, and wants to be left alone for a while.
    Throttled,
    /// Nothing: it refused an event, which is quick, or could not be reached.
    Unknown,
}

impl Load {
    /// What an outcome says.
    pub(crate) fn of(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Delivered => Self::Served,
            Outcome::Ambiguous { .. } => Self::PushedBack,
            Outcome::Hold { trouble: Trouble::Throttled, .. } => Self::Throttled,
            // Without a status it was one event's own trouble, or our code's.
            Outcome::Retry { reason, .. } => match reason.status {
                Some(408 | 429 | 500..) => Self::PushedBack,
                Some(_) | None => Self::Unknown,
            },
            Outcome::Rejected { .. } | Outcome::Hold { .. } => Self::Unknown,
        }
    }

    /// What one call with several events says: that it is to be left alone before all, and of
    /// the others that any of it was done.
    pub(crate) fn of_all<'a>(outcomes: impl Iterator<Item = &'a Outcome>) -> Self {
        outcomes
            .map(Self::of)
            .fold(Self::Unknown, |all, one| if all.weight() < one.weight() { one } else { all })
    }

    fn weight(self) -> u8 {
        match self {
            Self::Unknown => 0,
            Self::PushedBack => 1,
            Self::Served => 2,
            Self::Throttled => 3,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::outcome_of_status;
    use crate::outcome::Reason;

    fn of_status(status: u16) -> Outcome {
        let reason = Reason { status: Some(status), ..Reason::default() };
        outcome_of_status(status, None, reason)
    }

    #[test]
    fn every_answer_says_how_busy_the_destination_is() {
        let table: &[(&[u16], Load)] = &[
            (&[200, 202, 204], Load::Served),
            (&[400, 401, 404, 409, 410, 413, 421, 422, 423, 425, 501], Load::Unknown),
            (&[408, 500, 502, 503, 504, 520, 524], Load::PushedBack),
            (&[429], Load::Throttled),
        ];
        for (statuses, expected) in table {
            for status in *statuses {
                assert_eq!(Load::of(&of_status(*status)), *expected, "{status}");
            }
        }
    }

    #[test]
    fn silence_is_pushback_and_what_never_reached_it_says_nothing() {
        let reason = || Reason::new("no answer");
        let unreachable =
            Outcome::Hold { reason: reason(), trouble: Trouble::Unreachable, pause: None };
        assert_eq!(Load::of(&unreachable), Load::Unknown);
        assert_eq!(Load::of(&Outcome::Retry { reason: reason(), after: None }), Load::Unknown);
        assert_eq!(Load::of(&Outcome::Ambiguous { reason: reason() }), Load::PushedBack);
    }

    #[test]
    fn several_events_in_one_call_say_one_thing() {
        let of = |statuses: &[u16]| {
            let outcomes: Vec<Outcome> = statuses.iter().copied().map(of_status).collect();
            Load::of_all(outcomes.iter())
        };
        assert_eq!(of(&[500, 200, 400]), Load::Served);
        assert_eq!(of(&[400, 500]), Load::PushedBack);
        assert_eq!(of(&[200, 429]), Load::Throttled);
        assert_eq!(of(&[400, 423]), Load::Unknown);
        assert_eq!(of(&[]), Load::Unknown);
    }
}
