//! What is at hand beside an event that a process may have died of.
//!
//! A process that dies gives back everything that it had at hand, and the broker counts all of
//! it as handed over once more: what the process died of, and who was only in its company. So
//! who has been handed over often is a suspect and attempted with nothing else at hand. Then
//! only that one counts on when the process dies.

/// How much may be at hand.
#[derive(Debug)]
pub(crate) struct Company {
    most: u16,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// As much as is allowed.
    Any,
    /// A suspect came in company, which comes to its end first. Nothing is taken.
    Parting,
    /// One at a time, the last so many no suspects.
    Alone { innocent: u16 },
    /// One at a time was for long enough, and the last one comes to its end. Nothing is taken.
    Joining,
}

/// A message handed over so often before, and never settled, is a suspect.
const SUSPECT: u64 = 10;
/// So often, and it is poison. A suspect that kills is counted twice for each death, since it is
/// given back once to be alone. What else is at hand is counted once: half of the way is theirs.
const POISON: u64 = 20;
/// Company is back once this part of what is at hand then was no suspect, one after the other.
/// Else suspects here and there would have the others given back again and again, and counted.
const PART: u16 = 4;

/// Whether a message that was handed over so often before has killed its consumer.
pub(crate) const fn is_poison(deliveries: u64) -> bool {
    deliveries >= POISON
}

impl Company {
    /// `most` may be at hand where nobody is a suspect.
    pub(crate) fn new(most: u16) -> Self {
        Self { most, state: State::Any }
    }

    /// Whether anything is to be taken.
    pub(crate) fn takes(&self) -> bool {
        matches!(self.state, State::Any | State::Alone { .. })
    }

    /// How much is to be at hand.
    pub(crate) fn prefetch(&self) -> u16 {
        match self.state {
            State::Any | State::Parting => self.most,
            State::Alone { .. } | State::Joining => 1,
        }
    }

    /// A message was taken that was handed over so often before. Whether it may be worked on
    /// now; else it is to be given back.
    pub(crate) fn admits(&mut self, deliveries: u64) -> bool {
        let is_suspect = deliveries >= SUSPECT;
        match self.state {
            // Poison is not attempted, so it needs no care and tells nothing.
            _ if is_poison(deliveries) => {}
            State::Any if is_suspect => {
                self.state = State::Parting;
                return false;
            }
            State::Alone { .. } if is_suspect => self.state = State::Alone { innocent: 0 },
            State::Alone { innocent } if innocent + 1 >= self.most / PART => {
                self.state = State::Joining;
            }
            State::Alone { innocent } => self.state = State::Alone { innocent: innocent + 1 },
            State::Any | State::Parting | State::Joining => {}
        }
        true
    }

    /// Nothing is worked on any more. Whether what is left is to be given back, because from now
    /// on more is at hand, or less.
    pub(crate) fn changes(&mut self) -> bool {
        self.state = match self.state {
            State::Parting => State::Alone { innocent: 0 },
            State::Joining => State::Any,
            State::Any | State::Alone { .. } => return false,
        };
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A queue in front of a consumer that dies of some of its messages.
    struct Queue {
        /// Who they are, and how often each was handed over.
        messages: Vec<(usize, u64)>,
        poison: Vec<usize>,
        delivered: Vec<usize>,
        dead: Vec<usize>,
    }

    impl Queue {
        fn new(messages: usize, poison: &[usize]) -> Self {
            Self {
                messages: (0..messages).map(|message| (message, 0)).collect(),
                poison: poison.to_vec(),
                delivered: Vec::new(),
                dead: Vec::new(),
            }
        }

        /// A process's life, which attempts one after the other; whether it died.
        fn consume(&mut self, most: u16) -> bool {
            let mut company = Company::new(most);
            while !self.messages.is_empty() {
                let at_hand = usize::from(company.prefetch()).min(self.messages.len());
                let (message, count) = self.messages[0];
                assert!(count < 50, "the broker's own limit");
                if company.admits(count) {
                    if is_poison(count) {
                        self.dead.push(message);
                    } else if self.poison.contains(&message) {
                        self.give_back(at_hand);
                        return true;
                    } else {
                        self.delivered.push(message);
                    }
                    self.messages.remove(0);
                }
                if company.changes() {
                    let left = at_hand.min(self.messages.len());
                    self.give_back(left);
                }
            }
            false
        }

        fn give_back(&mut self, count: usize) {
            for (_, deliveries) in &mut self.messages[..count] {
                *deliveries += 1;
            }
        }
    }

    fn deaths(queue: &mut Queue, most: u16) -> usize {
        (0..1000).take_while(|_| queue.consume(most)).count()
    }

    #[test]
    fn a_process_that_dies_of_one_event_fifteen_times_gives_up_that_one_alone() {
        for place in [0, 1, 200, 399] {
            let mut queue = Queue::new(400, &[place]);
            assert_eq!(deaths(&mut queue, 400), 15, "{place}");
            assert_eq!(queue.dead, [place]);
            assert_eq!(queue.delivered.len(), 399);
        }
    }

    #[test]
    fn of_several_that_are_poison_at_the_same_time_no_innocent_dies() {
        let poison = [3, 100, 101];
        let mut queue = Queue::new(400, &poison);
        let deaths = deaths(&mut queue, 400);
        assert_eq!(queue.dead, poison);
        assert_eq!(queue.delivered.len(), 397);
        assert!(deaths <= 15 * poison.len(), "{deaths}");
    }

    #[test]
    fn suspects_here_and_there_make_nobody_look_like_poison() {
        for distance in [2, 3, 50, 100, 101, 399] {
            let mut queue = Queue::new(2000, &[]);
            for (message, deliveries) in &mut queue.messages {
                *deliveries = if message.is_multiple_of(distance) { SUSPECT } else { 0 };
            }
            assert!(!queue.consume(400));
            assert_eq!(queue.delivered.len(), 2000, "one in {distance}");
        }
    }

    #[test]
    fn who_was_never_handed_over_again_has_company() {
        let mut queue = Queue::new(1000, &[]);
        assert!(!queue.consume(100));
        assert_eq!(queue.delivered.len(), 1000);
        let mut company = Company::new(100);
        assert!(company.admits(0) && company.admits(SUSPECT - 1) && company.takes());
        assert!(!company.changes(), "nothing is given back");
    }

    #[test]
    fn a_suspect_waits_until_it_is_alone_and_company_comes_back_after_who_are_none() {
        let mut company = Company::new(8);
        assert!(!company.admits(SUSPECT));
        assert!(!company.takes() && company.changes());
        assert_eq!(company.prefetch(), 1);
        assert!(company.admits(SUSPECT + 1) && company.admits(0) && company.takes());
        assert!(company.admits(SUSPECT) && company.admits(0) && company.takes(), "it starts again");
        assert!(company.admits(POISON) && !company.changes(), "what is given up tells nothing");
        assert!(company.admits(0));
        assert!(!company.takes(), "its ack comes first");
        assert!(company.changes());
        assert_eq!(company.prefetch(), 8);
    }

    #[test]
    fn where_one_is_at_hand_anyway_suspects_stop_nothing() {
        let mut queue = Queue::new(100, &[50]);
        assert!(deaths(&mut queue, 1) <= 20);
        assert_eq!((queue.dead.as_slice(), queue.delivered.len()), (&[50][..], 99));
    }
}
