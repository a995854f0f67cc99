//! One life of a consumer process: the real engine, polled by hand.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use fanfare_broker::rehearsal::{Channel, Outgoing, Published, Said};
use fanfare_broker::{PublishError, Publisher, PublisherOptions};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;

use super::api::{Api, Desk};
use super::consumer::{NEVER, engine, names};
use super::copy::{Copy, IDS};
use super::life::Told;
use super::rules::Rules;
use crate::clock::HANDS;
use crate::engine::Engine;
use crate::outcome::{Outcome, Trouble};
use crate::work::Finished;

/// What a process is told.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Input {
    /// The API has this event, if it is asked.
    ApiHas(usize),
    HandOver(Copy),
    /// Something about this delivery.
    Tell(usize, Told),
    /// The broker listens to acks.
    Listen,
    /// The channel is lost, and there is another one.
    Cut,
    /// Enough time passes for whoever waits for it.
    PassTime,
}

/// What a process does about that, until it waits again.
#[derive(Debug, Default)]
pub(super) struct Response {
    pub(super) deeds: Vec<Deed>,
    /// The gate's trouble, whether it probes, and whether a call may start.
    pub(super) gate: (Option<Trouble>, bool, bool),
}

/// What is done for one of the deliveries, counted from the first that was handed over.
#[derive(Debug)]
pub(super) enum Deed {
    Calls(usize),
    Publishes(usize, Copy, Goal),
    /// It is over and settled.
    Settles(usize),
    /// It is over, for the broker took it back.
    Leaves(usize),
    /// The broker hears that it is acked.
    Acks(usize),
}

/// Where a successor goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Goal {
    DelayLine,
    DeadLetters,
}

/// A process.
pub(super) struct Process {
    /// Its time stands still unless it is told to pass.
    time: Runtime,
    engine: Arc<Engine<Api>>,
    desk: Arc<Desk>,
    outgoing: Outgoing,
    channel: Channel,
    woken: Arc<Woken>,
    works: Vec<Work>,
}

struct Work {
    event: usize,
    /// Its tag, until its channel is lost or its ack is heard.
    tag: Option<u64>,
    future: Option<Pin<Box<dyn Future<Output = Finished>>>>,
    call: Option<oneshot::Sender<Outcome>>,
    published: Option<Published>,
}

/// Who is to be polled, in the order in which they were woken.
#[derive(Default)]
struct Woken(Mutex<VecDeque<usize>>);

struct Waking {
    work: usize,
    woken: Arc<Woken>,
}

/// More than anything takes that ends by itself.
const LONG: Duration = Duration::from_secs(10 * 60);

/// By this much the clock on the wall is later with each delivery: more than a copy has to wait
/// before it comes back, which it does when the explorer thinks of it.
const BETWEEN_DELIVERIES_MS: u64 = 60_000;

impl Process {
    pub(super) fn begin(rules: &Rules) -> Self {
        let time = Builder::new_current_thread().enable_time().start_paused(true).build();
        let time = time.expect("a runtime without I/O needs nothing of the system");
        let entered = time.enter();
        let options = PublisherOptions { give_up_after: NEVER, ..PublisherOptions::default() };
        let (publisher, outgoing) = Publisher::rehearse(options);
        let desk = Arc::new(Desk::default());
        let api = Api { desk: Arc::clone(&desk), tells: rules.api_tells };
        let engine = Arc::new(engine(rules, api, publisher));
        drop(entered);
        Self {
            time,
            engine,
            desk,
            outgoing,
            channel: Channel::open(),
            woken: Arc::default(),
            works: Vec::new(),
        }
    }

    pub(super) fn feed(&mut self, input: &Input) -> Response {
        let handle = self.time.handle().clone();
        let _entered = handle.enter();
        let mut deeds = Vec::new();
        match input {
            Input::ApiHas(event) => self.desk.has(IDS[*event]),
            Input::HandOver(copy) => self.hand_over(copy),
            Input::Tell(work, Told::Answer(answer)) => {
                let call = self.works[*work].call.take().expect("who calls waits for an answer");
                drop(call.send(answer.outcome()));
            }
            Input::Tell(work, Told::Confirm) => self.published(*work).confirm(),
            Input::Tell(work, Told::Open) => {
                let published = self.published(*work);
                let id = published.message().id().to_owned();
                published.fail(PublishError::Unconfirmed { id, waited: NEVER, blocked: false });
            }
            Input::Listen => self.listen(&mut deeds),
            Input::Cut => {
                self.channel.end();
                self.channel = Channel::open();
                self.works.iter_mut().for_each(|work| work.tag = None);
            }
            Input::PassTime => self.time.block_on(tokio::time::advance(LONG)),
        }
        while let Some(work) = self.woken.next() {
            self.poll(work, &mut deeds);
        }
        let permits = &self.engine.permits;
        let gate = (permits.trouble(), permits.is_probing(), permits.may_start());
        Response { deeds, gate }
    }

    fn hand_over(&mut self, copy: &Copy) {
        let now = HANDS.get().unwrap_or_default();
        HANDS.set(Some(now + BETWEEN_DELIVERIES_MS));
        let (tag, delivery) = self.channel.hand_over(&copy.message, copy.deliveries);
        let engine = Arc::clone(&self.engine);
        self.woken.push(self.works.len());
        self.works.push(Work {
            event: copy.event,
            tag: Some(tag),
            future: Some(Box::pin(async move { engine.work(delivery).await })),
            call: None,
            published: None,
        });
    }

    fn published(&mut self, work: usize) -> Published {
        self.works[work].published.take().expect("who publishes waits for a verdict")
    }

    fn listen(&mut self, deeds: &mut Vec<Deed>) {
        for said in self.channel.listen() {
            let is_meant = |tag: u64| match said {
                Said::AckedThrough(through) => tag <= through,
                Said::Acked(acked) => tag == acked,
                Said::Requeued(_) | Said::Rejected(_) => false,
            };
            let before = deeds.len();
            for (number, work) in self.works.iter_mut().enumerate() {
                if work.tag.is_some_and(is_meant) {
                    work.tag = None;
                    deeds.push(Deed::Acks(number));
                }
            }
            assert!(deeds.len() > before, "{said:?} acks nothing that was handed over");
        }
    }

    fn poll(&mut self, number: usize, deeds: &mut Vec<Deed>) {
        let work = &mut self.works[number];
        let Some(future) = &mut work.future else { return };
        let waker = Waker::from(Arc::new(Waking { work: number, woken: Arc::clone(&self.woken) }));
        let polled = future.as_mut().poll(&mut Context::from_waker(&waker));
        if let Some(call) = self.desk.arrived() {
            work.call = Some(call);
            deeds.push(Deed::Calls(number));
        }
        if let Some(published) = self.outgoing.take() {
            let copy = Copy::new(work.event, published.message().clone(), 0);
            deeds.push(Deed::Publishes(number, copy, Goal::of(published.exchange())));
            work.published = Some(published);
        }
        if let Poll::Ready(finished) = polled {
            work.future = None;
            deeds.push(match finished {
                Some(_) => Deed::Settles(number),
                None => Deed::Leaves(number),
            });
        }
    }
}

impl Goal {
    fn of(exchange: &str) -> Self {
        if exchange == names().dead() { Self::DeadLetters } else { Self::DelayLine }
    }
}

impl Woken {
    fn push(&self, work: usize) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push_back(work);
    }

    fn next(&self) -> Option<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }
}

impl Wake for Waking {
    fn wake(self: Arc<Self>) {
        self.woken.push(self.work);
    }
}
