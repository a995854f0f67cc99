//! The other consumers of the same destination: what is told to them and heard of them.
//!
//! All of them read one log on the broker. A wait that the API asked for is everybody's, one
//! of them probes when it is over, and a pause by an operator, or by the API itself (410),
//! lasts across restarts.

use std::pin::Pin;
use std::time::Duration;

use fanfare_broker::control::{
    CLOCK_TOLERANCE_MS, ControlEvent, ControlLog, ControlState, News, Notice,
};
use fanfare_broker::{Confirmed, PublishError, Publisher, Route};
use fanfare_events::EventId;
use fanfare_process::telemetry::Chain;
use tokio::time::{Instant, sleep_until, timeout};
use tracing::{info, warn};

use crate::clock::{as_ms, now_ms};
use crate::outbox::Outbox;
use crate::permits::Permits;
use crate::policy::{Lesson, Standing};

type Publishing = Pin<Box<dyn Future<Output = Result<Confirmed, PublishError>> + Send>>;

/// This process among the replicas of its destination.
pub(crate) struct Replicas {
    log: ControlLog,
    publisher: Publisher,
    route: Route,
    /// How long a probe may take, the ledger and the broker included.
    lease: Duration,
    /// The name of this run of this process.
    replica: String,
    /// What follows from the log as far as it was read.
    state: ControlState,
    reading: Reading,
    publishing: Option<Publishing>,
    ask_after: Instant,
}

/// How far the log was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    /// There is none.
    Missing,
    /// Its start was found, and this process's own notice is to be written behind its end.
    Found,
    /// That notice was written at this time, and is to be read, or given up for lost.
    Joining { at_ms: u64, lost_at: Instant },
    /// All that was there, as far as can be told.
    CaughtUp,
}

/// How long a consumer that starts waits to hear whether its destination is paused.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a process waits to read its own notice: a broker with an alarm takes none, and one
/// without the permission takes none ever. What was there before is read long since.
const LOST_AFTER: Duration = Duration::from_secs(5);
/// How soon the right to probe is asked for again; an answer takes a few milliseconds.
const ASK_AGAIN: Duration = Duration::from_millis(250);
/// And how soon where the question could not be published.
const ASK_IN_VAIN: Duration = Duration::from_secs(5);

impl Replicas {
    pub(crate) fn new(
        log: ControlLog,
        publisher: Publisher,
        route: Route,
        lease: Duration,
    ) -> Self {
        Self {
            log,
            publisher,
            route,
            lease,
            replica: EventId::new_v7().as_str().to_owned(),
            state: ControlState::default(),
            reading: Reading::Missing,
            publishing: None,
            ask_after: Instant::now(),
        }
    }

    /// Reads how the destination stands before anything is consumed, as far as that can be
    /// found out soon.
    pub(crate) async fn join(&mut self, permits: &Permits, outbox: &Outbox) {
        let reading = async {
            loop {
                self.turn(permits, outbox).await;
                if matches!(self.reading, Reading::Missing | Reading::CaughtUp) {
                    return;
                }
            }
        };
        if timeout(PATIENCE, reading).await.is_err() {
            warn!("Could not read the control log in time; starting all the same");
        }
    }

    /// Goes on until the destination is paused or resumed. Loses nothing when it is dropped.
    pub(crate) async fn progress(&mut self, permits: &Permits, outbox: &Outbox) {
        let was_paused = permits.is_paused();
        while permits.is_paused() == was_paused {
            self.turn(permits, outbox).await;
        }
    }

    pub(crate) async fn close(self) {
        self.log.close().await;
    }

    async fn turn(&mut self, permits: &Permits, outbox: &Outbox) {
        let may_tell = self.publishing.is_none() && self.reading == Reading::CaughtUp;
        let ask_after = self.ask_after;
        tokio::select! {
            biased;
            told = told(&mut self.publishing) => {
                self.publishing = None;
                if let Err(error) = told {
                    self.ask_after = Instant::now() + ASK_IN_VAIN;
                    warn!(error = %Chain(&error), "Could not tell the other replicas");
                }
            }
            event = self.log.next() => self.hear(event, permits),
            () = lost(self.reading) => {
                self.reading = Reading::CaughtUp;
                self.pass_on(permits);
            }
            word = outbox.next(), if may_tell => {
                self.tell(word.of(&self.replica));
            }
            () = asked(permits, ask_after), if may_tell => self.ask(),
        }
        self.join_when_idle();
    }

    fn hear(&mut self, event: ControlEvent, permits: &Permits) {
        let notice = match event {
            ControlEvent::Restarted => {
                self.state = ControlState::default();
                self.reading = Reading::Found;
                return;
            }
            ControlEvent::Missing(_) => {
                self.reading = Reading::Missing;
                permits.learn(None);
                return;
            }
            ControlEvent::Notice(notice, _) => notice,
        };
        self.state.apply(&notice);
        let own = match &notice.news {
            News::Joined { replica } | News::Probe { replica, .. } => *replica == self.replica,
            _ => false,
        };
        if let Reading::Joining { at_ms, .. } = self.reading
            && own
            && at_ms == notice.at_ms
        {
            self.reading = Reading::CaughtUp;
        }
        if self.reading == Reading::CaughtUp {
            self.pass_on(permits);
            // Each met its trouble by itself, and one look is enough to see whether it is over.
            if matches!(notice.news, News::Well { .. } | News::Resumed { .. }) {
                permits.look_again();
            }
            if own && self.state.probe(now_ms()) == Some(self.replica.as_str()) {
                permits.grant_probe();
            }
        }
    }

    fn pass_on(&self, permits: &Permits) {
        let was_paused = permits.is_paused();
        let lesson = permits.learn(Some(self.standing()));
        match self.state.paused() {
            Some(pause) if !was_paused => {
                warn!(
                    by = pause.by,
                    why = pause.why,
                    "The destination is paused until somebody \
                    resumes it; `fanfare resume` does"
                );
            }
            None if was_paused => info!("The destination is resumed"),
            Some(_) | None => {}
        }
        if let (Lesson::Hold(until), Some(hold)) = (lesson, self.state.trouble())
            && hold.replica != self.replica
        {
            info!(
                trouble = hold.trouble,
                why = hold.why,
                pause_ms = as_ms(until - Instant::now()),
                "Another replica was told to wait; holding everything with it"
            );
        }
    }

    /// The log's state in terms of this process's clock.
    fn standing(&self) -> Standing {
        let (now, now_ms) = (Instant::now(), now_ms());
        let held_until = self.state.trouble().and_then(|hold| {
            // Another's clock may be ahead of ours.
            let tolerance = if hold.replica == self.replica { 0 } else { CLOCK_TOLERANCE_MS };
            let left = hold.until_ms.saturating_add(tolerance).checked_sub(now_ms)?;
            Some(now + Duration::from_millis(left))
        });
        let prober = self.state.probe(now_ms);
        Standing {
            is_paused: self.state.paused().is_some(),
            held_until,
            is_unproven: self.state.trouble().is_some(),
            others_probe_until: prober
                .filter(|prober| **prober != self.replica)
                .map(|_| now + self.lease),
        }
    }

    fn ask(&mut self) {
        self.ask_after = Instant::now() + ASK_AGAIN;
        let lease_until_ms = now_ms().saturating_add(as_ms(self.lease));
        self.tell(News::Probe { replica: self.replica.clone(), lease_until_ms });
    }

    fn join_when_idle(&mut self) {
        if self.publishing.is_some() {
            return;
        }
        if self.reading == Reading::Found {
            let at_ms = self.tell(News::Joined { replica: self.replica.clone() });
            self.reading = Reading::Joining { at_ms, lost_at: Instant::now() + LOST_AFTER };
        } else if self.reading == Reading::CaughtUp
            && let Some(notice) = self.state.to_say_again()
        {
            self.publish(&notice);
        }
    }

    fn tell(&mut self, news: News) -> u64 {
        let at_ms = now_ms();
        self.publish(&Notice::new(at_ms, news));
        at_ms
    }

    fn publish(&mut self, notice: &Notice) {
        match notice.message(EventId::new_v7().as_str()) {
            Ok(message) => {
                let (publisher, route) = (self.publisher.clone(), self.route.clone());
                let publishing = async move { publisher.publish(&route, message).await };
                self.publishing = Some(Box::pin(publishing));
            }
            Err(error) => warn!(error = %Chain(&error), "Could not tell the other replicas"),
        }
    }
}

/// What became of what was told last; never, where nothing is being told.
async fn told(publishing: &mut Option<Publishing>) -> Result<Confirmed, PublishError> {
    match publishing {
        Some(publishing) => publishing.await,
        None => std::future::pending().await,
    }
}

/// Returns when the own notice is given up for lost.
async fn lost(reading: Reading) {
    match reading {
        Reading::Joining { lost_at, .. } => sleep_until(lost_at).await,
        Reading::Missing | Reading::Found | Reading::CaughtUp => std::future::pending().await,
    }
}

async fn asked(permits: &Permits, not_before: Instant) {
    permits.asks_for_probe().await;
    sleep_until(not_before).await;
}
