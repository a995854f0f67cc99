//! What a command has at hand.

use tokio_util::sync::CancellationToken;

use crate::audit::{Change, Who};
use crate::output::Console;
use crate::settings::Settings;

/// Settings, console and the way to hear signals, for one command.
pub(crate) struct Session {
    pub(crate) settings: Settings,
    pub(crate) console: Console,
    pub(crate) who: Who,
    /// From this call on a signal asks to stop instead of ending the program.
    pub(crate) stop_on_signals: fn() -> CancellationToken,
}

impl Settings {
    /// A change to `destinations`, to be completed and recorded.
    pub(crate) fn change(&self, command: &'static str, destinations: Vec<String>) -> Change {
        let nodes: Vec<_> = self.broker.addresses().iter().map(ToString::to_string).collect();
        Change {
            command,
            namespace: self.namespace.to_string(),
            destinations,
            broker: nodes.join(", "),
            ..Change::default()
        }
    }
}
