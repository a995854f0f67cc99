//! `fanfare status`: flags.

use clap::Args;

/// What to look at, and how often.
#[derive(Clone, Debug, Args)]
pub struct StatusArguments {
    /// A destination; all that can be found when absent (FANFARE_DESTINATIONS)
    #[arg(short, long = "destination", value_name = "NAME")]
    pub destinations: Vec<String>,
    /// Look again every two seconds
    #[arg(short, long)]
    pub watch: bool,
}
