//! What each replica is troubled by, as far as it said so: for people to see, nothing follows
//! from it.

/// Trouble that one replica has met, and sits out by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Troubled {
    /// The replica.
    pub replica: String,
    /// Since when, in milliseconds since the epoch.
    pub since_ms: u64,
    /// When it was last heard of.
    pub said_ms: u64,
    /// When it tries again.
    pub until_ms: u64,
    /// What kind of trouble, in a word.
    pub trouble: String,
    /// What happened, in a sentence.
    pub why: String,
}

/// The last word of each replica that is troubled, the latest at the end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Troubles(Vec<Troubled>);

/// A replica that tries again says how it went; one that has died says no more. After so long
/// without a word it is forgotten, in milliseconds.
const SILENCE_MS: u64 = 2 * 60 * 1000;
/// More replicas than anybody runs: whoever was silent longest is forgotten.
const MOST: usize = 100;

impl Troubles {
    pub(super) fn said(&mut self, word: Troubled) {
        let before = self.over(&word.replica);
        let since_ms = before.map_or(word.since_ms, |before| before.since_ms);
        if self.0.len() == MOST {
            self.0.remove(0);
        }
        self.0.push(Troubled { since_ms, ..word });
    }

    /// The replica is well, or waits together with the others.
    pub(super) fn over(&mut self, replica: &str) -> Option<Troubled> {
        let place = self.0.iter().position(|troubled| troubled.replica == replica)?;
        Some(self.0.remove(place))
    }

    pub(super) fn at(&self, now_ms: u64) -> impl DoubleEndedIterator<Item = &Troubled> {
        self.0.iter().filter(move |word| word.until_ms.saturating_add(SILENCE_MS) > now_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const T: u64 = 1_000_000;

    fn word(replica: &str, said_ms: u64) -> Troubled {
        Troubled {
            replica: replica.into(),
            since_ms: said_ms,
            said_ms,
            until_ms: said_ms + 1000,
            trouble: "unauthorized".into(),
            why: "the API answered 401 Unauthorized".into(),
        }
    }

    fn seen(troubles: &Troubles, now_ms: u64) -> Vec<(&str, u64, u64)> {
        troubles.at(now_ms).map(|one| (one.replica.as_str(), one.since_ms, one.said_ms)).collect()
    }

    #[test]
    fn the_last_word_of_each_counts_and_its_trouble_began_when_it_began() {
        let mut troubles = Troubles::default();
        for (replica, at) in [("a", T), ("b", T + 1), ("a", T + 5)] {
            troubles.said(word(replica, at));
        }
        assert_eq!(seen(&troubles, T + 5), [("b", T + 1, T + 1), ("a", T, T + 5)]);
        troubles.over("a");
        troubles.over("c");
        assert_eq!(seen(&troubles, T + 5), [("b", T + 1, T + 1)]);
        troubles.said(word("a", T + 9));
        assert_eq!(seen(&troubles, T + 9), [("b", T + 1, T + 1), ("a", T + 9, T + 9)]);
    }

    #[test]
    fn a_replica_that_says_no_more_is_forgotten() {
        let mut troubles = Troubles::default();
        troubles.said(word("a", T));
        assert_eq!(seen(&troubles, T + 1000 + SILENCE_MS - 1).len(), 1);
        assert_eq!(seen(&troubles, T + 1000 + SILENCE_MS), []);
    }

    #[test]
    fn there_is_room_for_so_many() {
        let mut troubles = Troubles::default();
        for number in 0..=MOST {
            troubles.said(word(&number.to_string(), T));
        }
        let replicas: Vec<_> = troubles.at(T).map(|one| one.replica.clone()).collect();
        assert_eq!((replicas.len(), replicas[0].as_str()), (MOST, "1"));
    }
}
