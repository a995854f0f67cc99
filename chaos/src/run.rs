//! One run from its start to its verdict.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use fanfare_producer::{Producer, ProducerConfig};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::clock::now_ms;
use crate::facts::{Facts, Fresh, Replay};
use crate::gather;
use crate::inject::Injection;
use crate::load::{DESTINATIONS, Name, event};
use crate::logged;
use crate::operator::Operator;
use crate::plan::Plan;
use crate::search::Search;
use crate::stage::{Programs, Stage};
use crate::watch::{Queues, Recording, watch};

/// What a run is started with.
#[derive(Clone, Debug)]
pub struct Options {
    /// What goes wrong.
    pub plan: Plan,
    /// Events a second.
    pub rate: u32,
    /// The built programs.
    pub programs: Programs,
    /// Where logs and journals are written.
    pub folder: PathBuf,
}

/// Everything has to be settled by then: a breaker may be open for most of a minute, and what came
/// due while the broker booted comes a quarter of a minute late.
const DRAIN: Duration = Duration::from_secs(180);
const FRESH: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// The fresh event's publisher; no producer has this number.
const FRESH_PRODUCER: u32 = 91;

/// Plays it, and returns what is known then, and the version of the broker. Says what it does with `say`.
pub async fn run(options: &Options, say: impl Fn(&str)) -> anyhow::Result<(Facts, String)> {
    say("starting a broker, a Redis, a PostgreSQL, three mock APIs and six consumers");
    let mut stage =
        Stage::set_up(&options.programs, &options.folder, options.plan.shares_ledger).await?;
    stage.producers.start(options.rate, &stage.register).await?;
    let play = Play { options, stage: &stage, say: &say, injection: Injection::default() };
    let seen_enough = CancellationToken::new();
    let (recording, facts) =
        tokio::join!(watch(&stage, seen_enough.clone()), play.until_account(seen_enough));
    let mut facts = Facts { recording: recording?, ..facts? };
    play.after_account(&mut facts).await?;
    Ok((facts, stage.version.clone()))
}

struct Play<'a, S> {
    options: &'a Options,
    stage: &'a Stage,
    say: &'a S,
    injection: Injection,
}

impl<S: Fn(&str)> Play<'_, S> {
    /// Load and faults, then healing and draining, then the account of all that was published.
    async fn until_account(&self, seen_enough: CancellationToken) -> anyhow::Result<Facts> {
        let account = self.account(&seen_enough).await;
        seen_enough.cancel();
        account
    }

    async fn account(&self, seen_enough: &CancellationToken) -> anyhow::Result<Facts> {
        let (plan, stage) = (&self.options.plan, self.stage);
        let start = Instant::now();
        let count = plan.faults.len();
        (self.say)(&format!("{count} faults in {:.0} s, by seed {}", plan.seconds, plan.seed));
        self.injection.carry_out(plan, stage, start).await;
        sleep_until(start + Duration::from_secs_f64(plan.seconds)).await;
        (self.say)("healing everything, and waiting until nothing is left");
        stage.heal_network().await?;
        let healed_ms = now_ms();
        stage.producers.stop(&stage.register).await?;
        let drained_ms = self.drain().await;
        // Who reads the letters below takes them out of sight meanwhile.
        seen_enough.cancel();
        let (bad, twice) = self.injection.strangers();
        let mut destinations = Vec::new();
        for (destination, shares) in plan.shares_ledger.into_iter().enumerate() {
            destinations.push(gather::at_destination(stage, destination, shares).await?);
        }
        Ok(Facts {
            plan: plan.clone(),
            happened: self.injection.happened(),
            published: gather::published(stage, &twice).await?,
            bad,
            destinations,
            parked: gather::messages(stage, &stage.namespace().unrouted()).await?.len() as u64,
            lives: Vec::new(),
            recording: Recording::default(),
            without_ledger: Vec::new(),
            healed_ms,
            drained_ms,
            left: 0,
            fresh: Fresh::default(),
            replay: Replay::default(),
            leaks: Vec::new(),
            searched: 0,
        })
    }

    /// A fresh event, a replay, and the end of all processes.
    async fn after_account(&self, facts: &mut Facts) -> anyhow::Result<()> {
        let stage = self.stage;
        (self.say)("sending one fresh event through, and replaying dead letters");
        facts.fresh = self.fresh().await?;
        let operator = Operator::new(&self.options.programs, stage);
        let mut search = Search::default();
        let password = stage.redis.lock().await.password();
        for (place, text) in operator.listings().await? {
            search.look(&place, &text, password);
        }
        for destination in 0..DESTINATIONS.len() {
            stage.apis.mend(destination)?;
        }
        facts.replay = operator.replay().await?;
        self.drain().await;
        for address in stage.consumers.admin_addresses().await {
            let metrics = reqwest::get(format!("http://{address}/metrics")).await?.text().await?;
            search.look(&format!("the metrics of {address}"), &metrics, password);
        }
        (self.say)("stopping everybody");
        stage.consumers.stop(&stage.register).await?;
        let mut queues = Queues::new(stage);
        facts.left = queues.waiting().await.context("the broker does not answer at the end")?;
        queues.close().await;
        self.replayed(facts).await?;
        self.write_calls(facts)?;
        facts.lives = stage.register.close()?;
        facts.without_ledger = facts.lives.iter().flat_map(logged::without_ledger).collect();
        facts.logs().iter().for_each(|log| search.look_into(log, password));
        search.look_into(&stage.folder().join("audit.ndjson"), password);
        (facts.searched, facts.leaks) = (search.searched, search.leaks);
        Ok(())
    }

    /// Waits until nothing waits, is delayed or is at hand; tells when that was.
    async fn drain(&self) -> Option<f64> {
        let mut queues = Queues::new(self.stage);
        let deadline = Instant::now() + DRAIN;
        let mut drained_ms = None;
        while Instant::now() < deadline && drained_ms.is_none() {
            sleep(LOOK_EVERY).await;
            if queues.waiting().await == Some(0) && self.nothing_is_at_hand().await {
                drained_ms = Some(now_ms());
            }
        }
        queues.close().await;
        drained_ms
    }

    /// What consumers hold counts too, which only the broker itself can tell.
    async fn nothing_is_at_hand(&self) -> bool {
        let node = self.stage.node.lock().await;
        let listed = node.rabbitmqctl(&["list_queues", "name", "messages"]).await;
        listed.is_ok_and(|listed| {
            listed.lines().filter_map(|line| line.split_once('\t')).all(|(name, count)| {
                let is_kept = name.ends_with(".dead")
                    || name.ends_with(".control")
                    || name.ends_with(".unrouted");
                is_kept || count.trim() == "0" || count.trim() == "messages"
            })
        })
    }

    async fn fresh(&self) -> anyhow::Result<Fresh> {
        let event = event(Name { producer: FRESH_PRODUCER, number: 0 });
        let (broker, namespace) = (self.stage.config(), self.stage.namespace());
        let config = ProducerConfig::in_namespace(broker.clone(), namespace.clone());
        let producer = Producer::start(config.without_declaring());
        let began = Instant::now();
        let is_confirmed = producer.publish(&event).await.is_ok();
        let mut fresh = Fresh { is_confirmed, took_ms: [None; 3] };
        for (destination, spec) in DESTINATIONS.iter().enumerate() {
            let key = spec.key(&event);
            let api = self.stage.apis.of(destination);
            let has_it =
                api.wait_until("the fresh event", FRESH, |api| api.tally(&key).accepted > 0);
            if has_it.await.is_ok() {
                fresh.took_ms[destination] = Some(began.elapsed().as_secs_f64() * 1e3);
            }
        }
        producer.close().await;
        Ok(fresh)
    }

    /// For whoever looks for an event by hand.
    fn write_calls(&self, facts: &Facts) -> anyhow::Result<()> {
        for (spec, at) in DESTINATIONS.iter().zip(&facts.destinations) {
            let lines = at.calls.iter().map(|call| Ok(serde_json::to_string(call)? + "\n"));
            let lines = lines.collect::<serde_json::Result<String>>()?;
            let path = self.stage.folder().join(format!("calls-{}.ndjson", spec.name));
            fs::write(&path, lines)
                .with_context(|| format!("{} cannot be written", path.display()))?;
        }
        Ok(())
    }

    /// What became of what was replayed.
    async fn replayed(&self, facts: &mut Facts) -> anyhow::Result<()> {
        let mut dead = Vec::new();
        for destination in 0..DESTINATIONS.len() {
            dead.push(gather::dead_letters(self.stage, destination).await?);
        }
        for letter in &mut facts.replay.letters {
            let tally = self.stage.apis.of(letter.destination).tally(&letter.key);
            (letter.accepted, letter.effects) = (tally.accepted, tally.effects);
            let is_it = |one: &crate::facts::DeadLetter| one.key.as_ref() == Some(&letter.key);
            letter.is_dead = dead[letter.destination].iter().any(is_it);
        }
        Ok(())
    }
}
