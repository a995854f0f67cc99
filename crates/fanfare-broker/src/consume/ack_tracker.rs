//! Which deliveries of a channel are settled, and the fewest acks that say so.
//!
//! A run of settled deliveries from the oldest on is one ack with `multiple`. One
//! that waits behind a slow delivery is acked singly after a few milliseconds, so
//! that a crash repeats no more than it must. One ack per wake instead of one per
//! delivery is worth a third of the engine's throughput (measured).

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// How long a settled delivery waits for the ones before it.
const PATIENCE: Duration = Duration::from_millis(5);

/// The deliveries of one channel; tags count up from 1 without a gap.
#[derive(Debug)]
pub(super) struct AckTracker {
    /// The tag of the first slot.
    first: u64,
    slots: VecDeque<Slot>,
    /// Settled ones that may turn out to wait behind a slow one, oldest first.
    waiting: VecDeque<(u64, Instant)>,
    requeued: Vec<u64>,
    rejected: Vec<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Slot {
    Unsettled(Instant),
    Settled,
    /// The broker has been told already.
    Told,
}

/// What the broker is to be told.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Flush {
    /// Ack everything up to this tag.
    pub(super) through: Option<u64>,
    /// Ack these singly.
    pub(super) singly: Vec<u64>,
    /// Give these back.
    pub(super) requeue: Vec<u64>,
    /// Dead-letter these.
    pub(super) reject: Vec<u64>,
    /// When to look again, if nothing happens before.
    pub(super) again_at: Option<Instant>,
}

/// What settles everything up to a tag that has not been told yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    Ack { through: u64 },
    Requeue { through: u64 },
}

impl Flush {
    /// Whether there is nothing to tell.
    pub(super) fn is_empty(&self) -> bool {
        self.through.is_none()
            && self.singly.is_empty()
            && self.requeue.is_empty()
            && self.reject.is_empty()
    }
}

impl AckTracker {
    pub(super) fn new() -> Self {
        Self {
            first: 1,
            slots: VecDeque::new(),
            waiting: VecDeque::new(),
            requeued: Vec::new(),
            rejected: Vec::new(),
        }
    }

    /// A delivery arrived.
    pub(super) fn delivered(&mut self, tag: u64, now: Instant) {
        debug_assert_eq!(tag, self.first + self.slots.len() as u64, "tags have no gap");
        self.slots.push_back(Slot::Unsettled(now));
    }

    /// A delivery is done with.
    pub(super) fn settle(&mut self, tag: u64, now: Instant) {
        if let Some(slot) = self.unsettled(tag) {
            *slot = Slot::Settled;
            self.waiting.push_back((tag, now));
        }
    }

    /// A delivery goes back to the queue.
    pub(super) fn requeue(&mut self, tag: u64) {
        if let Some(slot) = self.unsettled(tag) {
            *slot = Slot::Told;
            self.requeued.push(tag);
        }
    }

    /// A delivery is the broker's to dead-letter.
    pub(super) fn reject(&mut self, tag: u64) {
        if let Some(slot) = self.unsettled(tag) {
            *slot = Slot::Told;
            self.rejected.push(tag);
        }
    }

    /// Since when the oldest delivery that is not settled has been here.
    pub(super) fn oldest_unsettled(&self) -> Option<Instant> {
        self.slots.iter().find_map(|slot| match slot {
            Slot::Unsettled(since) => Some(*since),
            Slot::Settled | Slot::Told => None,
        })
    }

    /// What to tell the broker now. Whatever is returned counts as told.
    pub(super) fn flush(&mut self, now: Instant) -> Flush {
        let mut flush = Flush {
            requeue: std::mem::take(&mut self.requeued),
            reject: std::mem::take(&mut self.rejected),
            ..Flush::default()
        };
        while let Some(slot @ (Slot::Settled | Slot::Told)) = self.slots.front().copied() {
            // The broker answers an unknown tag with 406, so a run may end only with
            // a tag that it has not heard of yet.
            if slot == Slot::Settled {
                flush.through = Some(self.first);
            }
            self.slots.pop_front();
            self.first += 1;
        }
        while let Some((tag, since)) = self.waiting.front().copied() {
            if tag >= self.first {
                if since + PATIENCE > now {
                    flush.again_at = Some(since + PATIENCE);
                    break;
                }
                if let Some(slot @ Slot::Settled) = self.slot(tag) {
                    *slot = Slot::Told;
                    flush.singly.push(tag);
                }
            }
            self.waiting.pop_front();
        }
        flush
    }

    /// All that is settled and not told, without waiting for what may come before it.
    pub(super) fn flush_now(&mut self) -> Flush {
        self.flush(Instant::now() + PATIENCE)
    }

    /// The fewest words for all that the broker has not been told, before the channel
    /// closes: then what is not settled goes back anyway, and need not be spared.
    pub(super) fn last_words(&self) -> Vec<Word> {
        let mut words: Vec<Word> = Vec::new();
        for (through, slot) in (self.first..).zip(&self.slots) {
            let goes_back = match slot {
                Slot::Settled => false,
                Slot::Unsettled(_) => true,
                Slot::Told if self.requeued.contains(&through) => true,
                // It was not said, so it comes again and is rejected then.
                Slot::Told if self.rejected.contains(&through) => true,
                Slot::Told => continue,
            };
            match (goes_back, words.last_mut()) {
                (false, Some(Word::Ack { through: last }))
                | (true, Some(Word::Requeue { through: last })) => *last = through,
                (false, _) => words.push(Word::Ack { through }),
                (true, _) => words.push(Word::Requeue { through }),
            }
        }
        // The channel's end says it as well.
        if let Some(Word::Requeue { .. }) = words.last() {
            words.pop();
        }
        words
    }

    fn unsettled(&mut self, tag: u64) -> Option<&mut Slot> {
        self.slot(tag).filter(|slot| matches!(slot, Slot::Unsettled(_)))
    }

    fn slot(&mut self, tag: u64) -> Option<&mut Slot> {
        let index = usize::try_from(tag.checked_sub(self.first)?).ok()?;
        self.slots.get_mut(index)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn with_deliveries(count: u64, now: Instant) -> AckTracker {
        let mut tracker = AckTracker::new();
        for tag in 1..=count {
            tracker.delivered(tag, now);
        }
        tracker
    }

    #[test]
    fn a_run_from_the_oldest_is_one_ack() {
        let now = Instant::now();
        let mut tracker = with_deliveries(4, now);
        for tag in [2, 1, 3] {
            tracker.settle(tag, now);
        }
        assert_eq!(tracker.flush(now), Flush { through: Some(3), ..Flush::default() });
        assert_eq!(tracker.flush(now), Flush::default());
        assert_eq!(tracker.oldest_unsettled(), Some(now));
    }

    #[test]
    fn one_that_waits_too_long_is_acked_singly_and_never_named_again() {
        let now = Instant::now();
        let mut tracker = with_deliveries(3, now);
        tracker.settle(3, now);
        assert_eq!(
            tracker.flush(now),
            Flush { again_at: Some(now + PATIENCE), ..Flush::default() }
        );
        let later = now + PATIENCE;
        assert_eq!(tracker.flush(later), Flush { singly: vec![3], ..Flush::default() });

        tracker.settle(1, later);
        tracker.settle(2, later);
        // Through 2, not through 3: the broker does not know tag 3 any more.
        assert_eq!(tracker.flush(later), Flush { through: Some(2), ..Flush::default() });
        assert_eq!(tracker.oldest_unsettled(), None);
    }

    #[test]
    fn what_is_given_back_is_neither_acked_nor_settled_twice() {
        let now = Instant::now();
        let mut tracker = with_deliveries(2, now);
        tracker.requeue(1);
        tracker.settle(1, now);
        tracker.settle(2, now);
        assert_eq!(
            tracker.flush(now),
            Flush { through: Some(2), requeue: vec![1], ..Flush::default() }
        );
    }

    #[test]
    fn the_last_words_are_one_for_each_run_and_spare_what_the_broker_knows() {
        let now = Instant::now();
        let mut tracker = with_deliveries(9, now);
        for tag in [1, 3, 5, 7] {
            tracker.settle(tag, now);
        }
        tracker.requeue(6);
        assert_eq!(tracker.flush(now).through, Some(1));
        assert_eq!(
            tracker.last_words(),
            [
                Word::Requeue { through: 2 },
                Word::Ack { through: 3 },
                Word::Requeue { through: 4 },
                Word::Ack { through: 7 }
            ],
            "6 is told, 8 and 9 go back with the channel"
        );

        tracker.settle(2, now);
        tracker.requeue(4);
        tracker.settle(9, now);
        assert_eq!(
            tracker.last_words(),
            [
                Word::Ack { through: 3 },
                Word::Requeue { through: 4 },
                Word::Ack { through: 7 },
                Word::Requeue { through: 8 },
                Word::Ack { through: 9 }
            ],
            "the broker does not know yet that 4 goes back"
        );
        assert_eq!(AckTracker::new().last_words(), []);
    }

    proptest! {
        #[test]
        fn the_broker_hears_of_each_tag_once_and_never_of_an_unsettled_one(
            steps in prop::collection::vec((1u64..60, 0u64..4, any::<bool>()), 1..200)
        ) {
            let mut now = Instant::now();
            let mut tracker = with_deliveries(60, now);
            let (mut settled, mut told) = (BTreeSet::new(), BTreeSet::new());
            for (tag, ms, flush) in steps {
                now += Duration::from_millis(ms);
                tracker.settle(tag, now);
                settled.insert(tag);
                if !flush { continue }
                let Flush { through, singly, .. } = tracker.flush(now);
                if let Some(through) = through {
                    prop_assert!(!told.contains(&through), "{through} is unknown to the broker");
                    for tag in 1..=through {
                        prop_assert!(settled.contains(&tag), "{tag} was acked unsettled");
                        told.insert(tag);
                    }
                }
                for tag in singly {
                    prop_assert!(settled.contains(&tag) && told.insert(tag));
                }
            }
            now += PATIENCE;
            let last = tracker.flush(now);
            told.extend(last.singly);
            told.extend(1..=last.through.unwrap_or(0));
            prop_assert_eq!(told, settled);
        }
    }
}
