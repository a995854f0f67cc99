//! The message that follows a delivery: a retry, a dead letter, the same again later.
//!
//! A delivery is acked only after the broker has confirmed its successor. Until
//! then it is kept, and the successor is published again and again.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use fanfare_broker::topology::{DelayRoute, Precision};
use fanfare_broker::{
    DeathNote, Delivery, DestinationNames, ExponentialPauses, Message, MessageError, Publisher,
    Received, Route, RouteError,
};
use fanfare_events::EventId;
use fanfare_process::telemetry::Chain;
use tracing::warn;

use crate::clock::{as_ms, now_ms};

/// Publishes what follows a delivery.
#[derive(Debug)]
pub(crate) struct Successors {
    publisher: Publisher,
    names: DestinationNames,
    dead: Route,
    /// How many wait for a broker that does not take them.
    in_trouble: AtomicUsize,
}

/// What a delivery has behind it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct History {
    /// Attempts made so far.
    pub(crate) attempts: u32,
    /// When the first one was made.
    pub(crate) first_attempt_at_ms: Option<u64>,
    /// Calls that were sent and got no answer.
    pub(crate) unanswered: u32,
    /// When it died first, if it did and its destination is ordered.
    pub(crate) first_dead_at_ms: Option<u64>,
}

/// Why a delivery has no successor.
#[derive(Debug)]
pub(crate) enum NoSuccessor {
    /// The delivery's channel ended meanwhile; the broker hands it over again.
    TakenBack,
    /// No message of ours can follow it, now or later: why.
    Impossible(String),
}

const PAUSES: ExponentialPauses =
    ExponentialPauses::new(Duration::from_millis(100), Duration::from_secs(10));

impl Successors {
    pub(crate) fn new(publisher: Publisher, names: DestinationNames) -> Result<Self, RouteError> {
        let dead = Route::new(&names.dead(), "")?;
        Ok(Self { publisher, names, dead, in_trouble: AtomicUsize::new(0) })
    }

    /// Whether any successor waits for a broker that does not take it.
    pub(crate) fn in_trouble(&self) -> bool {
        self.in_trouble.load(Ordering::Relaxed) > 0
    }

    /// Puts the event into the delay line, to come back after `pause` and never earlier.
    pub(crate) async fn delay(
        &self,
        delivery: &Delivery,
        history: History,
        pause: Duration,
        precision: Precision,
    ) -> Result<(), NoSuccessor> {
        let not_before = now_ms().saturating_add(as_ms(pause));
        let way = DelayRoute::new(pause, precision);
        let exchange = self.names.delay(way.entry);
        self.publish(delivery, || {
            let message = successor(delivery.message())?
                .attempts(history.attempts, history.first_attempt_at_ms)
                .unanswered(history.unanswered)
                .not_before(not_before);
            Ok((Route::new(&exchange, &way.routing_key).map_err(too_long)?, message))
        })
        .await
    }

    /// Dead-letters the event.
    pub(crate) async fn dead_letter(
        &self,
        delivery: &Delivery,
        history: History,
        note: &DeathNote,
    ) -> Result<(), NoSuccessor> {
        self.publish(delivery, || {
            let mut message = successor(delivery.message())?
                .attempts(history.attempts, history.first_attempt_at_ms)
                .unanswered(history.unanswered)
                .death_note(note);
            if let Some(at_ms) = history.first_dead_at_ms {
                message = message.first_dead_at(at_ms);
            }
            Ok((self.dead.clone(), message))
        })
        .await
    }

    async fn publish(
        &self,
        delivery: &Delivery,
        make: impl Fn() -> Result<(Route, Message), MessageError>,
    ) -> Result<(), NoSuccessor> {
        let mut trouble = None;
        for failures in NonZeroU32::MIN.get().. {
            if delivery.is_stale() {
                return Err(NoSuccessor::TakenBack);
            }
            match make() {
                Ok((route, message)) => match self.publisher.publish(&route, message).await {
                    // `false` means that nothing parks there: not a safe place yet.
                    Ok(confirmed) if confirmed.routed => return Ok(()),
                    Ok(_) => warn!(
                        event_id = delivery.message().id(),
                        "No queue took the successor of a delivery; is the topology whole?"
                    ),
                    // Foreign headers fill their frame, and ours do not fit besides.
                    Err(error) if !error.is_transient() => {
                        return Err(NoSuccessor::Impossible(Chain(&error).to_string()));
                    }
                    Err(error) => warn!(
                        event_id = delivery.message().id(),
                        error = %Chain(&error),
                        "Could not publish the successor of a delivery, will try again"
                    ),
                },
                Err(error) => return Err(NoSuccessor::Impossible(Chain(&error).to_string())),
            }
            trouble.get_or_insert_with(|| InTrouble::enter(&self.in_trouble));
            tokio::time::sleep(PAUSES.after(failures)).await;
        }
        Err(NoSuccessor::TakenBack)
    }
}

/// Counts one more successor that waits, for as long as it lives.
struct InTrouble<'a>(&'a AtomicUsize);

impl<'a> InTrouble<'a> {
    fn enter(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for InTrouble<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn successor(message: &Received) -> Result<Message, MessageError> {
    if message.id().is_empty() {
        // A foreign producer gave no id; the broker needs one to tell messages apart.
        return message.successor(EventId::new_v7().as_str());
    }
    message.successor(message.id())
}

fn too_long(error: RouteError) -> MessageError {
    MessageError::TooLong { field: error.part, len: error.len }
}
