//! What a status means: the one table that says so.

use std::time::Duration;

use crate::outcome::{Outcome, Reason, Trouble};

/// How long a locked resource (423) is left alone at least.
const LOCKED_PAUSE: Duration = Duration::from_secs(2);

/// The outcome of an answer with `status`, as most APIs mean it.
///
/// A destination that knows better, such as one whose 409 says "you did this
/// already", looks at the answer first and asks this table for the rest.
pub fn outcome_of_status(status: u16, retry_after: Option<Duration>, reason: Reason) -> Outcome {
    let retry = |reason| Outcome::Retry { reason, after: retry_after };
    let hold = |reason, trouble, pause| Outcome::Hold { reason, trouble, pause };
    match status {
        200..=299 => Outcome::Delivered,
        401 | 403 | 407 => hold(reason, Trouble::Unauthorized, retry_after),
        408 | 425 => retry(reason),
        410 => hold(reason, Trouble::Disabled, None),
        // The client opens a new connection after a 421 by closing the one it came on.
        421 => retry(reason),
        423 => Outcome::Retry {
            reason,
            after: Some(retry_after.unwrap_or_default().max(LOCKED_PAUSE)),
        },
        429 => hold(reason, Trouble::Throttled, retry_after),
        503 if retry_after.is_some() => hold(reason, Trouble::Throttled, retry_after),
        500 | 502..=504 | 520..=524 => retry(reason),
        // Everything else is an answer that a repetition would get again: redirects
        // (never followed), the other 4xx, and 5xx such as 501 and 505.
        _ => Outcome::Rejected { reason },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn label(status: u16, retry_after: Option<u64>) -> &'static str {
        let after = retry_after.map(Duration::from_secs);
        outcome_of_status(status, after, Reason::default()).label()
    }

    #[test]
    fn every_status_has_the_outcome_of_the_table() {
        let table: &[(&[u16], &str)] = &[
            (&[200, 201, 202, 204, 206], "delivered"),
            (&[300, 301, 302, 303, 304, 307, 308], "rejected"),
            (&[400, 404, 405, 406, 409, 411, 413, 414, 415, 418, 422, 431, 451], "rejected"),
            (&[401, 403, 407, 410], "hold"),
            (&[408, 421, 423, 425], "retry"),
            (&[429], "hold"),
            (&[500, 502, 503, 504, 520, 521, 522, 523, 524], "retry"),
            (&[501, 505, 506, 508, 510, 511, 525, 599], "rejected"),
        ];
        for (statuses, expected) in table {
            for status in *statuses {
                assert_eq!(label(*status, None), *expected, "{status}");
            }
        }
        assert_eq!(label(503, Some(3)), "hold", "503 with Retry-After is a throttle");
    }

    #[test]
    fn a_wait_that_was_asked_for_is_kept() {
        let three = Some(Duration::from_secs(3));
        let asked = |status| outcome_of_status(status, three, Reason::default());
        assert!(matches!(asked(429), Outcome::Hold { pause, .. } if pause == three));
        assert!(matches!(asked(503), Outcome::Hold { pause, .. } if pause == three));
        assert!(matches!(asked(500), Outcome::Retry { after, .. } if after == three));
        assert!(matches!(asked(423), Outcome::Retry { after, .. } if after == three));
        let locked = outcome_of_status(423, None, Reason::default());
        assert!(matches!(locked, Outcome::Retry { after: Some(LOCKED_PAUSE), .. }));
    }
}
