//! `fanfare publish`: flags.

use clap::Args;

/// What to publish.
#[derive(Clone, Debug, Args)]
pub struct PublishArguments {
    /// A file with one CloudEvents JSON object a line; `-` is standard input
    #[arg(default_value = "-", value_name = "FILE")]
    pub file: String,
    /// Each line is the data of an event of this type
    #[arg(long = "type", value_name = "TYPE", requires = "source")]
    pub event_type: Option<String>,
    /// Where those events come from, a URI reference such as /signup
    #[arg(long, requires = "event_type")]
    pub source: Option<String>,
}
