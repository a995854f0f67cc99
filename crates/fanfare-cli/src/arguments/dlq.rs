//! `fanfare dlq`: flags.

use clap::{Args, Subcommand};

/// What to do about dead letters.
#[derive(Debug, Subcommand)]
pub enum DlqCommand {
    /// List dead letters, first in the queue first
    List(DlqList),
    /// Show everything about one dead letter
    Show(DlqShow),
    /// Put dead letters back into their destination's queue
    Replay(DlqReplay),
    /// Remove dead letters for good
    Discard(DlqDiscard),
}

/// `fanfare dlq list`.
#[derive(Clone, Debug, Args)]
pub struct DlqList {
    /// Whose dead letters
    #[arg(short, long, value_name = "NAME")]
    pub destination: String,
    /// At most so many [default: 100, or all with --json]
    #[arg(long, value_name = "N")]
    pub limit: Option<u64>,
    /// Which of them.
    #[command(flatten)]
    pub filter: FilterArguments,
}

/// `fanfare dlq show`.
#[derive(Clone, Debug, Args)]
pub struct DlqShow {
    /// Whose dead letter
    #[arg(short, long, value_name = "NAME")]
    pub destination: String,
    /// The event's id
    pub id: String,
    /// Show the payload as it is; it is about people
    #[arg(long)]
    pub reveal: bool,
}

/// `fanfare dlq replay`.
#[derive(Clone, Debug, Args)]
pub struct DlqReplay {
    /// Whose dead letters
    #[arg(short, long, value_name = "NAME")]
    pub destination: String,
    /// Only say what would be replayed
    #[arg(long)]
    pub dry_run: bool,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
    /// Which of them.
    #[command(flatten)]
    pub filter: FilterArguments,
}

/// `fanfare dlq discard`.
#[derive(Clone, Debug, Args)]
pub struct DlqDiscard {
    /// Whose dead letters
    #[arg(short, long, value_name = "NAME")]
    pub destination: String,
    /// Why they may be lost; recorded in the audit log
    #[arg(long, value_name = "TEXT")]
    pub why: String,
    /// Only say what would be discarded
    #[arg(long)]
    pub dry_run: bool,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
    /// Which of them.
    #[command(flatten)]
    pub filter: FilterArguments,
}

/// Which dead letters: all conditions hold, each for one of its values.
#[derive(Clone, Debug, Default, Args)]
#[command(
    next_help_heading = "Filters (all must hold, each for one of its values, such as --cause rejected,expired)"
)]
pub struct FilterArguments {
    /// Event id
    #[arg(long = "id", value_name = "ID", value_delimiter = ',')]
    pub ids: Vec<String>,
    /// rejected, exhausted, expired, undecodable, poison, ambiguous, blocked
    #[arg(long = "cause", value_name = "CAUSE", value_delimiter = ',')]
    pub causes: Vec<String>,
    /// HTTP status, such as 422 or 4xx
    #[arg(long = "status", value_name = "STATUS", value_delimiter = ',')]
    pub statuses: Vec<String>,
    /// Event type; * stands for one word and # for any number of words
    #[arg(long = "type", value_name = "PATTERN", value_delimiter = ',')]
    pub types: Vec<String>,
    /// Dead since: RFC 3339, or how long ago, such as 30m, 2h, 1d
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// Dead before: RFC 3339, or how long ago
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
    /// Regular expression that finds something in the reason
    #[arg(long, value_name = "REGEX")]
    pub reason: Option<String>,
    /// Where the event comes from; repeated for several
    #[arg(long = "source", value_name = "SOURCE")]
    pub sources: Vec<String>,
}
