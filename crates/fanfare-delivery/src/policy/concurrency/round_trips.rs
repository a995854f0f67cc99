//! What is known of a destination's round trips, and how sure that is.
//!
//! Times are logarithms of seconds, so that means are geometric ones. One call in a hundred
//! that takes fifty times longer is a habit of many APIs: it moves an arithmetic mean by a
//! half, and this one by a twenty-fifth. A crowd slows all calls, and moves both.

use std::time::Duration;

use tokio::time::Instant;

/// Answers that are not judged yet.
#[derive(Debug, Default)]
pub(super) struct Sample {
    /// The limit changed: which calls tell of the new one.
    change: Option<Change>,
    opened: Option<Instant>,
    served: u32,
    sum: f64,
    sum_of_squares: f64,
    sum_of_seconds: f64,
    longest: Duration,
    reached: bool,
}

#[derive(Clone, Copy, Debug)]
struct Change {
    at: Instant,
    settled: Instant,
}

/// What is known of a destination's round trips.
#[derive(Debug)]
pub(super) struct RoundTrips {
    typical: f64,
    /// From call to call.
    variance: f64,
    /// While the destination has no more to do than it can at the same time.
    uncrowded: f64,
    longest: Duration,
}

/// What a sample says, next to what is known.
#[derive(Clone, Copy, Debug)]
pub(super) struct Measured {
    typical: f64,
    uncrowded: f64,
    /// The standard error of `typical`.
    error: f64,
    /// The arithmetic mean, in seconds: what Little's law is about.
    pub(super) seconds: f64,
}

/// ARC's weight of the latest.
const LATEST: f64 = 0.4;
/// Fewer answers are luck, however alike they are.
const FEWEST: u32 = 16;
/// The first sample has nothing to lean on.
const FEWEST_AT_FIRST: u32 = 50;
/// More would make no better judgement, only a later one.
const MOST: u32 = 100;
/// A quarter longer is slow (ln 1.25): so long a queue costs nobody anything, and the sawtooth
/// around the right limit stays below it.
const SLOW: f64 = 0.223_143_551;
/// Longer by so many standard errors is no accident. ARC has 2.5, and one comparison fewer.
const SURE: f64 = 3.0;
/// Looked at once per round, so that it needs more.
const SURE_AT_FIRST_SIGHT: f64 = 4.0;
/// A server on the same machine answers in 50 µs, and in 2 ms when the scheduler looks
/// elsewhere. By waits this short nobody gains anything with fewer calls.
const LEAST_WAIT: f64 = 0.005;

impl Sample {
    /// A sample of what a changed limit does, once that can be seen.
    pub(super) fn after_change(now: Instant, settling: Duration) -> Self {
        let change = Change { at: now, settled: now + settling };
        Self { change: Some(change), ..Self::default() }
    }

    pub(super) fn limit_reached(&mut self) {
        self.reached = true;
    }

    /// Whether the destination was given all that the limit allows.
    pub(super) fn reached(&self) -> bool {
        self.reached
    }

    pub(super) fn add(&mut self, now: Instant, took: Duration) {
        if self.change.is_some_and(|change| now < change.settled || now - change.at < took) {
            return;
        }
        let seconds = took.max(Duration::from_micros(1)).as_secs_f64();
        let time = seconds.ln();
        self.opened.get_or_insert(now);
        self.served += 1;
        self.sum += time;
        self.sum_of_squares += time * time;
        self.sum_of_seconds += seconds;
        self.longest = self.longest.max(took);
    }

    /// Whether it can be judged; `at_first_sight`, also when it is small and terrible.
    pub(super) fn is_enough(
        &self,
        known: Option<&RoundTrips>,
        at_first_sight: bool,
        now: Instant,
    ) -> bool {
        let Some(known) = known else { return self.served >= FEWEST_AT_FIRST };
        // Answers come in waves where some calls take much longer than others: those that
        // started together. A sample spans a whole wave.
        let spans_a_wave = self.opened.is_some_and(|opened| now - opened >= known.settling());
        if self.served < FEWEST || !spans_a_wave {
            return false;
        }
        let error = self.error(known.variance);
        let longer = self.typical() - known.uncrowded;
        self.served >= MOST
            || SURE * error <= SLOW
            || at_first_sight && longer >= SLOW.max(SURE_AT_FIRST_SIGHT * error)
    }

    /// The round trip, as far as is known from it.
    pub(super) fn round_trip(&self) -> Option<Duration> {
        (self.served > 0).then(|| Duration::from_secs_f64(self.typical().exp()))
    }

    fn typical(&self) -> f64 {
        self.sum / f64::from(self.served)
    }

    fn variance(&self) -> f64 {
        let typical = self.typical();
        (self.sum_of_squares / f64::from(self.served) - typical * typical).max(0.0)
    }

    /// Of the typical time. A sample whose answers are more alike than usual is still small.
    fn error(&self, known_variance: f64) -> f64 {
        (self.variance().max(known_variance) / f64::from(self.served)).sqrt()
    }
}

impl RoundTrips {
    /// From a first sample, which is never empty.
    pub(super) fn new(sample: &Sample) -> Self {
        let typical = sample.typical();
        let variance = sample.variance();
        Self { typical, variance, uncrowded: typical, longest: sample.longest }
    }

    /// The round trip as it is.
    pub(super) fn typical(&self) -> Duration {
        Duration::from_secs_f64(self.typical.exp())
    }

    /// After how long the calls of before have ended, all but a few that weigh nothing.
    pub(super) fn settling(&self) -> Duration {
        let nearly_all = (self.typical + SURE * self.variance.sqrt()).exp();
        self.longest.min(Duration::try_from_secs_f64(nearly_all).unwrap_or(self.longest))
    }

    pub(super) fn observe(&mut self, sample: &Sample) -> Measured {
        self.typical += LATEST * (sample.typical() - self.typical);
        self.variance += LATEST * (sample.variance() - self.variance);
        self.longest = sample.longest.max(self.longest * 9 / 10);
        let measured = Measured {
            typical: sample.typical(),
            uncrowded: self.uncrowded,
            error: sample.error(self.variance),
            seconds: sample.sum_of_seconds / f64::from(sample.served),
        };
        // Nobody is faster than uncrowded, so the destination got faster. Only if it is sure:
        // the lowest of many samples is always lower than most.
        if measured.longer() < -SURE * measured.error {
            self.uncrowded_towards(&measured);
        }
        measured
    }

    pub(super) fn uncrowded_is(&mut self, measured: &Measured) {
        self.uncrowded = measured.typical;
    }

    pub(super) fn uncrowded_at_most(&mut self, measured: &Measured) {
        self.uncrowded = self.uncrowded.min(measured.typical);
    }

    fn uncrowded_towards(&mut self, measured: &Measured) {
        self.uncrowded += LATEST * (measured.typical - self.uncrowded);
    }
}

impl Measured {
    /// Calls wait for each other.
    pub(super) fn is_slow(&self) -> bool {
        self.longer() >= SLOW.max(SURE * self.error)
            && self.typical.exp() - self.uncrowded.exp() >= LEAST_WAIT
    }

    /// Not a little slow: at least twice as long as uncrowded.
    pub(super) fn is_doubled(&self) -> bool {
        self.longer() >= 2_f64.ln()
    }

    /// Whether there is a wait worth saving at all.
    pub(super) fn could_be_faster(&self) -> bool {
        self.typical.exp() >= LEAST_WAIT
    }

    /// Whether half of the calls take away at least half of the wait that they can: all of it,
    /// or as much as halves the time.
    pub(super) fn is_relieved_since(&self, before: &Self) -> bool {
        before.typical - self.typical >= before.longer().min(2_f64.ln()) / 2.0
    }

    /// Faster by as much as counts as slow.
    pub(super) fn is_clearly_faster_than(&self, before: &Self) -> bool {
        before.typical - self.typical >= SLOW
    }

    /// The logarithm of the factor by which it is longer than uncrowded.
    fn longer(&self) -> f64 {
        self.typical - self.uncrowded
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn sample(times: impl IntoIterator<Item = Duration>) -> Sample {
        let now = Instant::now();
        let mut sample = Sample::default();
        times.into_iter().for_each(|took| sample.add(now, took));
        sample
    }

    #[test]
    fn a_few_calls_that_take_much_longer_hardly_count() {
        let even = RoundTrips::new(&sample(vec![100 * MS; 100])).typical();
        let mut times = vec![100 * MS; 99];
        times.push(5_000 * MS);
        let tail = RoundTrips::new(&sample(times)).typical();
        assert_eq!(even.as_millis(), 100);
        assert_eq!(tail.as_millis(), 103);
    }

    #[test]
    fn the_more_calls_vary_the_more_of_them_make_a_sample() {
        let enough = |spread: u32| {
            let times = |calls: u32| (0..calls).map(move |call| MS * (100 + spread * (call % 2)));
            let known = RoundTrips::new(&sample(times(100)));
            let later = Instant::now() + Duration::from_secs(10);
            let calls = 1..=MOST;
            calls.into_iter().find(|n| sample(times(*n)).is_enough(Some(&known), false, later))
        };
        assert_eq!(enough(0), Some(FEWEST));
        assert_eq!(enough(100), Some(22));
        assert_eq!(enough(1_000), Some(MOST));
    }

    #[test]
    fn after_a_change_only_what_it_did_is_measured() {
        let now = Instant::now();
        let mut sample = Sample::after_change(now, 100 * MS);
        for (after, took, counts) in [(50, 40, false), (150, 200, false), (150, 100, true)] {
            let before = sample.served;
            sample.add(now + MS * after, MS * took);
            assert_eq!(sample.served > before, counts, "{took} ms, {after} ms later");
        }
    }

    #[test]
    fn slow_is_a_quarter_more_and_five_milliseconds() {
        for (uncrowded, now, slow) in [
            (100, 124, false),
            (100, 126, true),
            (1, 4, false),
            (1, 7, true),
            (10_000, 12_400, false),
            (10_000, 12_600, true),
        ] {
            let mut known = RoundTrips::new(&sample(vec![MS * uncrowded; 50]));
            let measured = known.observe(&sample(vec![MS * now; 50]));
            assert_eq!(measured.is_slow(), slow, "{now} instead of {uncrowded} ms");
        }
    }

    #[test]
    fn what_is_uncrowded_falls_by_itself_and_does_not_rise() {
        let mut known = RoundTrips::new(&sample(vec![100 * MS; 50]));
        for _ in 0..100 {
            let measured = known.observe(&sample(vec![200 * MS; 50]));
            assert!(measured.is_slow() && measured.is_doubled());
        }
        for _ in 0..100 {
            known.observe(&sample(vec![50 * MS; 50]));
        }
        assert!(known.observe(&sample(vec![100 * MS; 50])).is_slow());
    }
}
