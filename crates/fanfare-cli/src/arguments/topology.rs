//! `fanfare topology`: flags.

use std::convert::Infallible;
use std::str::FromStr;

use clap::{Args, Subcommand};

/// What to do about the topology.
#[derive(Debug, Subcommand)]
pub enum TopologyCommand {
    /// List every object with its arguments, and what differs on the broker
    Plan(TopologyArguments),
    /// Declare what is missing; what stands with other arguments is never changed
    Apply(TopologyArguments),
    /// Exit 1 when anything is missing or differs, as far as it may be looked at
    Verify(TopologyArguments),
}

/// The destinations that a topology is made of.
#[derive(Clone, Debug, Args)]
pub struct TopologyArguments {
    /// A destination, with its own patterns after `=` (FANFARE_DESTINATIONS)
    #[arg(short, long = "destination", value_name = "NAME[=PATTERN,…]")]
    pub destinations: Vec<DestinationArgument>,
    /// Event types of the destinations without patterns of their own; all when absent
    #[arg(long, value_name = "PATTERN", value_delimiter = ',')]
    pub subscribe: Vec<String>,
    /// They keep the order of events: one consumer at a time gets them. Decided once, since
    /// RabbitMQ cannot change it on a queue that stands
    #[arg(long)]
    pub ordered: bool,
}

/// `hubspot` or `hubspot=user.#,order.*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DestinationArgument {
    /// The destination's name, unchecked.
    pub name: String,
    /// Its own patterns; `None` without `=`.
    pub patterns: Option<Vec<String>>,
}

impl FromStr for DestinationArgument {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        let (name, patterns) = match text.split_once('=') {
            None => (text, None),
            Some((name, list)) => (name, Some(list.split(',').map(str::to_owned).collect())),
        };
        Ok(Self { name: name.to_owned(), patterns })
    }
}
