//! The task that owns the connection of a control log that is followed.

use std::convert::Infallible;
use std::time::Duration;

use lapin::Connection;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval_at};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::log::ControlEvent;
use super::stream::{Reading, Start};
use crate::config::BrokerConfig;
use crate::dial::{Dialer, close, close_with};
use crate::fault::Fault;

/// What is known of the log, over all connections.
struct Follower {
    dialer: Dialer,
    queue: String,
    events: mpsc::Sender<ControlEvent>,
    was_read: bool,
    said_missing: bool,
}

/// Notices are small, and so are the client's buffers for them.
const FRAME_BYTES: u32 = 16 * 1024;
/// How often a quiet connection is looked at.
const CHECK_EVERY: Duration = Duration::from_secs(1);

pub(super) fn run(
    config: &BrokerConfig,
    name: &str,
    queue: String,
    events: mpsc::Sender<ControlEvent>,
    closing: CancellationToken,
) -> impl Future<Output = ()> + use<> {
    let dialer = Dialer::new(config, name).with_frame_max(Some(FRAME_BYTES));
    let mut follower = Follower { dialer, queue, events, was_read: false, said_missing: false };
    async move {
        // `None` where it is closed meanwhile.
        while let Some(connection) = closing.run_until_cancelled(follower.dialer.connect()).await {
            let opening = Reading::open(&connection, &follower.queue, Start::First);
            let fault = match closing.run_until_cancelled(opening).await {
                None => return close(&connection).await,
                Some(Err(fault)) => fault,
                Some(Ok(mut reading)) => {
                    let ended = follower.read(&connection, &mut reading);
                    match closing.run_until_cancelled(ended).await {
                        None => return close_with(&reading.channel, &connection).await,
                        Some(Err(fault)) => fault,
                    }
                }
            };
            drop(connection);
            if closing.run_until_cancelled(follower.get_over(fault)).await.is_none() {
                return;
            }
        }
    }
}

impl Follower {
    /// Reads until that is no longer possible.
    async fn read(
        &mut self,
        connection: &Connection,
        reading: &mut Reading,
    ) -> Result<Infallible, Fault> {
        info!(connection = %self.dialer.name(), queue = %self.queue, "Following the control log");
        self.was_read = true;
        self.tell(ControlEvent::Restarted).await?;
        let mut check = interval_at(Instant::now() + CHECK_EVERY, CHECK_EVERY);
        check.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                entry = reading.next() => {
                    let entry = entry?;
                    if let Some(notice) = entry.notice {
                        self.tell(ControlEvent::Notice(notice, entry.place)).await?;
                    }
                    reading.passed(entry.tag).await?;
                }
                _ = check.tick() => {
                    if !connection.status().connected() || !reading.channel.status().connected() {
                        return Err(Fault::lost("the connection is gone"));
                    }
                    self.dialer.proved_well();
                }
            }
        }
    }

    async fn tell(&self, event: ControlEvent) -> Result<(), Fault> {
        let told = self.events.send(event).await;
        told.map_err(|_| Fault::lost("nobody follows the control log any more"))
    }

    /// Says what was met, once where it stays so, and waits before the next try.
    async fn get_over(&mut self, fault: Fault) {
        let (connection, queue) = (self.dialer.name(), &self.queue);
        let missing = fault.is_not_found() || fault.is_access_refused();
        if missing && self.said_missing {
            debug!(%connection, %queue, error = %fault, "There is still no control log");
        } else if missing && !self.was_read {
            warn!(%connection, %queue, error = %fault,
                "There is no control log that may be read, so nothing is shared with other \
                 replicas or heard from operators; `fanfare topology apply` declares it");
            self.said_missing = self.tell(ControlEvent::Missing(fault.to_string())).await.is_ok();
        } else {
            warn!(%connection, %queue, error = %fault,
                "Stopped following the control log, will try again");
        }
        self.dialer.pause_after_failed_session().await;
    }
}
