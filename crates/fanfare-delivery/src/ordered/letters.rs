//! Which keys are blocked, and by what: the dead letters of a destination, as a value.

use std::collections::{BTreeSet, HashMap};

use super::lanes::Key;

/// The letters that are known to lie among the dead ones.
///
/// Each has a stamp: when its event died first, no two alike, kept by replays. So the stamps
/// of a key are in the order of its events, whatever order its letters lie in.
#[derive(Debug, Default)]
pub(super) struct Letters {
    by_key: HashMap<Key, BTreeSet<u64>>,
    /// All of them, those without a key included.
    count: u64,
    last_stamp: u64,
}

impl Letters {
    /// A letter that was found. One from before there were stamps has the time of its death.
    pub(super) fn found(&mut self, key: Option<Key>, stamp: u64) {
        self.count += 1;
        self.remember(key, stamp);
    }

    /// Whether an older letter of its key keeps an event back. `stamp` is the event's own, if
    /// it died before.
    pub(super) fn keep_back(&self, key: &Key, stamp: Option<u64>) -> bool {
        let oldest = self.by_key.get(key).and_then(BTreeSet::first);
        match (oldest, stamp) {
            (None, _) => false,
            (Some(_), None) => true,
            (Some(oldest), Some(own)) => *oldest < own,
        }
    }

    /// The event of a letter goes on, and what is left of the letter keeps nobody back.
    pub(super) fn goes_on(&mut self, key: &Key, stamp: u64) {
        if let Some(stamps) = self.by_key.get_mut(key) {
            stamps.remove(&stamp);
            if stamps.is_empty() {
                self.by_key.remove(key);
            }
        }
    }

    /// An event dies, maybe again: its stamp.
    pub(super) fn dies(&mut self, key: Option<Key>, stamp: Option<u64>, now_ms: u64) -> u64 {
        let stamp = stamp.unwrap_or_else(|| now_ms.max(self.last_stamp + 1));
        self.remember(key, stamp);
        stamp
    }

    /// Its letter is among the dead ones.
    pub(super) fn buried(&mut self) {
        self.count += 1;
    }

    /// How many letters there are.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// How many keys are blocked.
    pub(super) fn blocked_keys(&self) -> usize {
        self.by_key.len()
    }

    fn remember(&mut self, key: Option<Key>, stamp: u64) {
        self.last_stamp = self.last_stamp.max(stamp);
        if let Some(key) = key {
            self.by_key.entry(key).or_default().insert(stamp);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> Key {
        name.into()
    }

    #[test]
    fn one_dead_letter_keeps_back_what_follows_of_its_key_and_nothing_else() {
        let mut letters = Letters::default();
        let stamp = letters.dies(Some(key("a")), None, 100);
        letters.buried();
        assert_eq!((stamp, letters.count()), (100, 1));
        assert!(letters.keep_back(&key("a"), None));
        assert!(!letters.keep_back(&key("b"), None));
        letters.dies(None, None, 100);
        assert_eq!(letters.blocked_keys(), 1, "an event without a key blocks none");
    }

    #[test]
    fn stamps_grow_even_where_the_clock_does_not() {
        let mut letters = Letters::default();
        letters.found(Some(key("a")), 500);
        assert_eq!(letters.dies(Some(key("a")), None, 100), 501);
        assert_eq!(letters.dies(Some(key("a")), None, 100), 502);
    }

    #[test]
    fn replayed_letters_go_on_in_the_order_of_their_deaths() {
        let mut letters = Letters::default();
        for stamp in [1, 2, 3] {
            letters.found(Some(key("a")), stamp);
        }
        assert!(letters.keep_back(&key("a"), Some(2)), "the first has to go before it");
        for stamp in [1, 2, 3] {
            assert!(letters.keep_back(&key("a"), None), "new ones wait for all letters");
            assert!(!letters.keep_back(&key("a"), Some(stamp)));
            letters.goes_on(&key("a"), stamp);
        }
        assert!(!letters.keep_back(&key("a"), None), "with the last one the key is free");
    }

    #[test]
    fn one_that_dies_again_keeps_its_place_before_those_that_died_meanwhile() {
        let mut letters = Letters::default();
        letters.found(Some(key("a")), 1);
        letters.found(Some(key("a")), 9);
        letters.goes_on(&key("a"), 1);
        assert_eq!(letters.dies(Some(key("a")), Some(1), 100), 1);
        assert!(letters.keep_back(&key("a"), Some(9)), "whatever order the letters lie in");
        assert!(!letters.keep_back(&key("a"), Some(1)));
    }
}
