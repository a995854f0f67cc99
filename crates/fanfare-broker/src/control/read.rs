//! Reading a control log once, from its start to what is its end now.

use std::time::Duration;

use lapin::Connection;
use tokio::time::timeout;

use super::state::ControlState;
use super::stream::{Reading, Start};
use crate::dial::close_channel;
use crate::fault::Fault;
use crate::inspect::{InspectError, Inspector, found};

/// A stream says nothing about its end, and its depth is counted every few seconds only.
/// What it holds is handed over at once: after so long without anything it is empty, or
/// there is nothing behind its last messages.
const QUIET: Duration = Duration::from_millis(500);
const QUIET_AT_THE_END: Duration = Duration::from_millis(100);
/// How long the broker may take to hand over what is known to be there.
const STALLED: Duration = Duration::from_secs(10);

impl Inspector {
    /// What follows from the control log `queue` as it stands; `None` when there is none.
    ///
    /// Takes half a second where the log is empty.
    pub async fn control(&self, queue: &str) -> Result<Option<ControlState>, InspectError> {
        found(queue, read(&self.connection, queue).await)
    }
}

async fn read(connection: &Connection, queue: &str) -> Result<ControlState, Fault> {
    let mut state = ControlState::default();
    let Some(end) = end_of(connection, queue).await? else { return Ok(state) };
    let mut reading = Reading::open(connection, queue, Start::First).await?;
    let mut at_the_end = false;
    loop {
        let patience = if at_the_end { QUIET_AT_THE_END } else { STALLED };
        let entry = match timeout(patience, reading.next()).await {
            Ok(entry) => entry?,
            Err(_) if at_the_end => break,
            Err(_) => return Err(Fault::lost("the broker does not hand over the control log")),
        };
        if let Some(notice) = &entry.notice {
            state.apply(notice);
        }
        at_the_end = entry.place >= end;
        reading.passed(entry.tag).await?;
    }
    close_channel(reading.channel).await;
    Ok(state)
}

/// A place at or shortly before the end; `None` where the log is empty.
async fn end_of(connection: &Connection, queue: &str) -> Result<Option<u64>, Fault> {
    let mut reading = Reading::open(connection, queue, Start::Last).await?;
    let last = match timeout(QUIET, reading.next()).await {
        Ok(entry) => Some(entry?.place),
        Err(_) => None,
    };
    close_channel(reading.channel).await;
    Ok(last)
}
