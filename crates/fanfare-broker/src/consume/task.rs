//! The task that owns a subscription's connection and its one channel.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use lapin::options::{BasicConsumeOptions, BasicQosOptions};
use lapin::types::FieldTable;
use lapin::{Channel, Connection, Consumer};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, MissedTickBehavior, interval_at};
use tracing::{info, warn};

use super::acks::{Acks, CONSUMER_TAG};
use super::delivery::{Delivery, Session, SessionId};
use super::subscription::{ConsumeState, GivingBack, Mode, SubscriptionOptions};
use crate::config::BrokerConfig;
use crate::dial::{Dialer, close};
use crate::fault::{Fault, FaultKind};
use crate::received::Received;

/// Where the task tells the handle what happens.
pub(super) struct Outlets {
    /// Closed once drained.
    pub(super) deliveries: Option<mpsc::Sender<Delivery>>,
    pub(super) state: watch::Sender<ConsumeState>,
    pub(super) session: watch::Sender<Option<Arc<Session>>>,
}

/// Why a channel ended.
enum ChannelEnd {
    /// It was to be paused or given another prefetch.
    ToldTo,
    /// The subscription is closed.
    Closed,
    /// The broker or the way to it ended it.
    Fault(Fault),
}

/// What a session was started for; another one of these needs another session.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Consuming {
    prefetch: u16,
    pauses: u32,
}

/// How often a quiet connection is looked at.
const CHECK_EVERY: Duration = Duration::from_secs(1);

pub(super) fn run(
    config: &BrokerConfig,
    name: &str,
    options: SubscriptionOptions,
    mut wanted: watch::Receiver<Mode>,
    mut outlets: Outlets,
) -> impl Future<Output = ()> + use<> {
    let mut dialer = Dialer::new(config, name);
    let mut id = SessionId::default();
    async move {
        loop {
            let Some(mode) = wait_until_wanted(&mut wanted, &outlets).await else { return };
            let connection = tokio::select! {
                connection = dialer.connect() => connection,
                () = not_wanted(&mut wanted, mode) => continue,
            };
            id = id.next();
            let session = Arc::new(Session::new(id));
            let ended = consume(
                &connection,
                &options,
                mode,
                &session,
                &mut wanted,
                &mut outlets,
                &mut dialer,
            )
            .await;
            session.end();
            outlets.session.send_replace(None);
            match ended {
                ChannelEnd::ToldTo => close(&connection).await,
                ChannelEnd::Closed => return close(&connection).await,
                ChannelEnd::Fault(fault) => {
                    let refused = matches!(fault.kind(), FaultKind::Refused { .. });
                    outlets.state.send_replace(if refused {
                        ConsumeState::Refused(fault.to_string())
                    } else {
                        ConsumeState::Down
                    });
                    warn!(connection = %dialer.name(), queue = options.queue, error = %fault,
                        "Stopped consuming, will try again");
                    drop(connection);
                    tokio::select! {
                        () = dialer.pause_after_failed_session() => {}
                        () = not_wanted(&mut wanted, mode) => {}
                    }
                }
            }
        }
    }
}

/// How to consume; `None` when nothing is wanted any more.
async fn wait_until_wanted(
    wanted: &mut watch::Receiver<Mode>,
    outlets: &Outlets,
) -> Option<Consuming> {
    loop {
        let mode = *wanted.borrow_and_update();
        match mode {
            Mode::Consume { prefetch, pauses } => {
                outlets.state.send_replace(ConsumeState::Down);
                return Some(Consuming { prefetch, pauses });
            }
            Mode::Drain | Mode::Close => return None,
            Mode::Pause => {
                outlets.state.send_replace(ConsumeState::Paused);
            }
        }
        wanted.changed().await.ok()?;
    }
}

/// Returns when something else than `mode` is wanted, if only another prefetch.
async fn not_wanted(wanted: &mut watch::Receiver<Mode>, mode: Consuming) {
    while let Mode::Consume { prefetch, pauses } = next_mode(wanted).await {
        if mode != (Consuming { prefetch, pauses }) {
            break;
        }
    }
}

async fn next_mode(wanted: &mut watch::Receiver<Mode>) -> Mode {
    match wanted.changed().await {
        Ok(()) => *wanted.borrow_and_update(),
        // The handle is gone, and nobody will look at a delivery any more.
        Err(_) => Mode::Close,
    }
}

async fn consume(
    connection: &Connection,
    options: &SubscriptionOptions,
    mode: Consuming,
    session: &Arc<Session>,
    wanted: &mut watch::Receiver<Mode>,
    outlets: &mut Outlets,
    dialer: &mut Dialer,
) -> ChannelEnd {
    let SubscriptionOptions { queue, giving_back, .. } = options;
    let opened = tokio::select! {
        opened = open(connection, queue, mode.prefetch) => opened,
        () = not_wanted(wanted, mode) => return ChannelEnd::ToldTo,
    };
    let (channel, mut consumer) = match opened {
        Ok(opened) => opened,
        Err(fault) => return ChannelEnd::Fault(fault),
    };
    info!(connection = %dialer.name(), queue, prefetch = mode.prefetch, "Consuming");
    outlets.session.send_replace(Some(Arc::clone(session)));
    outlets.state.send_replace(ConsumeState::Consuming);
    let mut acks = Acks::new(channel.clone(), Arc::clone(session), queue);
    let mut draining = false;
    let mut check = interval_at(Instant::now() + CHECK_EVERY, CHECK_EVERY);
    check.set_missed_tick_behavior(MissedTickBehavior::Delay);

    loop {
        if draining {
            outlets.deliveries = None;
        }
        tokio::select! {
            biased;
            written = acks.progress() => if let Err(error) = written {
                return ChannelEnd::Fault(error.into());
            },
            wanted = next_mode(wanted) => match wanted {
                Mode::Consume { prefetch, pauses } if mode == (Consuming { prefetch, pauses }) => {}
                Mode::Consume { .. } | Mode::Pause => {
                    acks.finish(*giving_back).await;
                    return ChannelEnd::ToldTo;
                }
                Mode::Drain => {
                    draining = true;
                    if *giving_back == GivingBack::AtOnce
                        && let Err(fault) = acks.cancel_in_time().await
                    {
                        return ChannelEnd::Fault(fault);
                    }
                }
                Mode::Close => {
                    acks.finish(*giving_back).await;
                    return ChannelEnd::Closed;
                }
            },
            Some((place, next)) = next_with_place(&mut consumer, outlets.deliveries.as_ref()) => match next {
                Some(Ok(delivery)) => {
                    let tag = delivery.delivery_tag;
                    session.tracker().delivered(tag, Instant::now());
                    place.send(Delivery::new(Received::new(delivery), tag, Arc::clone(session)));
                }
                Some(Err(error)) => return ChannelEnd::Fault(error.into()),
                None => return ChannelEnd::Fault(Fault::lost(
                    "the broker cancelled the consumer: its queue was deleted, or a delivery kept too long",
                )),
            },
            _ = check.tick() => {
                if !connection.status().connected() || !channel.status().connected() {
                    return ChannelEnd::Fault(Fault::lost("the connection is gone"));
                }
                dialer.proved_well();
            }
        }
    }
}

/// The next delivery and a place to put it; `None` once there is no place any more.
///
/// Taken together: to wait for a place with a delivery at hand would hold up the acks
/// that make the reader come back for more.
async fn next_with_place<'a>(
    consumer: &mut Consumer,
    deliveries: Option<&'a mpsc::Sender<Delivery>>,
) -> Option<(mpsc::Permit<'a, Delivery>, Option<Result<lapin::message::Delivery, lapin::Error>>)> {
    let place = deliveries?.reserve().await.ok()?;
    Some((place, consumer.next().await))
}

async fn open(
    connection: &Connection,
    queue: &str,
    prefetch: u16,
) -> Result<(Channel, Consumer), Fault> {
    let channel = connection.create_channel().await?;
    channel.basic_qos(prefetch, BasicQosOptions::default()).await?;
    let consumer = channel
        .basic_consume(
            queue.into(),
            CONSUMER_TAG.into(),
            BasicConsumeOptions::default(),
            FieldTable::default(),
        )
        .await?;
    Ok((channel, consumer))
}
