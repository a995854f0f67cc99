//! What was typed: flags as they are, before anything is built from them.
#![expect(clippy::doc_markdown, reason = "these comments are the text of --help")]

mod control;
mod dlq;
mod global;
mod publish;
mod status;
mod topology;

use clap::{Parser, Subcommand};

pub use control::ControlArguments;
pub use dlq::{DlqCommand, DlqDiscard, DlqList, DlqReplay, DlqShow, FilterArguments};
pub use global::GlobalArguments;
pub use publish::PublishArguments;
pub use status::StatusArguments;
pub use topology::{DestinationArgument, TopologyArguments, TopologyCommand};

/// Operate Fanfare: topology, dead letters, publishing, status
#[derive(Debug, Parser)]
#[command(
    name = "fanfare",
    version,
    arg_required_else_help = true,
    after_long_help = format!("{EXIT_CODES}\n\n{}", crate::settings::help()),
    after_help = format!("{EXIT_CODES} --help lists the variables.")
)]
pub struct Cli {
    /// What holds for every command.
    #[command(flatten)]
    pub global: GlobalArguments,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 done, 1 it did not come out as asked, 2 usage or settings, \
                          3 broker unreachable.";

/// Usually one after the other.
const DLQ_EXAMPLES: &str = "\
Usually, once the reason is known and mended:
  fanfare dlq list -d hubspot --cause rejected
  fanfare dlq show -d hubspot ID
  fanfare dlq replay -d hubspot --cause rejected --dry-run
  fanfare dlq replay -d hubspot --cause rejected";

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Compare what stands on the broker with what should, or bring it about
    #[command(subcommand)]
    Topology(TopologyCommand),
    /// Show what runs, what waits, what is retried and what is dead, per destination
    Status(StatusArguments),
    /// Stop deliveries to a destination, in all its consumers, until it is resumed
    ///
    /// What is being delivered is finished; what waits stays in its queue, in its order.
    /// It outlives restarts of everything. A destination that does not run already stays
    /// as it is.
    Pause(ControlArguments),
    /// End a pause, or what the API asked for with 410
    ///
    /// Of a destination that is not stopped but waits as its API asked, it ends the wait.
    Resume(ControlArguments),
    /// Publish events, one a line, and wait for the broker's confirm of each
    Publish(PublishArguments),
    /// Look at dead letters, replay or discard them
    #[command(subcommand, after_help = DLQ_EXAMPLES)]
    Dlq(DlqCommand),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        #[arg(value_parser = ["bash", "zsh", "fish"])]
        shell: String,
    },
}

#[cfg(test)]
mod tests;
