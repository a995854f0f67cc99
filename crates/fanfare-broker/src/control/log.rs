//! The handle on a control log that is followed.

use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use super::follow;
use super::notice::Notice;
use crate::config::BrokerConfig;

/// Follows one control log over a connection of its own, reconnecting for ever.
///
/// Reads only. An idle one costs a thread, a connection with small frames, and nothing
/// on the wire but heartbeats.
#[derive(Debug)]
pub struct ControlLog {
    events: mpsc::Receiver<ControlEvent>,
    closing: DropGuard,
    task: TaskTracker,
}

/// What comes out of a control log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ControlEvent {
    /// The log is read from the first notice that is kept, now and after each reconnect:
    /// what follows belongs to a new [`ControlState`](super::ControlState). The former
    /// one is the better guess until a notice of one's own, published from now on, has
    /// been read.
    Restarted,
    /// The next notice, and its place in the log.
    Notice(Notice, u64),
    /// There is no such log on this broker, or it may not be read; the broker's words.
    /// It is looked for again and again. Said once, and never after a first
    /// [`ControlEvent::Restarted`]: a log that was there comes back.
    Missing(String),
}

/// Events that are read ahead of [`ControlLog::next`].
const READ_AHEAD: usize = 256;

impl ControlLog {
    /// Starts connecting and returns at once.
    ///
    /// `name` is what operators see in the broker's list of connections. Needs a tokio
    /// runtime.
    pub fn follow(config: &BrokerConfig, name: &str, queue: &str) -> Self {
        let (outlet, events) = mpsc::channel(READ_AHEAD);
        let closing = CancellationToken::new();
        let task = TaskTracker::new();
        task.spawn(follow::run(config, name, queue.to_owned(), outlet, closing.clone()));
        task.close();
        Self { events, closing: closing.drop_guard(), task }
    }

    /// The next event; waits for ever where there is none. Loses nothing when it is
    /// dropped before it ends.
    pub async fn next(&mut self) -> ControlEvent {
        match self.events.recv().await {
            Some(event) => event,
            // The task ends with the handle, and not before.
            None => std::future::pending().await,
        }
    }

    /// Disconnects.
    pub async fn close(self) {
        drop(self.closing);
        self.task.wait().await;
    }
}
