//! Which message was returned: the client library knows, but tells the wrong one.
//!
//! The broker sends a return before the ack of the same publish. The library keeps
//! returns in one FIFO and hands the oldest to whichever confirm resolves next. So:
//!
//! - a confirm that carries nothing resolved while the FIFO was empty: had its own
//!   message been returned, some confirm resolved before it carries that return;
//! - a confirm that carries somebody else's return proves nothing about its own
//!   message. It is kept back until a confirm of a later publish carries nothing,
//!   or until nothing is outstanding, for the FIFO was empty then.

use std::collections::HashMap;

/// A confirm that resolved.
#[derive(Clone, Debug)]
pub(super) struct Resolved {
    /// Position of the publish on its channel.
    pub(super) seq: u64,
    /// The message's own id.
    pub(super) id: String,
    /// Whether the broker acked it.
    pub(super) acked: bool,
    /// The id of the returned message that the library attached.
    pub(super) carried: Option<String>,
}

/// What became of a publish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Every queue it was routed to has it.
    Routed,
    /// No queue takes it.
    Unrouted,
    /// The broker refused it.
    Nacked,
}

/// Attributes returns on one channel.
#[derive(Debug, Default)]
pub(super) struct Attribution {
    /// Returned messages whose own confirm was not seen yet; a count, because one
    /// id may be published twice.
    returned: HashMap<String, usize>,
    kept_back: Vec<KeptBack>,
}

#[derive(Debug)]
struct KeptBack {
    seq: u64,
    id: String,
    /// Confirms of publishes after this one resolve later than this confirm did.
    fence: u64,
}

impl Attribution {
    /// Takes all confirms that have resolved since the last call, and says what is certain now.
    ///
    /// `last_published` is the channel's last publish so far, `outstanding` how many
    /// confirms have not resolved.
    pub(super) fn settle(
        &mut self,
        batch: Vec<Resolved>,
        last_published: u64,
        outstanding: usize,
    ) -> Vec<(u64, Verdict)> {
        for carried in batch.iter().filter_map(|resolved| resolved.carried.as_ref()) {
            *self.returned.entry(carried.clone()).or_default() += 1;
        }
        let last_empty_handed =
            batch.iter().filter(|r| r.carried.is_none()).map(|r| r.seq).max().unwrap_or(0);

        let mut verdicts = Vec::with_capacity(batch.len());
        for Resolved { seq, id, acked, carried } in batch {
            if !acked {
                verdicts.push((seq, Verdict::Nacked));
            } else if self.take_return(&id) {
                verdicts.push((seq, Verdict::Unrouted));
            } else if carried.is_none() {
                verdicts.push((seq, Verdict::Routed));
            } else {
                self.kept_back.push(KeptBack { seq, id, fence: last_published });
            }
        }
        for kept in std::mem::take(&mut self.kept_back) {
            if self.take_return(&kept.id) {
                verdicts.push((kept.seq, Verdict::Unrouted));
            } else if outstanding == 0 || last_empty_handed > kept.fence {
                verdicts.push((kept.seq, Verdict::Routed));
            } else {
                self.kept_back.push(kept);
            }
        }
        verdicts
    }

    fn take_return(&mut self, id: &str) -> bool {
        // The common case by far is a channel on which nothing is ever returned.
        if self.returned.is_empty() {
            return false;
        }
        let Some(count) = self.returned.get_mut(id) else { return false };
        *count -= 1;
        if *count == 0 {
            self.returned.remove(id);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, VecDeque};

    use proptest::prelude::*;

    use super::*;

    /// The broker and the client library, as far as returns and confirms go.
    struct Library {
        fifo: VecDeque<String>,
        pending: Vec<(u64, Verdict)>,
        resolved: Vec<Resolved>,
    }

    impl Library {
        fn publish(&mut self, seq: u64, fate: Verdict) {
            if fate == Verdict::Unrouted {
                self.fifo.push_back(id_of(seq));
            }
            self.pending.push((seq, fate));
        }

        fn confirm(&mut self, index: usize) {
            let (seq, fate) = self.pending.remove(index % self.pending.len());
            self.resolved.push(Resolved {
                seq,
                id: id_of(seq),
                acked: fate != Verdict::Nacked,
                carried: self.fifo.pop_front(),
            });
        }
    }

    fn id_of(seq: u64) -> String {
        format!("message-{seq}")
    }

    #[derive(Clone, Debug)]
    enum Step {
        Publish(Verdict),
        Confirm(usize),
        Look,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let fate = prop_oneof![
            4 => Just(Verdict::Routed),
            3 => Just(Verdict::Unrouted),
            1 => Just(Verdict::Nacked)
        ];
        let step = prop_oneof![
            4 => fate.prop_map(Step::Publish),
            4 => any::<usize>().prop_map(Step::Confirm),
            1 => Just(Step::Look)
        ];
        prop::collection::vec(step, 1..200)
    }

    proptest! {
        #[test]
        fn every_message_gets_its_own_verdict_in_any_order(steps in steps()) {
            let mut library =
                Library { fifo: VecDeque::new(), pending: Vec::new(), resolved: Vec::new() };
            let mut attribution = Attribution::default();
            let (mut fates, mut told) = (BTreeMap::new(), BTreeMap::new());
            let mut seq = 0;

            for step in steps.into_iter().chain([Step::Look]) {
                match step {
                    Step::Publish(fate) => {
                        seq += 1;
                        fates.insert(seq, fate);
                        library.publish(seq, fate);
                    }
                    Step::Confirm(index) if !library.pending.is_empty() => library.confirm(index),
                    Step::Confirm(_) => {}
                    Step::Look => {
                        let batch = std::mem::take(&mut library.resolved);
                        told.extend(attribution.settle(batch, seq, library.pending.len()));
                    }
                }
            }
            while !library.pending.is_empty() {
                library.confirm(0);
            }
            told.extend(attribution.settle(library.resolved, seq, 0));
            prop_assert_eq!(told, fates);
        }
    }

    #[test]
    fn a_confirm_with_a_strangers_return_waits_for_certainty() {
        let mut attribution = Attribution::default();
        let resolved = |seq, carried: Option<u64>| Resolved {
            seq,
            id: id_of(seq),
            acked: true,
            carried: carried.map(id_of),
        };
        assert_eq!(attribution.settle(vec![resolved(1, Some(2))], 3, 2), []);
        // Published before the fence: it may have resolved earlier.
        assert_eq!(attribution.settle(vec![resolved(3, None)], 4, 2), [(3, Verdict::Routed)]);
        assert_eq!(
            attribution.settle(vec![resolved(4, None)], 4, 1),
            [(4, Verdict::Routed), (1, Verdict::Routed)]
        );
        assert_eq!(attribution.settle(vec![resolved(2, None)], 4, 0), [(2, Verdict::Unrouted)]);
    }
}
