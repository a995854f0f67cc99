//! Trouble that one event meets alone, again and again, is the event's own.
//!
//! An answer such as 403 is taken for the destination's trouble, and holds everybody. But some
//! APIs answer so to a single event that asks for what we may not do, and such an event would
//! hold everybody each time that it comes round. So an event is believed once: if others were
//! delivered since, it is tried again at its own expense, until its attempts are spent.

use std::num::NonZeroUsize;

use fanfare_events::IdempotencyKey;
use lru::LruCache;

/// Who met trouble, and how often the destination was found well by then.
#[derive(Debug)]
pub(crate) struct Loners {
    met: LruCache<IdempotencyKey, u64>,
    openings: u64,
}

/// More than meet trouble together before the gate is closed, several times over. One that is
/// forgotten is believed once more.
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(1024).unwrap();

impl Default for Loners {
    fn default() -> Self {
        Self { met: LruCache::new(REMEMBERED), openings: 0 }
    }
}

impl Loners {
    /// The event with this key met trouble. Returns whether that is its own.
    pub(crate) fn is_alone(&mut self, key: IdempotencyKey) -> bool {
        match self.met.get(&key) {
            Some(openings) => *openings < self.openings,
            None => {
                self.met.put(key, self.openings);
                false
            }
        }
    }

    /// Others were delivered, and everybody is called for again.
    pub(crate) fn opened(&mut self) {
        self.openings += 1;
    }
}

#[cfg(test)]
mod tests {
    use fanfare_events::{Event, EventId};

    use super::*;

    fn key(number: usize) -> IdempotencyKey {
        let id = EventId::from_key("/tests", &number.to_string());
        let event = Event::builder("user.registered", "/tests").id(id).build().unwrap();
        IdempotencyKey::of(&event, &"crm".parse().unwrap())
    }

    #[test]
    fn an_event_is_believed_until_others_were_delivered_in_spite_of_it() {
        let mut loners = Loners::default();
        assert!(!loners.is_alone(key(1)));
        assert!(!loners.is_alone(key(1)), "a probe that fails again proves nothing");
        loners.opened();
        assert!(!loners.is_alone(key(2)), "another one is believed as well");
        assert!(loners.is_alone(key(1)));
        assert!(loners.is_alone(key(1)), "and it stays alone");
        loners.opened();
        assert!(loners.is_alone(key(1)) && loners.is_alone(key(2)));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut loners = Loners::default();
        for number in 0..2 * REMEMBERED.get() {
            assert!(!loners.is_alone(key(number)));
        }
        assert_eq!(loners.met.len(), REMEMBERED.get());
        loners.opened();
        assert!(!loners.is_alone(key(0)), "forgotten, so believed once more");
    }
}
