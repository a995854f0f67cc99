//! The rate limit that all processes of a destination share, in a Redis.
//!
//! The same places as in [`RateWindow`](crate::policy::RateWindow), which stays in front of
//! it: there are as many as calls are allowed, and one is free again one window after its
//! call ended. Here they are counted for all processes, by the clock of the Redis. A place
//! that is taken is free after a while unless its process goes on saying that it is not,
//! because a process may die; when its call ends, the keeper says so, and no call waits for
//! that.
//!
//! While the Redis is away a process goes by its own window alone. What it called meanwhile
//! is told when the Redis is back.

mod keeper;

use std::sync::LazyLock;
use std::time::Duration;

use fanfare_events::DestinationName;
use prometheus_client::metrics::counter::Counter;
use redis::{RedisError, Script};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use crate::clock::as_ms;
use crate::policy::RateLimit;
use crate::shared::{DEADLINE, RedisAddress, RedisLink};
use keeper::{Keeper, Register};

/// The rate limit of one destination, for all its processes.
#[derive(Debug)]
pub(crate) struct SharedRate {
    link: RedisLink,
    keeper: Keeper,
    /// The name of the set of places.
    name: String,
    options: SharedRateOptions,
}

/// What a shared rate limit is made with.
#[derive(Clone, Debug)]
pub(crate) struct SharedRateOptions {
    /// The same in all processes.
    pub(crate) limit: RateLimit,
    /// How long a process may be silent before its calls count as ended.
    pub(crate) hold: Duration,
    /// Counts places that were taken without asking the others.
    pub(crate) unavailable: Counter,
}

/// Whether the other processes agree that one of this process's calls starts.
///
/// Dropped, it gives back the place that was taken for it.
#[must_use]
#[derive(Debug)]
pub(crate) struct Agreement<'a> {
    /// `None`: there are no others.
    rate: Option<&'a SharedRate>,
    stage: Stage<'a>,
}

#[derive(Debug)]
enum Stage<'a> {
    Unasked,
    /// There was no place; it is asked again at this moment.
    AskAgain(Instant),
    Ours(SharedPlace<'a>),
}

/// A place that a call holds until it is dropped.
#[must_use]
#[derive(Debug)]
pub(crate) struct SharedPlace<'a> {
    rate: &'a SharedRate,
    number: u64,
    /// When the call may start.
    from: Instant,
    end: End,
}

/// When a place is free that is held no more.
#[derive(Clone, Copy, Debug)]
enum End {
    /// It was never taken.
    Untaken,
    /// No call was begun.
    At(Instant),
    /// A call was begun, which ends with it.
    AfterWindow,
}

/// A place may be taken so long before it is free: not much longer than it takes to ask
/// again, since this process's clock measures the time in between.
const SHORTEST_LOOK_AHEAD: Duration = Duration::from_millis(10);
const LONGEST_LOOK_AHEAD: Duration = Duration::from_secs(1);
/// So often it is said that a place is held, within the time that its process may be silent.
const RENEWALS: u32 = 5;
/// The Redis counts in whole milliseconds, and so its next one is the first that is safe.
const ONE_MORE: Duration = Duration::from_millis(1);

static TAKE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("take.lua")));

impl SharedRate {
    /// The rate limit of `destination` in a namespace. The Redis need not be there yet.
    pub(crate) async fn connect(
        address: &RedisAddress,
        namespace: &str,
        destination: &DestinationName,
        options: SharedRateOptions,
    ) -> Result<Self, RedisError> {
        let name = format!("{namespace}:rate:{destination}");
        let probe = format!("{name}:probe");
        let without = "each process keeping to the limit by itself";
        let link = RedisLink::connect(address, "the shared rate limit", without, probe).await?;
        let register =
            Register { link: link.clone(), name: name.clone(), taken_for: options.taken_for() };
        let keeper = Keeper::start(register, options.hold / RENEWALS);
        Ok(Self { link, keeper, name, options })
    }

    /// Tells the others what they do not know yet, as far as that is quickly done.
    pub(crate) async fn close(&self) {
        self.keeper.emptied().await;
    }

    /// Asks for a place. Answered within the link's deadline.
    async fn ask(&self) -> Stage<'_> {
        let look_ahead = self.options.look_ahead();
        // A place that is ours, whether or not we hear of it, is to be free if nobody uses it,
        // but not before it would have been.
        let now = Instant::now();
        let end = End::At(now + DEADLINE + look_ahead);
        let number = fastrand::u64(..);
        let mut place = SharedPlace { rate: self, number, from: now, end };
        let mut question = TAKE.key(&self.name);
        let question = question
            .arg(place.number)
            .arg(self.options.limit.calls.get())
            .arg(as_ms(self.options.taken_for()))
            .arg(as_ms(look_ahead));
        match self.link.ask::<i64>(question).await {
            Ok(..0) => {
                place.end = End::Untaken;
                return Stage::AskAgain(Instant::now() + look_ahead);
            }
            Ok(0) => place.end = End::At(now),
            Ok(wait) => {
                let wait = Duration::from_millis(wait.unsigned_abs());
                place.from = Instant::now() + wait + ONE_MORE;
                place.end = End::At(place.from);
            }
            Err(_) => {
                self.options.unavailable.inc();
            }
        }
        self.keeper.taken(number);
        Stage::Ours(place)
    }
}

impl SharedRateOptions {
    /// How long a place is taken unless its process says more: until one window after the
    /// process fell silent.
    fn taken_for(&self) -> Duration {
        self.hold.saturating_add(self.limit.per)
    }

    /// A call that is under way frees its place one window from now at the earliest, so whoever
    /// asks once in a window misses none.
    fn look_ahead(&self) -> Duration {
        self.limit.per.clamp(SHORTEST_LOOK_AHEAD, LONGEST_LOOK_AHEAD)
    }
}

impl<'a> Agreement<'a> {
    /// An agreement that has to be reached, unless there are no others.
    pub(crate) fn of(rate: Option<&'a SharedRate>) -> Self {
        Self { rate, stage: Stage::Unasked }
    }

    /// Whether the call may start.
    pub(crate) fn is_reached(&self, now: Instant) -> bool {
        self.rate.is_none() || matches!(&self.stage, Stage::Ours(place) if place.from <= now)
    }

    /// Whether the others have all places.
    pub(crate) fn is_refused(&self) -> bool {
        matches!(self.stage, Stage::AskAgain(_))
    }

    /// Asks for a place, or waits for the moment that was answered; not beyond a change.
    pub(crate) async fn seek(&mut self, changed: &Notify) {
        let Some(rate) = self.rate else { return };
        let moment = match &self.stage {
            Stage::Unasked => None,
            Stage::AskAgain(moment) => Some(*moment).filter(|moment| *moment > Instant::now()),
            Stage::Ours(place) => Some(place.from),
        };
        match moment {
            // Either way it is time to look again.
            Some(moment) => timeout_at(moment, changed.notified()).await.unwrap_or_default(),
            None => self.stage = rate.ask().await,
        }
    }

    /// Others may have the place; this process cannot call now.
    pub(crate) fn give_back(&mut self) {
        if matches!(self.stage, Stage::Ours(_)) {
            self.stage = Stage::Unasked;
        }
    }

    /// The place, for a call that starts.
    pub(crate) fn into_place(self) -> Option<SharedPlace<'a>> {
        match self.stage {
            Stage::Ours(place) => Some(place),
            Stage::Unasked | Stage::AskAgain(_) => None,
        }
    }
}

impl SharedPlace<'_> {
    /// The call begins.
    pub(crate) fn begin(&mut self) {
        self.end = End::AfterWindow;
    }
}

impl Drop for SharedPlace<'_> {
    fn drop(&mut self) {
        let free_at = match self.end {
            End::Untaken => return,
            End::At(moment) => moment,
            End::AfterWindow => Instant::now() + self.rate.options.limit.per,
        };
        self.rate.keeper.free(self.number, free_at);
    }
}

#[cfg(test)]
mod tests;
