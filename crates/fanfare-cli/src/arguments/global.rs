//! The flags that every command takes.

use std::path::PathBuf;

use clap::Args;

/// Flags that every command takes; each stands above the variable of its name.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Everywhere")]
pub struct GlobalArguments {
    /// Print JSON, one object a line
    #[arg(long, global = true)]
    pub json: bool,
    /// Where the broker is (FANFARE_AMQP_URL); a password given here is seen in the process list
    #[arg(long, global = true, value_name = "URL")]
    pub amqp_url: Option<String>,
    /// First part of every name at the broker (FANFARE_NAMESPACE)
    #[arg(long, global = true, value_name = "NAME")]
    pub namespace: Option<String>,
    /// RabbitMQ's management API, for what AMQP cannot tell (FANFARE_MANAGEMENT_URL)
    #[arg(long, global = true, value_name = "URL")]
    pub management_url: Option<String>,
    /// The file that changes are recorded in (FANFARE_AUDIT_LOG)
    #[arg(long, global = true, value_name = "FILE")]
    pub audit_log: Option<PathBuf>,
    /// On whose behalf a change is made, recorded next to the user of this machine
    #[arg(long, global = true, value_name = "WHO")]
    pub actor: Option<String>,
}
