//! Facts of a run in which all is well, to be spoilt by the tests one by one.

use std::path::PathBuf;

use fanfare_broker::Cause;
use fanfare_sandbox::mock::{KeyTally, RequestRecord};

use super::case::{Case, Known, expected_content};
use super::finding::Finding;
use crate::facts::{
    AtDestination, DeadLetter, Facts, Fresh, Published, Replay, Replayed, WithoutLedger,
};
use crate::inject::{BadMessage, BadSort, Happened};
use crate::load::{DESTINATIONS, Fate, Name, event, fate};
use crate::plan::{Kind, Plan, Planned};
use crate::stage::{End, Life, Role};
use crate::watch::{Recording, Sample, Usage};

pub(super) const HUBSPOT: usize = 0;
pub(super) const SENDGRID: usize = 1;
pub(super) const WEBHOOK: usize = 2;

/// Some moment; times in tests are milliseconds after it.
const ZERO_MS: f64 = 1_795_000_000_000.0;

/// Event number n is published 100 n ms after zero, and called for 50 ms later.
const EACH_MS: f64 = 100.0;
const CALL_MS: f64 = 50.0;

#[derive(Clone, Debug)]
pub(super) struct Build {
    pub(super) facts: Facts,
}

impl Default for Build {
    fn default() -> Self {
        let lives = (0..DESTINATIONS.len()).flat_map(|destination| {
            (0..2).map(move |place| Life {
                role: Role::Consumer(destination),
                pid: pid(destination, place),
                log: PathBuf::from("a.log"),
                began_ms: ZERO_MS - 10_000.0,
                asked_ms: Some(ZERO_MS + 100_000.0),
                ended: Some((ZERO_MS + 100_200.0, End::Stopped(0))),
            })
        });
        let facts = Facts {
            plan: Plan { seed: 1, seconds: 60.0, faults: vec![], shares_ledger: [false; 3] },
            happened: vec![],
            published: vec![],
            bad: vec![],
            destinations: vec![AtDestination::default(); 3],
            parked: 0,
            lives: lives.collect(),
            recording: Recording { began_ms: ZERO_MS, ..Recording::default() },
            without_ledger: vec![],
            healed_ms: ZERO_MS + 60_000.0,
            drained_ms: Some(ZERO_MS + 65_000.0),
            left: 0,
            fresh: Fresh { is_confirmed: true, took_ms: [Some(20.0); 3] },
            replay: Replay::default(),
            leaks: vec![],
            searched: 10_000,
        };
        Self { facts }
    }
}

impl Build {
    pub(super) fn check(&self, check: impl Fn(&Case<'_>) -> Finding) -> Finding {
        check(&Case::of(&self.facts))
    }

    pub(super) fn name(number: u64) -> Name {
        Name { producer: 0, number }
    }

    pub(super) fn once() -> KeyTally {
        KeyTally { accepted: 1, effects: 1 }
    }

    pub(super) fn without_ledger(destination: usize, after_ms: f64) -> WithoutLedger {
        let from_ms = ZERO_MS + after_ms;
        WithoutLedger { destination, from_ms, until_ms: from_ms + 1_000.0 }
    }

    /// Published, and delivered wherever it is wanted.
    pub(super) fn delivered(mut self, number: u64) -> Self {
        let known = self.publish(number, true);
        for (destination, key) in known.wanted() {
            self = self.take(destination, &known, &key, at(number) + CALL_MS);
        }
        self
    }

    /// Published, and delivered to one destination so much later.
    pub(super) fn delivered_at(mut self, destination: usize, number: u64, after_ms: f64) -> Self {
        let known = self.publish(number, true);
        let key = known.keys[destination].clone().unwrap();
        self = self.take(destination, &known, &key, ZERO_MS + after_ms);
        self
    }

    /// Published, and nobody wants it.
    pub(super) fn unwanted(mut self, number: u64) -> Self {
        self.publish(number, false);
        self
    }

    /// Begun, and not confirmed.
    pub(super) fn unconfirmed(mut self, number: u64) -> Self {
        self.publish(number, true);
        let published = self.facts.published.last_mut().unwrap();
        (published.is_confirmed, published.routed, published.answered_ms) = (false, None, None);
        self
    }

    /// Published, refused and dead wherever it is wanted.
    pub(super) fn refused(self, number: u64) -> Self {
        self.refused_with(number, Cause::Rejected)
    }

    pub(super) fn refused_with(mut self, number: u64, cause: Cause) -> Self {
        let known = self.publish(number, true);
        let Fate::Refused(status) = fate(number) else {
            for (destination, key) in known.wanted() {
                self.letter(destination, &known, &key, cause, 503, at(number) + CALL_MS + 20.0);
            }
            return self;
        };
        for (destination, key) in known.wanted() {
            let status = DESTINATIONS[destination].refusal(status);
            let arrived_ms = at(number) + CALL_MS;
            self.call(destination, &key, arrived_ms, Some(status), 0);
            self.letter(destination, &known, &key, cause, status, arrived_ms + 20.0);
        }
        self
    }

    pub(super) fn letter_again(mut self, destination: usize, number: u64) -> Self {
        let known = known(number);
        let letter = self.facts.destinations[destination].dead[0].clone();
        assert_eq!(letter.id, known.id);
        self.facts.destinations[destination].dead.push(letter);
        self
    }

    /// It has one effect more.
    pub(super) fn again_at(self, destination: usize, number: u64) -> Self {
        let known = known(number);
        let key = known.keys[destination].clone().unwrap();
        self.take(destination, &known, &key, at(number) + 5_000.0)
    }

    /// The API forgets it.
    pub(super) fn forget_at(mut self, destination: usize, number: u64) -> Self {
        let key = known(number).keys[destination].clone().unwrap();
        self.facts.destinations[destination].tallies.remove(&key);
        self
    }

    /// The first call got no answer.
    pub(super) fn unanswered(mut self, destination: usize, number: u64) -> Self {
        let key = known(number).keys[destination].clone().unwrap();
        let calls = &mut self.facts.destinations[destination].calls;
        let first = calls.iter_mut().find(|call| call.keys.contains(&key)).unwrap();
        (first.status, first.fault) = (None, Some("reset after_read"));
        self
    }

    /// Before its first call there was another, which ended so long before.
    pub(super) fn failed_before(
        mut self,
        destination: usize,
        number: u64,
        status: u16,
        asked_to_wait_ms: Option<f64>,
        before_ms: f64,
    ) -> Self {
        let key = known(number).keys[destination].clone().unwrap();
        let calls = &mut self.facts.destinations[destination].calls;
        let first_ms = calls
            .iter()
            .filter(|call| call.keys.contains(&key))
            .map(|call| call.arrived_ms)
            .fold(f64::INFINITY, f64::min);
        calls.push(RequestRecord {
            seq: calls.len() as u64 + 1,
            arrived_ms: first_ms - before_ms - 20.0,
            ended_ms: Some(first_ms - before_ms),
            keys: vec![key],
            status: Some(status),
            asked_to_wait_ms,
            ..RequestRecord::default()
        });
        calls.sort_by(|one, other| one.arrived_ms.total_cmp(&other.arrived_ms));
        let name = Self::name(number);
        for published in self.facts.published.iter_mut().filter(|one| one.name == name) {
            published.begun_ms = published.begun_ms.min(first_ms - before_ms - 30.0);
            published.answered_ms = Some(published.begun_ms + 5.0);
        }
        self
    }

    /// A message that is no event, dead everywhere.
    pub(super) fn bad(mut self) -> Self {
        self.facts.bad.push(BadMessage {
            id: "bad-1".into(),
            sort: BadSort::BrokenJson,
            event_type: "user.registered".into(),
            begun_ms: ZERO_MS,
            is_confirmed: true,
        });
        for destination in &mut self.facts.destinations {
            destination.dead.push(DeadLetter {
                id: "bad-1".into(),
                key: None,
                cause: Some(Cause::Undecodable),
                reason: "no event".into(),
                status: None,
                attempts: 0,
                dead_at_ms: ZERO_MS + 10.0,
            });
        }
        self
    }

    pub(super) fn without_letters(mut self, destination: usize) -> Self {
        self.facts.destinations[destination].dead.clear();
        self
    }

    pub(super) fn shared(mut self, destination: usize) -> Self {
        self.facts.destinations[destination].shares_ledger = true;
        self
    }

    pub(super) fn fault(self, kind: Kind, target: usize, at_ms: f64) -> Self {
        self.fault_for(kind, target, at_ms, 0.0)
    }

    pub(super) fn fault_for(mut self, kind: Kind, target: usize, at_ms: f64, for_ms: f64) -> Self {
        let (at, lasts) = (at_ms / 1e3, for_ms / 1e3);
        let planned = Planned { kind, at, lasts, target, variety: 0 };
        self.facts.plan.faults.push(planned);
        self.facts.happened.push(Happened {
            planned,
            began_ms: ZERO_MS + at_ms,
            ended_ms: ZERO_MS + at_ms + for_ms,
            seen: 1,
            evidence: "seen".into(),
        });
        self
    }

    pub(super) fn sample(mut self, at_ms: f64, confirmed: u64, accepted: [u64; 3]) -> Self {
        let at_ms = ZERO_MS + at_ms;
        self.facts.recording.samples.push(Sample {
            at_ms,
            confirmed,
            accepted,
            ..Sample::default()
        });
        self
    }

    /// How the gates of a destination's consumers stood.
    pub(super) fn gates(mut self, destination: usize, at_ms: f64, gate: u8) -> Self {
        let at_ms = ZERO_MS + at_ms;
        for place in 0..2 {
            self.facts.recording.usage.push(Usage {
                pid: pid(destination, place),
                at_ms,
                memory_kb: 1,
                descriptors: 1,
                threads: 1,
                gate: Some(gate),
            });
        }
        self
    }

    pub(super) fn replayed(mut self, destination: usize, accepted: u32, effects: u32) -> Self {
        self.facts.replay.letters.push(Replayed {
            destination,
            id: "1".into(),
            key: "key".into(),
            accepted,
            effects,
            is_dead: false,
        });
        self
    }

    fn publish(&mut self, number: u64, routed: bool) -> Known {
        let name = Self::name(number);
        if !self.facts.published.iter().any(|published| published.name == name) {
            self.facts.published.push(Published {
                name,
                begun_ms: at(number),
                answered_ms: Some(at(number) + 5.0),
                is_confirmed: true,
                is_ruled_out: false,
                routed: Some(routed),
                copies: 1,
            });
        }
        known(number)
    }

    fn take(mut self, destination: usize, known: &Known, key: &str, arrived_ms: f64) -> Self {
        self.call(destination, key, arrived_ms, Some(200), 1);
        let facts = &mut self.facts.destinations[destination];
        let tally = facts.tallies.entry(key.to_owned()).or_default();
        tally.accepted += 1;
        tally.effects += 1;
        let (by, held) = expected_content(destination, known, key);
        facts.contents.insert(by, held);
        self
    }

    fn call(
        &mut self,
        destination: usize,
        key: &str,
        arrived_ms: f64,
        status: Option<u16>,
        accepted: u32,
    ) {
        let calls = &mut self.facts.destinations[destination].calls;
        calls.push(RequestRecord {
            seq: calls.len() as u64 + 1,
            arrived_ms,
            ended_ms: Some(arrived_ms + 15.0),
            keys: vec![key.to_owned()],
            status,
            accepted,
            effects: accepted,
            ..RequestRecord::default()
        });
        calls.sort_by(|one, other| one.arrived_ms.total_cmp(&other.arrived_ms));
    }

    fn letter(
        &mut self,
        destination: usize,
        known: &Known,
        key: &str,
        cause: Cause,
        status: u16,
        dead_at_ms: f64,
    ) {
        self.facts.destinations[destination].dead.push(DeadLetter {
            id: known.id.clone(),
            key: Some(key.to_owned()),
            cause: Some(cause),
            reason: "refused".into(),
            status: Some(status),
            attempts: 1,
            dead_at_ms,
        });
    }
}

impl Known {
    fn wanted(&self) -> Vec<(usize, String)> {
        let keys = self.keys.iter().enumerate();
        keys.filter_map(|(destination, key)| Some((destination, key.clone()?))).collect()
    }
}

fn known(number: u64) -> Known {
    let name = Build::name(number);
    let event = event(name);
    Known {
        published: Published {
            name,
            begun_ms: at(number),
            answered_ms: None,
            is_confirmed: true,
            is_ruled_out: false,
            routed: None,
            copies: 1,
        },
        id: event.id().to_string(),
        event_type: event.event_type().to_owned(),
        fate: fate(number),
        keys: DESTINATIONS.map(|spec| spec.wants(event.event_type()).then(|| spec.key(&event))),
    }
}

fn at(number: u64) -> f64 {
    ZERO_MS + number as f64 * EACH_MS
}

fn pid(destination: usize, place: usize) -> u32 {
    u32::try_from(destination * 2 + place + 1).unwrap()
}
