//! The oracle: from what was recorded to what held and what did not.
//!
//! Each invariant is one pure function over the facts, put in order. What may excuse an extra call is an
//! incident that is in the facts, never a rate or a share.

mod case;
mod finding;
mod incident;

mod accounts;
mod attempts;
mod breaker;
mod doubles;
mod ends;
mod genuine;
mod growth;
mod happened;
mod isolation;
mod limits;
mod recovery;
mod replays;
mod secrets;
mod stops;

#[cfg(test)]
mod fixture;

pub use case::contents_of;
pub use finding::{Finding, Offence};

use crate::facts::Facts;
use case::Case;

/// Judges everything. In the order of the invariants.
pub fn judge(facts: &Facts) -> Vec<Finding> {
    let case = Case::of(facts);
    vec![
        accounts::check(&case),
        doubles::check(&case),
        ends::check(&case),
        genuine::check(&case),
        attempts::check(&case),
        limits::check(&case),
        breaker::check(&case),
        isolation::check(&case),
        recovery::check(&case),
        replays::check(&case),
        secrets::check(&case),
        stops::check(&case),
        growth::check(&case),
        happened::check(&case),
    ]
}
