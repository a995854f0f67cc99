//! Faults by seed under load, and an oracle that compares what came of it.
//!
//! | room | what it holds |
//! | --- | --- |
//! | [`load`] | the events, who publishes them, and what he knows of it |
//! | [`plan`] | what goes wrong and when: a pure function of the seed |
//! | [`stage`] | the broker, the APIs, the network and the processes |
//! | [`inject`] | has the faults happen, and sees that they did |
//! | [`watch`] | looks at everything twice a second |
//! | [`gather`] | collects the facts at the end |
//! | [`oracle`] | judges the facts: one pure function for each invariant |
//! | [`report`] | the verdict as text, JSON and a picture |

pub mod clock;
pub mod facts;
pub mod gather;
pub mod inject;
pub mod load;
mod logged;
pub mod operator;
pub mod oracle;
pub mod plan;
pub mod report;
mod run;
pub mod search;
pub mod secrets;
pub mod stage;
pub mod watch;

pub use run::{Options, run};
