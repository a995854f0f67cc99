//! What arrived at a mock, and what of it took effect. Bounded: the oldest requests are dropped.

use std::collections::{HashMap, VecDeque};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::sync::Notify;

use super::locked;
use super::options::Options;
use super::record::{Effects, KeyTally, LogPage, RequestRecord, body_hash};
use super::vendor::{Carried, Identity};

/// The log of one mock.
#[derive(Debug)]
pub(crate) struct RequestLog {
    enabled: bool,
    max_requests: usize,
    max_keys: usize,
    in_flight: AtomicU32,
    clock: Clock,
    entries: Mutex<Entries>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Entries {
    records: VecDeque<RequestRecord>,
    keys_held: usize,
    next_seq: u64,
    dropped: u64,
    totals: Effects,
    tallies: HashMap<String, KeyTally>,
}

/// The time of day that never steps, so that spans between requests are what they were.
#[derive(Debug)]
struct Clock {
    began: Instant,
    began_at: Duration,
}

/// A request that is in the log and not yet ended; dropping it ends it.
#[derive(Debug)]
pub(crate) struct Visit<'a> {
    log: &'a RequestLog,
    seq: u64,
}

impl RequestLog {
    pub(crate) fn new(options: &Options) -> Self {
        Self {
            enabled: options.log,
            max_requests: options.max_log_requests.max(1),
            max_keys: options.max_keys,
            in_flight: AtomicU32::new(0),
            clock: Clock::new(),
            entries: Mutex::default(),
            changed: Notify::new(),
        }
    }

    pub(crate) fn enabled(&self) -> bool {
        self.enabled
    }

    /// Enters a request; everything learnt about it later goes through the visit.
    pub(crate) fn arrived(&self, method: &str, path: &str) -> Visit<'_> {
        let in_flight = self.in_flight.fetch_add(1, Ordering::Relaxed) + 1;
        if !self.enabled {
            return Visit { log: self, seq: 0 };
        }
        let mut record = RequestRecord {
            method: method.to_owned(),
            path: path.to_owned(),
            in_flight,
            ..RequestRecord::default()
        };
        let mut entries = locked(&self.entries);
        // Under the lock, so that the log is in the order of its times.
        record.arrived_ms = self.clock.now_ms();
        entries.next_seq += 1;
        entries.totals.requests += 1;
        record.seq = entries.next_seq;
        let seq = record.seq;
        entries.records.push_back(record);
        if entries.records.len() > self.max_requests {
            entries.drop_oldest();
        }
        drop(entries);
        self.changed.notify_waiters();
        Visit { log: self, seq }
    }

    /// Requests after sequence number `since`, at most `limit` of them.
    pub(crate) fn page(&self, since: u64, limit: usize) -> LogPage {
        let entries = locked(&self.entries);
        let first = entries.records.front().map_or(1, |record| record.seq);
        let skip = usize::try_from((since + 1).saturating_sub(first)).unwrap_or(usize::MAX);
        let requests = entries.records.iter().skip(skip).take(limit).cloned().collect();
        LogPage { dropped: entries.dropped, requests }
    }

    pub(crate) fn effects(&self) -> Effects {
        let entries = locked(&self.entries);
        let keys = entries.tallies.iter().map(|(key, tally)| (key.clone(), *tally)).collect();
        Effects { keys, ..entries.totals.clone() }
    }

    pub(crate) fn tally(&self, key: &str) -> KeyTally {
        locked(&self.entries).tallies.get(key).copied().unwrap_or_default()
    }

    /// Totals without the list of keys: cheap enough to ask often.
    pub(crate) fn totals(&self) -> Effects {
        locked(&self.entries).totals.clone()
    }

    /// Forgets requests and effects; sequence numbers go on.
    pub(crate) fn clear(&self) {
        let mut entries = locked(&self.entries);
        *entries = Entries { next_seq: entries.next_seq, ..Entries::default() };
    }

    /// Wakes when a request arrived or ended after the call.
    pub(crate) fn changed(&self) -> tokio::sync::futures::Notified<'_> {
        self.changed.notified()
    }
}

impl Visit<'_> {
    pub(crate) fn identified(&self, identity: &Identity, body: &[u8]) {
        let hash = self.log.enabled.then(|| body_hash(body));
        self.update(|entries, max_keys| {
            let Some(record) = entries.record(self.seq) else { return };
            record.keys.clone_from(&identity.keys);
            record.event_ids.clone_from(&identity.event_ids);
            record.webhook.clone_from(&identity.webhook);
            record.body_hash = hash;
            entries.keys_held += identity.keys.len();
            // Batches carry many keys: they may fill the log before the requests do.
            while entries.keys_held > max_keys && entries.records.len() > 1 {
                entries.drop_oldest();
            }
        });
    }

    pub(crate) fn faulted(&self, fault: &'static str) {
        self.update(|entries, _| {
            if let Some(record) = entries.record(self.seq) {
                record.fault = Some(fault);
            }
        });
    }

    /// Counts what the API carried out, whether or not its answer gets through.
    pub(crate) fn carried(&self, carried: &Carried, identity: &Identity) {
        self.update(|entries, max_keys| {
            let only_key = (identity.keys.len() == 1).then(|| identity.keys[0].as_str());
            let mut effects = 0;
            for item in &carried.items {
                effects += u32::from(item.changed);
                entries.count(item.key.as_deref().or(only_key), item.changed, max_keys);
            }
            if let Some(record) = entries.record(self.seq) {
                record.accepted = u32::try_from(carried.items.len()).unwrap_or(u32::MAX);
                record.effects = effects;
            }
        });
    }

    pub(crate) fn answered(&self, status: u16, asks_to_wait: Option<Duration>) {
        self.update(|entries, _| {
            if let Some(record) = entries.record(self.seq) {
                record.status = Some(status);
                record.asked_to_wait_ms = asks_to_wait.map(|wait| wait.as_secs_f64() * 1e3);
            }
        });
    }

    fn update(&self, change: impl FnOnce(&mut Entries, usize)) {
        if self.log.enabled {
            change(&mut locked(&self.log.entries), self.log.max_keys);
        }
    }
}

impl Drop for Visit<'_> {
    fn drop(&mut self) {
        self.log.in_flight.fetch_sub(1, Ordering::Relaxed);
        let ended_ms = self.log.clock.now_ms();
        self.update(|entries, _| {
            if let Some(record) = entries.record(self.seq) {
                record.ended_ms = Some(ended_ms);
            }
        });
        self.log.changed.notify_waiters();
    }
}

impl Entries {
    /// Records are numbered without gaps, so the place follows from the number.
    fn record(&mut self, seq: u64) -> Option<&mut RequestRecord> {
        let first = self.records.front()?.seq;
        self.records.get_mut(usize::try_from(seq.checked_sub(first)?).ok()?)
    }

    fn drop_oldest(&mut self) {
        if let Some(oldest) = self.records.pop_front() {
            self.keys_held -= oldest.keys.len();
            self.dropped += 1;
        }
    }

    fn count(&mut self, key: Option<&str>, changed: bool, max_keys: usize) {
        self.totals.accepted += 1;
        self.totals.effects += u64::from(changed);
        let Some(key) = key else { return };
        let room = self.tallies.len() < max_keys;
        let tally = match self.tallies.get_mut(key) {
            Some(tally) => tally,
            None if room => self.tallies.entry(key.to_owned()).or_default(),
            None => {
                self.totals.untallied += 1;
                return;
            }
        };
        tally.accepted += 1;
        tally.effects += u32::from(changed);
    }
}

impl Clock {
    fn new() -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { began: Instant::now(), began_at: since_epoch }
    }

    fn now_ms(&self) -> f64 {
        let since_epoch = self.began_at + self.began.elapsed();
        // Microseconds first: an f64 holds them exactly until the year 2255.
        since_epoch.as_micros() as f64 / 1000.0
    }
}
