//! Where every event passes, one after the other, on its way to the broker or to the disk.
//!
//! One task decides for all, so that the order in which events came is the order in which they
//! are published, whichever way they take.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use fanfare_broker::{Confirmed, LinkState, PublishError, Sequence, Verdicts};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::error::SpillError;
use super::file::SpillFile;
use super::room::{Amount, Room};
use super::settings::Spill;
use super::waiting::{Submission, Waiting};
use crate::outbox::RelayCounts;
use crate::producer::Producer;

pub(super) struct Desk {
    spill: Spill,
    producer: Producer,
    file: SpillFile,
    room: Room,
    counts: RelayCounts,
    incoming: mpsc::Receiver<Submission>,
    tell_waiting: watch::Sender<Amount>,
    link: watch::Receiver<LinkState>,
    /// What came and took neither way yet, in the order in which it came.
    queue: VecDeque<Waiting>,
    /// Nobody can hand in anything any more.
    ended: bool,
}

/// What follows.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    Broker,
    /// And when to go back to the broker at the earliest.
    Disk(Instant),
    End,
}

/// Events that wait for the desk, and events that are at it.
pub(super) const AT_THE_DESK: usize = 1000;

/// Events that are written with one commit, at most.
const BATCH: usize = 500;

/// So few in the file are waited for, to go back to the broker.
const NEARLY_EMPTY: u64 = 500;

/// How often the relay is asked how far it is.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Between attempts to go back to the broker, where one was in vain.
const PAUSE: Duration = Duration::from_secs(1);

impl Desk {
    pub(super) fn new(
        spill: Spill,
        producer: Producer,
        file: SpillFile,
        room: Room,
        incoming: mpsc::Receiver<Submission>,
        tell_waiting: watch::Sender<Amount>,
    ) -> Self {
        let link = producer.link();
        let counts = RelayCounts::default();
        let (queue, ended) = (VecDeque::new(), false);
        Self { spill, producer, file, room, counts, incoming, tell_waiting, link, queue, ended }
    }

    /// Serves until nobody can hand in anything any more, and all are answered.
    pub(super) async fn run(mut self) {
        let relay = self.file.relay(self.producer.clone());
        self.counts = relay.counts();
        let shutdown = CancellationToken::new();
        let relaying = tokio::spawn(relay.run(shutdown.clone()));
        // Dropped with this task, as a crash of it would be.
        let _guard = shutdown.clone().drop_guard();
        self.wait_for_a_first_connection().await;
        let mut next = Next::Broker;
        loop {
            // Each way has its own patience.
            let now = Instant::now();
            self.queue.iter_mut().for_each(|waiting| waiting.since = now);
            next = match next {
                Next::Broker => self.use_the_broker().await,
                Next::Disk(back_not_before) => self.use_the_disk(back_not_before).await,
                Next::End => break,
            };
        }
        shutdown.cancel();
        // It ends by itself, after a grace period; how does not matter any more.
        drop(relaying.await);
        self.file.close().await;
        self.producer.close().await;
    }

    /// A process that has just started is not to begin with its disk.
    async fn wait_for_a_first_connection(&mut self) {
        let up = self.link.wait_for(|link| *link == LinkState::Up);
        // Not up in time is down, as it will be seen.
        drop(tokio::time::timeout(self.spill.confirm_within, up).await);
    }

    /// Publishes until the broker does not answer.
    async fn use_the_broker(&mut self) -> Next {
        self.show();
        if !self.room.is_empty() {
            return Next::Disk(Instant::now());
        }
        let (sequence, mut verdicts) = self.producer.sequence();
        let mut on_the_way = BTreeMap::new();
        let mut tag = 0;
        let next = loop {
            // Whatever is known already: on a busy machine it may be us who are late.
            hear_all(&mut verdicts, &mut on_the_way);
            self.publish(&sequence, &mut on_the_way, &mut tag);
            let oldest = on_the_way.first_key_value().map(|(_, waiting)| waiting);
            let due = oldest
                .or(self.queue.front())
                .map(|waiting| waiting.since + self.spill.confirm_within);
            let now = Instant::now();
            if *self.link.borrow_and_update() != LinkState::Up {
                break Next::Disk(now);
            }
            if due.is_some_and(|due| due <= now) {
                // It is there and silent: it is left alone for a while.
                break Next::Disk(now + PAUSE);
            }
            if self.ended && on_the_way.is_empty() && self.queue.is_empty() {
                return Next::End;
            }
            tokio::select! {
                (tag, verdict) = verdicts.next() => hear(&mut on_the_way, tag, verdict),
                // Given back, and taken again at once. Is it closed, the link is down.
                place = sequence.place(), if !self.queue.is_empty() => drop(place),
                changed = self.link.changed() => if changed.is_err() {
                    break Next::Disk(now);
                },
                () = at(due) => {}
                came = self.incoming.recv(), if self.has_seats() => self.seat(came),
            }
        };
        // Before the sequence is abandoned, since then all that is left is called closed.
        hear_all(&mut verdicts, &mut on_the_way);
        drop(sequence);
        for (_, waiting) in on_the_way.into_iter().rev() {
            self.queue.push_front(waiting);
        }
        next
    }

    fn publish(
        &mut self,
        sequence: &Sequence,
        on_the_way: &mut BTreeMap<u64, Waiting>,
        tag: &mut u64,
    ) {
        while !self.queue.is_empty()
            && let Some(place) = sequence.place_now()
            && let Some(waiting) = self.queue.pop_front()
        {
            let Submission { route, message, .. } = &waiting.submission;
            *tag += 1;
            match place.publish(*tag, route, message.clone()) {
                Ok(()) => drop(on_the_way.insert(*tag, waiting)),
                Err(error) => waiting.refuse(error),
            }
        }
    }

    /// Writes to the disk until the broker answers, and has all that was written before.
    async fn use_the_disk(&mut self, mut back_not_before: Instant) -> Next {
        let mut back_until = None;
        let mut said = false;
        loop {
            self.show();
            let now = Instant::now();
            let is_up = *self.link.borrow_and_update() == LinkState::Up;
            let near = is_up && self.room.waiting().rows <= NEARLY_EMPTY;
            match back_until {
                None if near && now >= back_not_before => {
                    back_until = Some(now + self.spill.confirm_within);
                }
                Some(until) if !near || now >= until => {
                    back_until = None;
                    back_not_before = now + PAUSE;
                }
                _ => {}
            }
            if back_until.is_some() && self.room.is_empty() {
                if said {
                    info!("The broker answers again, and has all that was on the disk");
                }
                return Next::Broker;
            }
            if back_until.is_none() {
                if !said && !self.queue.is_empty() {
                    warn!("The broker does not answer, events go to the disk");
                    said = true;
                }
                self.write().await;
                self.refuse_what_waited_for_room();
            }
            if self.ended && self.queue.is_empty() {
                return Next::End;
            }
            let something_goes_on = !self.queue.is_empty() || !self.room.is_empty() || is_up;
            tokio::select! {
                came = self.incoming.recv(), if self.has_seats() => self.seat(came),
                Ok(()) = self.link.changed() => {}
                () = sleep(LOOK_EVERY), if something_goes_on => {}
            }
        }
    }

    /// Writes what there is room for.
    async fn write(&mut self) {
        loop {
            let mut batch = Vec::new();
            while batch.len() < BATCH
                && let Some(first) = self.queue.front()
                && self.room.take(first.bytes())
                && let Some(first) = self.queue.pop_front()
            {
                batch.push(first);
            }
            if batch.is_empty() {
                return;
            }
            let written = self.file.write(batch.iter().map(Waiting::written)).await;
            let failed = written.err().map(Arc::new);
            if let Some(error) = &failed {
                warn!(events = batch.len(), %error, "Events cannot be written to the disk");
            }
            for waiting in batch {
                match &failed {
                    None => waiting.stored(),
                    Some(error) => {
                        self.room.give_back(waiting.bytes());
                        waiting.answer(Err(SpillError::File(Arc::clone(error))));
                    }
                }
            }
            self.show();
        }
    }

    fn refuse_what_waited_for_room(&mut self) {
        let now = Instant::now();
        let Amount { rows, bytes } = self.room.waiting();
        while let Some(first) = self.queue.front()
            && now >= first.since + self.spill.wait_for_room
            && let Some(first) = self.queue.pop_front()
        {
            first.answer(Err(SpillError::Full { rows, bytes }));
        }
    }

    fn has_seats(&self) -> bool {
        !self.ended && self.queue.len() < AT_THE_DESK
    }

    fn seat(&mut self, came: Option<Submission>) {
        self.ended = came.is_none();
        let since = Instant::now();
        self.queue.extend(came.map(|submission| Waiting { submission, since }));
        // With one commit what came at the same time.
        while self.queue.len() < AT_THE_DESK
            && let Ok(submission) = self.incoming.try_recv()
        {
            self.queue.push_back(Waiting { submission, since });
        }
    }

    /// Learns from the relay what is done, and shows what waits.
    fn show(&mut self) {
        let (rows, bytes) = self.counts.settled();
        self.room.settled(Amount { rows, bytes });
        let waiting = self.room.waiting();
        self.tell_waiting.send_if_modified(|shown| std::mem::replace(shown, waiting) != waiting);
    }
}

fn hear(
    on_the_way: &mut BTreeMap<u64, Waiting>,
    tag: u64,
    verdict: Result<Confirmed, PublishError>,
) {
    // A publisher that is closed said nothing of the event: the disk takes it.
    if matches!(verdict, Err(PublishError::Closed)) {
        return;
    }
    let Some(waiting) = on_the_way.remove(&tag) else { return };
    match verdict {
        Ok(confirmed) => waiting.confirmed(confirmed),
        Err(error) => waiting.refuse(error),
    }
}

fn hear_all(verdicts: &mut Verdicts, on_the_way: &mut BTreeMap<u64, Waiting>) {
    while let Some((tag, verdict)) = verdicts.known() {
        hear(on_the_way, tag, verdict);
    }
}

/// Waits until then; for ever where nothing is planned.
async fn at(planned: Option<Instant>) {
    match planned {
        Some(then) => sleep_until(then).await,
        None => std::future::pending().await,
    }
}
