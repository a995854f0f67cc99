//! Where every event passes, one after the other, on its way to the broker or to the disk.
//!
//! One task decides for all, so that the order in which events came is the order in which they
//! are published, whichever way they take.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use fanfare_broker::{ExponentialPauses, LinkState};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until};
use tracing::{error, info, warn};

use super::error::SpillError;
use super::file::SpillFile;
use super::on_the_way::OnTheWay;
use super::pace::Pace;
use super::relaying::Relaying;
use super::room::{Amount, Room};
use super::settings::Spill;
use super::waiting::{Submission, Waiting};
use crate::producer::Producer;

pub(super) struct Desk {
    spill: Spill,
    producer: Producer,
    file: SpillFile,
    relaying: Relaying,
    room: Room,
    pace: Pace,
    looked_up_at: Instant,
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
    /// All who handed in are answered.
    End,
    /// Somebody has closed the producer below, so nothing is published any more.
    Closed,
}

/// Events that wait for the desk, and events that are at it; a window of them more may be on
/// their way.
pub(super) const AT_THE_DESK: usize = 1000;

/// Events that are written with one commit, at most.
const BATCH: usize = 500;

/// So few in the file are waited for, to go back to the broker; or as many as the relay publishes
/// meanwhile.
const NEARLY_EMPTY: u64 = 500;

/// How often the relay is asked how far it is.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// How often it is looked up what others have done to the file.
const LOOK_UP_EVERY: Duration = Duration::from_secs(5);

/// Between attempts to go back to the broker, where they are in vain.
const PAUSES: ExponentialPauses =
    ExponentialPauses::new(Duration::from_secs(1), Duration::from_secs(30));

impl Desk {
    pub(super) fn new(
        spill: Spill,
        producer: Producer,
        file: SpillFile,
        room: Room,
        incoming: mpsc::Receiver<Submission>,
        tell_waiting: watch::Sender<Amount>,
    ) -> Self {
        let now = Instant::now();
        Self {
            link: producer.link(),
            relaying: Relaying::start(&file, &producer),
            pace: Pace::of(spill.confirm_within, now),
            looked_up_at: now,
            queue: VecDeque::new(),
            ended: false,
            spill,
            producer,
            file,
            room,
            incoming,
            tell_waiting,
        }
    }

    /// Serves until nobody can hand in anything any more, and all are answered.
    pub(super) async fn run(mut self) {
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
                Next::Closed => {
                    self.refuse_all().await;
                    break;
                }
            };
        }
        self.relaying.stop().await;
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
        let mut on_the_way = OnTheWay::default();
        let mut waited_for = None;
        let next = loop {
            // Whatever is known already: on a busy machine it may be us who are late.
            on_the_way.hear_all(&mut verdicts);
            on_the_way.publish(&mut self.queue, waited_for.take(), &sequence);
            let oldest = on_the_way.oldest().or(self.queue.front());
            let due = oldest.map(|waiting| waiting.since + self.spill.confirm_within);
            let now = Instant::now();
            if *self.link.borrow_and_update() != LinkState::Up {
                break Next::Disk(now);
            }
            if due.is_some_and(|due| due <= now) {
                // It is there and silent: it is left alone for a while.
                break Next::Disk(now + PAUSES.ceiling(1));
            }
            if self.ended && on_the_way.is_empty() && self.queue.is_empty() {
                return Next::End;
            }
            tokio::select! {
                (tag, verdict) = verdicts.next() => on_the_way.hear(tag, verdict),
                place = sequence.place(), if !self.queue.is_empty() => match place {
                    Ok(place) => waited_for = Some(place),
                    Err(_) => break Next::Closed,
                },
                changed = self.link.changed() => if changed.is_err() { break Next::Closed },
                () = self.relaying.ended() => self.relay_again().await,
                () = at(due) => {}
                came = self.incoming.recv(), if self.has_seats() => self.seat(came),
            }
        };
        // Before the sequence is abandoned, since then all that is left is called closed.
        on_the_way.hear_all(&mut verdicts);
        drop(waited_for);
        drop(sequence);
        on_the_way.give_back(&mut self.queue);
        next
    }

    /// Writes to the disk until the broker answers, and has all that was written before.
    async fn use_the_disk(&mut self, mut back_not_before: Instant) -> Next {
        let mut back_until = None;
        let mut in_vain = 0;
        let mut said = false;
        loop {
            self.show();
            let now = Instant::now();
            let is_up = *self.link.borrow_and_update() == LinkState::Up;
            let near = is_up && self.room.waiting().rows <= NEARLY_EMPTY.max(self.pace.rows());
            match back_until {
                None if near && now >= back_not_before => {
                    back_until = Some(now + self.spill.confirm_within);
                }
                Some(until) if !near || now >= until => {
                    back_until = None;
                    in_vain += 1;
                    back_not_before = now + PAUSES.ceiling(in_vain);
                }
                _ => {}
            }
            let is_done = back_until.is_some() && self.room.is_empty();
            if is_done || now - self.looked_up_at >= LOOK_UP_EVERY {
                self.look_up().await;
            }
            if is_done && self.room.is_empty() {
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
                changed = self.link.changed() => if changed.is_err() { return Next::Closed },
                () = self.relaying.ended() => self.relay_again().await,
                () = sleep(LOOK_EVERY), if something_goes_on => {}
            }
        }
    }

    /// Others write to the file as well: an operator deletes rows, or mends one.
    async fn look_up(&mut self) {
        self.looked_up_at = Instant::now();
        // A file that cannot be read is as it was, as far as anybody knows.
        if let Ok(waiting) = self.file.waiting().await {
            self.room.looked_up(waiting, self.relaying.settled());
        }
    }

    /// The relay has ended, and nobody has told it to.
    async fn relay_again(&mut self) {
        // Of a producer that is closed the link tells soon.
        if self.producer.is_closed() {
            return;
        }
        error!("What publishes the events on the disk has crashed, and is started again");
        let waiting = self.file.waiting().await.unwrap_or(self.room.waiting());
        self.relaying = Relaying::start(&self.file, &self.producer);
        self.room.looked_up(waiting, self.relaying.settled());
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

    async fn refuse_all(&mut self) {
        self.incoming.close();
        while let Some(came) = self.incoming.recv().await {
            self.seat(Some(came));
        }
        for waiting in self.queue.drain(..) {
            waiting.answer(Err(SpillError::Closed));
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
        let settled = self.relaying.settled();
        self.room.settled(settled);
        self.pace.settled(settled.rows, Instant::now());
        let waiting = self.room.waiting();
        self.tell_waiting.send_if_modified(|shown| std::mem::replace(shown, waiting) != waiting);
    }
}

/// Waits until then; for ever where nothing is planned.
async fn at(planned: Option<Instant>) {
    match planned {
        Some(then) => sleep_until(then).await,
        None => std::future::pending().await,
    }
}
