//! Several events in one call: they meet here, and one of them makes the call for all.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fanfare_broker::Lifeline;
use fanfare_events::IdempotencyKey;
use futures_util::future::join_all;
use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant, timeout};

use crate::attempt::{Attempted, Called, LONGEST_LOOK_UPS, Turn, failed};
use crate::destination::{Attempt, Batched, Batching, Destination};
use crate::engine::Engine;
use crate::ledger::{Claimed, IfTaken};
use crate::outcome::{Outcome, Reason};
use crate::permits::{Consequence, Ending};
use crate::policy::RateHint;

/// Where events wait for others to share a call with.
#[derive(Debug)]
pub(crate) struct Batcher {
    batching: Batching,
    gathering: Mutex<Option<Arc<Batch>>>,
}

/// Events that go together.
#[derive(Debug, Default)]
struct Batch {
    members: Mutex<Members>,
    full: Notify,
}

#[derive(Debug, Default)]
struct Members {
    waiting: Vec<Member>,
    keys: HashSet<IdempotencyKey>,
}

#[derive(Debug)]
struct Member {
    attempt: Attempt,
    may_be_known: bool,
    tell: Tell,
}

/// An attempt in a batch is told what came of it; nothing, if it is to go by itself.
#[derive(Debug)]
struct Tell {
    way: oneshot::Sender<(Attempt, Option<Attempted>)>,
    /// Of whoever is told.
    lifeline: Lifeline,
}

type Told = oneshot::Receiver<(Attempt, Option<Attempted>)>;

/// How an event takes part in a batch.
enum Part {
    /// It is the first, and makes the call for all.
    Leads(Arc<Batch>, Told),
    /// Another makes the call.
    Follows(Told),
    /// A copy of it is in the batch already.
    Copy(Attempt),
}

/// Those of a batch that are to be called for.
struct Calling<'a> {
    attempts: Vec<Attempt>,
    others: Vec<(Claimed<'a>, Tell)>,
}

impl<D: Destination> Engine<D> {
    /// Attempts an event together with others. `Err` gives it back: a copy of it is under way,
    /// so it has to wait for that one by itself.
    pub(crate) async fn attempt_together(
        &self,
        batcher: &Batcher,
        attempt: Attempt,
        may_be_known: bool,
        lifeline: Lifeline,
    ) -> Result<Option<(Attempt, Attempted)>, Attempt> {
        let told = match batcher.join(attempt, may_be_known, lifeline) {
            Part::Leads(batch, told) => {
                let members = batcher.gather(&batch).await;
                self.attempt_all(members).await;
                told
            }
            Part::Follows(told) => told,
            Part::Copy(attempt) => return Err(attempt),
        };
        match told.await {
            Ok((attempt, Some(attempted))) => Ok(Some((attempt, attempted))),
            Ok((attempt, None)) => Err(attempt),
            // It was taken back, or whoever made the call for all is gone, and so is everything.
            Err(_) => Ok(None),
        }
    }

    async fn attempt_all(&self, members: Vec<Member>) {
        // The first half is called before the second, so that order is kept.
        let mut to_call = vec![members];
        while let Some(members) = to_call.pop() {
            let Ok(mut permit) = self.permits.acquire().await else { return };
            let calling = self.claim_all(members).await;
            if calling.attempts.is_empty() {
                continue;
            }
            permit.begin();
            let started = Instant::now();
            let batched = self.call(self.destination.deliver_batch(&calling.attempts)).await;
            let took = started.elapsed();
            let batched = batched.unwrap_or_else(|why| Batched::All(failed(why)));
            let consequence = permit.ended(ending(&batched, took, self.rate_hint()));
            self.tell_news(consequence, why(&batched));
            match outcomes(batched, calling.attempts.len()) {
                Some(outcomes) => self.say_all(calling, outcomes, took, consequence).await,
                None => {
                    let (first, second) = calling.refused().await;
                    to_call.extend([second, first]);
                }
            }
        }
    }

    /// Claims those that are to be called for, and tells the others.
    async fn claim_all(&self, mut members: Vec<Member>) -> Calling<'_> {
        // What the broker gave to somebody else meanwhile is theirs to call for.
        members.retain(|member| !member.tell.lifeline.is_stale());
        let mut calling = Calling { attempts: Vec::new(), others: Vec::new() };
        // All at once, for the ledger may be far. And nobody waits for a key while having
        // others: two batches would wait for each other.
        let claims = members.iter().map(|it| self.ledger.claim(it.attempt.key(), IfTaken::Leave));
        let claims = join_all(claims).await;
        let looked_up = Instant::now() + LONGEST_LOOK_UPS;
        for (Member { attempt, may_be_known, tell }, claim) in members.into_iter().zip(claims) {
            match self.turn(claim, &attempt, may_be_known, looked_up).await {
                Turn::Call(claimed) => calling.push(attempt, claimed, tell),
                Turn::Decided(attempted) => say(tell, attempt, Some(attempted)),
                Turn::Taken => say(tell, attempt, None),
            }
        }
        calling
    }

    async fn say_all(
        &self,
        calling: Calling<'_>,
        outcomes: Vec<Outcome>,
        took: Duration,
        consequence: Consequence,
    ) {
        let Calling { attempts, others } = calling;
        let settled = attempts.into_iter().zip(others).zip(outcomes).map(
            async |((attempt, (claimed, tell)), outcome)| {
                self.settle_claim(claimed, &outcome).await;
                let called = Called { outcome, took, consequence };
                say(tell, attempt, Some(Attempted::Called(called)));
            },
        );
        join_all(settled).await;
    }
}

impl Batcher {
    pub(crate) fn new(batching: Batching) -> Self {
        Self { batching, gathering: Mutex::new(None) }
    }

    fn join(&self, attempt: Attempt, may_be_known: bool, lifeline: Lifeline) -> Part {
        let mut gathering = self.gathering();
        let leads = gathering.is_none();
        let batch = Arc::clone(gathering.get_or_insert_default());
        let mut members = batch.members();
        if !members.keys.insert(attempt.key()) {
            return Part::Copy(attempt);
        }
        let (way, told) = oneshot::channel();
        members.waiting.push(Member { attempt, may_be_known, tell: Tell { way, lifeline } });
        if members.waiting.len() >= self.batching.most.get() {
            *gathering = None;
            batch.full.notify_one();
        }
        drop(members);
        if leads { Part::Leads(batch, told) } else { Part::Follows(told) }
    }

    /// Waits until the batch is full, or its time is over.
    async fn gather(&self, batch: &Arc<Batch>) -> Vec<Member> {
        if timeout(self.batching.wait, batch.full.notified()).await.is_err() {
            let mut gathering = self.gathering();
            // Unless it became full at this very moment, and another is gathering.
            if gathering.as_ref().is_some_and(|other| Arc::ptr_eq(other, batch)) {
                *gathering = None;
            }
        }
        std::mem::take(&mut batch.members().waiting)
    }

    fn gathering(&self) -> MutexGuard<'_, Option<Arc<Batch>>> {
        self.gathering.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Batch {
    fn members(&self) -> MutexGuard<'_, Members> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<'a> Calling<'a> {
    fn push(&mut self, attempt: Attempt, claimed: Claimed<'a>, tell: Tell) {
        self.attempts.push(attempt);
        self.others.push((claimed, tell));
    }

    /// Two halves to be called for again, of which all is known by now. What they claimed is
    /// given back: they may wait for their permits longer than a claim holds.
    async fn refused(self) -> (Vec<Member>, Vec<Member>) {
        let Self { attempts, others } = self;
        let members = attempts.into_iter().zip(others).map(async |(attempt, (claimed, tell))| {
            claimed.release().await;
            Member { attempt, may_be_known: false, tell }
        });
        let mut first = join_all(members).await;
        let second = first.split_off(first.len() / 2);
        (first, second)
    }
}

/// Nobody listens any more only when everything ends.
fn say(tell: Tell, attempt: Attempt, attempted: Option<Attempted>) {
    drop(tell.way.send((attempt, attempted)));
}

fn ending(batched: &Batched, took: Duration, hint: Option<RateHint>) -> Ending {
    match batched {
        Batched::Each(outcomes) => Ending::of_all(outcomes, took, hint),
        Batched::All(outcome) => Ending::of(outcome, took, hint),
        Batched::Refused { .. } => Ending::of(&Outcome::rejected(""), took, hint),
    }
}

fn why(batched: &Batched) -> Option<&Reason> {
    match batched {
        Batched::Each(outcomes) => outcomes.iter().find_map(Outcome::reason),
        Batched::All(outcome) => outcome.reason(),
        Batched::Refused { reason } => Some(reason),
    }
}

/// One outcome for each; `None` when they have to be called for in halves.
fn outcomes(batched: Batched, count: usize) -> Option<Vec<Outcome>> {
    match batched {
        Batched::Each(mut outcomes) => {
            // A destination that forgot some: they may have been delivered.
            outcomes.resize_with(count, || Outcome::Ambiguous {
                reason: Reason::new("the destination's code told nothing about this event"),
            });
            Some(outcomes)
        }
        Batched::All(outcome) => Some(vec![outcome; count]),
        Batched::Refused { reason } if count == 1 => Some(vec![Outcome::Rejected { reason }]),
        Batched::Refused { .. } => None,
    }
}
