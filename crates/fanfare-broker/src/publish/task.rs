//! The task that owns a publisher's connection and its one channel.

use std::collections::{BTreeMap, VecDeque};
use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use lapin::{Channel, Confirmation, Connection};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, MissedTickBehavior, interval, interval_at, sleep};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::attribution::{Resolved, Verdict};
use super::error::PublishError;
use super::nacks::Nacks;
use super::publisher::{Confirmed, LinkState, Publication, PublisherOptions};
use super::wire::Wire;
use crate::config::BrokerConfig;
use crate::dial::{Dialer, close_channel, close_with};
use crate::fault::{Fault, FaultKind};

/// How often the channel is checked for being stuck or blocked.
const CHECK_EVERY: Duration = Duration::from_secs(1);

struct Task {
    options: PublisherOptions,
    incoming: mpsc::Receiver<Publication>,
    link: watch::Sender<LinkState>,
    closing: CancellationToken,
    /// Published or to be published, without a verdict; in the order of arrival.
    unsettled: BTreeMap<u64, Publication>,
    next_seq: u64,
    /// So many messages go one at a time, because one of them closed the channel.
    suspects: usize,
    nacks: Nacks,
}

/// How a channel ended.
enum ChannelEnd {
    /// Everything is settled and the publisher is closing.
    Finished(Arc<Channel>),
    /// It refused messages, and another one may not; the connection stands.
    Spent { pause: Duration },
    /// The broker closed the channel; the connection stands.
    Refused(Fault),
    /// The connection is of no use any more.
    Lost(Fault),
}

pub(super) fn run(
    config: &BrokerConfig,
    name: &str,
    options: PublisherOptions,
    incoming: mpsc::Receiver<Publication>,
    link: watch::Sender<LinkState>,
    closing: CancellationToken,
) -> impl Future<Output = ()> + use<> {
    let dialer = Dialer::new(config, name).with_frame_max(options.frame_max);
    let task = Task {
        options,
        incoming,
        link,
        closing,
        unsettled: BTreeMap::new(),
        next_seq: 1,
        suspects: 0,
        nacks: Nacks::of_nodes(config.addresses().len()),
    };
    task.run(dialer)
}

impl Task {
    async fn run(mut self, mut dialer: Dialer) {
        loop {
            let connection = tokio::select! {
                connection = dialer.connect() => connection,
                () = self.nothing_left_to_publish() => return,
            };
            let ended = self.use_connection(&connection, &mut dialer).await;
            self.link.send_replace(LinkState::Down);
            match ended {
                Ok(channel) => {
                    close_with(&channel, &connection).await;
                    return;
                }
                Err(fault) => {
                    warn!(
                        connection = %dialer.name(),
                        unconfirmed = self.unsettled.len(),
                        error = %fault,
                        "Lost the broker, will connect again and publish what is unconfirmed"
                    );
                    drop(connection);
                    tokio::select! {
                        () = dialer.pause_after_failed_session() => {}
                        () = self.nothing_left_to_publish() => return,
                    }
                }
            }
        }
    }

    /// While there is no connection: closing waits only for those who still wait.
    async fn nothing_left_to_publish(&mut self) {
        self.closing.cancelled().await;
        let mut check = interval(CHECK_EVERY);
        loop {
            while let Ok(publication) = self.incoming.try_recv() {
                self.accept(publication);
            }
            self.unsettled.retain(|_, publication| !publication.waiter.is_gone());
            if self.unsettled.is_empty() {
                return;
            }
            check.tick().await;
        }
    }

    /// Opens channels on `connection` until nothing is left to publish, or the connection is of
    /// no use any more.
    async fn use_connection(
        &mut self,
        connection: &Connection,
        dialer: &mut Dialer,
    ) -> Result<Arc<Channel>, Fault> {
        loop {
            let wire = Wire::open(connection).await?;
            self.link.send_replace(LinkState::Up);
            match self.use_channel(connection, wire, dialer).await {
                ChannelEnd::Refused(fault) => self.find_culprit(fault),
                ChannelEnd::Spent { pause } => sleep(pause).await,
                ChannelEnd::Finished(channel) => return Ok(channel),
                ChannelEnd::Lost(fault) => return Err(fault),
            }
        }
    }

    async fn use_channel(
        &mut self,
        connection: &Connection,
        mut wire: Wire,
        dialer: &mut Dialer,
    ) -> ChannelEnd {
        self.unsettled.retain(|_, publication| !publication.waiter.is_gone());
        let mut again: VecDeque<u64> = self.unsettled.keys().copied().collect();
        if !again.is_empty() {
            info!(count = again.len(), "Publishing again what was not confirmed");
        }
        let mut check = interval_at(Instant::now() + CHECK_EVERY, CHECK_EVERY);
        check.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut incoming_ended = false;

        loop {
            let window = if self.suspects > 0 { 1 } else { self.options.window };
            // What is handed to a blocked connection cannot be taken back: each try of the
            // same message would leave a copy, and all of them would arrive in the end.
            let blocked = connection.status().blocked();
            let spent = wire.record.is_spent(Instant::now());
            if spent && wire.confirms.waiting() == 0 {
                let pause = self.nacks.spent(&wire.record);
                close_channel(Arc::unwrap_or_clone(wire.channel)).await;
                return ChannelEnd::Spent { pause };
            }
            let has_room = !blocked && !spent && wire.confirms.waiting() < window;
            if has_room && let Some(seq) = again.pop_front() {
                self.put_on_wire(&mut wire, seq);
                continue;
            }
            let closing = self.closing.is_cancelled();
            if closing && self.unsettled.is_empty() && self.incoming.is_empty() {
                return ChannelEnd::Finished(wire.channel);
            }
            tokio::select! {
                biased;
                finished = poll_fn(|cx| wire.confirms.poll_finished(cx)) => {
                    if let Err(end) = self.settle(&mut wire, finished) {
                        return end;
                    }
                }
                publication = self.incoming.recv(), if has_room && !incoming_ended => match publication {
                    Some(publication) => {
                        let seq = self.accept(publication);
                        self.put_on_wire(&mut wire, seq);
                    }
                    None if closing => incoming_ended = true,
                    // Every handle is gone, and with them whoever could wait.
                    None => return ChannelEnd::Finished(wire.channel),
                },
                () = self.closing.cancelled(), if !closing => self.incoming.close(),
                _ = check.tick() => {
                    if let Err(end) = self.check(connection, &wire) {
                        return end;
                    }
                    dialer.proved_well();
                }
            }
        }
    }

    fn accept(&mut self, publication: Publication) -> u64 {
        let seq = self.next_seq;
        self.next_seq += 1;
        self.unsettled.insert(seq, publication);
        seq
    }

    fn put_on_wire(&mut self, wire: &mut Wire, seq: u64) {
        let Some(publication) = self.unsettled.get(&seq) else { return };
        if publication.waiter.is_gone() {
            // Nobody waits any more: the caller has been told that the outcome is unknown.
            self.unsettled.remove(&seq);
            return;
        }
        wire.publish(seq, publication);
    }

    /// Tells everybody whose verdict is certain; an error ends the channel.
    fn settle(
        &mut self,
        wire: &mut Wire,
        finished: Vec<(u64, Result<Confirmation, lapin::Error>)>,
    ) -> Result<(), ChannelEnd> {
        let mut batch = Vec::with_capacity(finished.len());
        let mut failed = None;
        for (seq, confirmation) in finished {
            let (acked, returned) = match confirmation {
                Ok(Confirmation::Ack(returned)) => (true, returned),
                Ok(Confirmation::Nack(returned)) => (false, returned),
                Ok(Confirmation::NotRequested) => {
                    failed = Some(Fault::lost("the channel is not in confirm mode"));
                    continue;
                }
                Err(error) => {
                    failed = Some(Fault::from(error));
                    continue;
                }
            };
            // A caller that stopped waiting is gone from here, its confirm still counts.
            let id = self.unsettled.get(&seq).map_or("", |waiting| waiting.message.id());
            let carried = returned
                .and_then(|message| message.properties.message_id().clone())
                .map(String::from);
            batch.push(Resolved { seq, id: id.to_owned(), acked, carried });
        }
        let outstanding = wire.confirms.waiting();
        for (seq, verdict) in wire.attribution.settle(batch, wire.last_published, outstanding) {
            let believed = match verdict {
                Verdict::Routed | Verdict::Unrouted => {
                    self.nacks.took(&mut wire.record);
                    true
                }
                Verdict::Nacked => self.nacks.refused(&mut wire.record),
            };
            if believed {
                self.tell(seq, verdict);
            }
        }
        wire.forget_unless(|seq| self.unsettled.contains_key(&seq));
        match failed {
            None => Ok(()),
            Some(fault) if matches!(fault.kind(), FaultKind::Refused { .. }) => {
                Err(ChannelEnd::Refused(fault))
            }
            Some(fault) => Err(ChannelEnd::Lost(fault)),
        }
    }

    fn tell(&mut self, seq: u64, verdict: Verdict) {
        self.suspects = self.suspects.saturating_sub(1);
        let Some(publication) = self.unsettled.remove(&seq) else { return };
        let told = match verdict {
            Verdict::Routed => Ok(Confirmed { routed: true }),
            Verdict::Unrouted => Ok(Confirmed { routed: false }),
            Verdict::Nacked => {
                Err(PublishError::Nacked { id: publication.message.id().to_owned() })
            }
        };
        publication.waiter.tell(told);
    }

    /// The broker closes a channel without saying over which message. If one was
    /// alone it is known; otherwise all go again, one at a time.
    fn find_culprit(&mut self, fault: Fault) {
        if self.suspects > 0
            && let Some((_, culprit)) = self.unsettled.pop_first()
        {
            self.suspects -= 1;
            let id = culprit.message.id().to_owned();
            culprit.waiter.tell(Err(PublishError::Refused { id, source: fault }));
        } else {
            self.suspects = self.unsettled.len();
        }
    }

    fn check(&mut self, connection: &Connection, wire: &Wire) -> Result<(), ChannelEnd> {
        if self.closing.is_cancelled() {
            self.unsettled.retain(|_, publication| !publication.waiter.is_gone());
        }
        let status = connection.status();
        if !status.connected() {
            return Err(ChannelEnd::Lost(Fault::lost("the connection is gone")));
        }
        let state = if status.blocked() { LinkState::Blocked } else { LinkState::Up };
        self.link.send_if_modified(|link| std::mem::replace(link, state) != state);
        // Under an alarm nothing is confirmed, and a new channel would not change that.
        let stuck = wire.oldest().is_some_and(|age| age > self.options.confirm_deadline);
        if stuck && state == LinkState::Up {
            return Err(ChannelEnd::Lost(Fault::lost(format!(
                "no confirm within {} s",
                self.options.confirm_deadline.as_secs_f64()
            ))));
        }
        Ok(())
    }
}
