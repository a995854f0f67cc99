//! `fanfare pause` and `fanfare resume`: flags.

use clap::Args;

/// Which destinations, and why.
#[derive(Clone, Debug, Args)]
pub struct ControlArguments {
    /// A destination; may be repeated
    #[arg(short, long = "destination", value_name = "NAME", required = true)]
    pub destinations: Vec<String>,
    /// Why; shown by `fanfare status`, and recorded in the audit log
    #[arg(long, value_name = "TEXT")]
    pub why: Option<String>,
}
