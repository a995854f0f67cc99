//! When a table is looked at for new rows. Pure: time is an argument.

use std::time::Duration;

use tokio::time::Instant;

/// The pace of looking.
///
/// A row is announced before its transaction commits, and nobody can say when that is. So after
/// an announcement, and after a row was found, looks come in quick succession and then grow
/// rarer, until there is one every so often for what nobody announced.
#[derive(Debug)]
pub(super) struct Look {
    poll: Duration,
    pause: Duration,
    last: Option<Instant>,
    at: Instant,
    full_at: Instant,
}

/// The shortest time between two looks.
const QUICK: Duration = Duration::from_millis(1);

/// How often everything pending is looked at, however much is at hand.
const FULL_LOOK_EVERY: Duration = Duration::from_secs(1);

impl Look {
    /// Looks at once, and then at least every `poll`.
    pub(super) fn new(poll: Duration, now: Instant) -> Self {
        Self { poll, pause: QUICK, last: None, at: now, full_at: now }
    }

    /// When to look next.
    pub(super) fn at(&self) -> Instant {
        self.at
    }

    /// Something was announced.
    pub(super) fn soon(&mut self, now: Instant) {
        self.pause = QUICK;
        let earliest = self.last.map_or(now, |last| last + QUICK);
        self.at = self.at.min(earliest.max(now));
    }

    /// A look has ended: whether it found nothing, and whether it found all that there is.
    pub(super) fn looked(&mut self, now: Instant, nothing: bool, all: bool) {
        self.last = Some(now);
        if !all {
            self.at = now;
            return;
        }
        self.pause = if nothing { (self.pause * 2).min(self.poll) } else { QUICK };
        self.at = now + self.pause;
    }

    /// Whether it is time to look from the first row on.
    pub(super) fn is_full_look_due(&self, now: Instant) -> bool {
        now >= self.full_at
    }

    /// This look begins at the first row.
    pub(super) fn looks_fully(&mut self, now: Instant) {
        self.full_at = now + FULL_LOOK_EVERY;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLL: Duration = Duration::from_millis(20);

    #[test]
    fn looks_are_quick_after_an_announcement_and_grow_rarer() {
        let mut now = Instant::now();
        let mut look = Look::new(POLL, now);
        look.soon(now);
        let mut pauses = Vec::new();
        for _ in 0..7 {
            look.looked(now, true, true);
            pauses.push((look.at() - now).as_millis());
            now = look.at();
        }
        assert_eq!(pauses, [2, 4, 8, 16, 20, 20, 20]);
        look.looked(now, false, true);
        assert_eq!(look.at() - now, QUICK);
    }

    #[test]
    fn announcements_do_not_make_it_look_more_than_once_a_millisecond() {
        let now = Instant::now();
        let mut look = Look::new(POLL, now);
        look.looked(now, true, true);
        look.soon(now);
        assert_eq!(look.at(), now + QUICK);
        look.looked(now, false, false);
        assert_eq!(look.at(), now, "there is more to read");
    }
}
