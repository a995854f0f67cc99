//! The demo from the first act to the last.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use fanfare_broker::{BrokerConfig, Cause, DestinationNames, Namespace};
use fanfare_producer::{Producer, ProducerConfig};

use super::apis::{self, DemoApi};
use super::balance::{Balance, DestinationBalance, Verdict};
use super::board::Board;
use super::consumers::Consumers;
use super::dead_letters::{self, DeadLetter};
use super::listener::Listener;
use super::options::Options;
use super::oracle::{Account, Evidence};
use super::plot::Plot;
use super::publishing::{Published, publish};
use super::screen::{Live, Screen, grouped};
use super::settling::Settling;
use super::{replay, telling};

/// The demo, with everything that it needs running.
///
/// Dropping it ends everything at once; [`end`](Self::end) does so in order.
#[derive(Debug)]
pub struct Demo {
    pub(super) screen: Screen,
    pub(super) options: Options,
    pub(super) apis: [DemoApi; 2],
    pub(super) consumers: Consumers,
    pub(super) board: Arc<Board>,
    pub(super) producer: Producer,
    pub(super) plot: Plot,
    names: Vec<DestinationNames>,
    config: BrokerConfig,
    _listener: Listener,
}

/// What an act came to.
#[derive(Debug)]
struct Findings {
    accounts: Vec<Account>,
    dead: Vec<Vec<DeadLetter>>,
}

impl Demo {
    /// Sets the stage: mocks, consumers, a producer.
    pub async fn start(options: Options, screen: &Screen) -> anyhow::Result<Self> {
        fanfare_process::install_crypto_provider();
        let plot = Plot::of(&options.events)?;
        let config = BrokerConfig::from_urls(&options.amqp_url, false)?;
        let namespace = Namespace::new(&options.namespace)?;
        let apis = apis::start(plot.events.len()).await?;
        apis::forget(&apis[0], plot.forgotten()).await?;
        let board = Arc::new(Board::new(apis.iter().map(|api| api.name)));
        let producer = ProducerConfig::with_broker(config.clone(), namespace.as_str())?;
        let producer = Producer::connect(producer.name("fanfare demo publishes"))
            .await
            .context("nothing can be published")?;
        let listener = Listener::start(&config, &namespace, Arc::clone(&board)).await?;
        let consumers = Consumers::start(&options, &apis).await?;
        let names: Result<_, _> = apis.iter().map(|api| namespace.destination(api.name)).collect();
        let demo = Self {
            screen: *screen,
            options,
            consumers,
            board,
            producer,
            plot,
            names: names?,
            config,
            apis,
            _listener: listener,
        };
        demo.introduce();
        Ok(demo)
    }

    /// Publishes, waits, makes the balance; mends, replays, waits, makes the balance again.
    pub async fn play(&mut self) -> anyhow::Result<Verdict> {
        let paint = self.screen.paint();
        let (count, noun) = (grouped(self.plot.events.len()), self.plot.noun());
        let title = format!("Publish {count} {noun} while both APIs misbehave");
        self.screen.tell_all(telling::heading(1, &title, paint));
        self.screen.tell_all(self.plot.explained());
        let published = self.publish().await?;
        let first = self.look(&published).await?;
        self.screen.tell_all(telling::faults(&self.apis, paint));
        self.tell(&self.balance(&published, &first, &[0, 0]), &first);

        let title = "The APIs are well again, and an operator replays";
        self.screen.tell_all(telling::heading(2, title, paint));
        let replayed = self.replay(&first).await?;
        let last = self.look(&published).await?;
        let balance = self.balance(&published, &last, &replayed);
        self.tell(&balance, &last);
        self.screen.tell_all(telling::doubles(&self.apis, &last.accounts, paint));
        let verdict = Verdict { balance, wrong: self.wrong(published, last) };
        self.conclude(&verdict);
        Ok(verdict)
    }

    /// Ends everything in order.
    pub async fn end(self) -> anyhow::Result<()> {
        let Self { consumers, producer, .. } = self;
        producer.close().await;
        consumers.end().await
    }

    fn introduce(&self) {
        let line = |what: &str, text: String| self.screen.tell(format_args!("  {what:<9} {text}"));
        for api in &self.apis {
            line(api.name, format!("mock {} at {}", api.title, api.mock.base_url()));
        }
        line("logs", shown(&self.options.folder));
        let Plot { invalid, repeated, .. } = &self.plot;
        for (count, what, remarks) in [
            (invalid.len(), "lines that are no valid event, left out", invalid),
            (repeated.len(), "lines that hold an event again, left out", repeated),
        ] {
            if count > 0 {
                self.screen.tell(format_args!("\n  {what}: {count}"));
                self.screen.tell_all(telling::remarks(remarks));
            }
        }
    }

    async fn publish(&mut self) -> anyhow::Result<Published> {
        self.apis.iter().try_for_each(DemoApi::misbehave)?;
        for event in &self.plot.events {
            self.board.expect(self.apis.iter().map(|api| api.key(event)));
        }
        let settling = Settling {
            board: &self.board,
            config: &self.config,
            destinations: &self.names,
            events: self.plot.events.len(),
        };
        let work = async {
            let published = publish(&self.producer, &self.plot.events, &self.board).await;
            settling.wait(&mut self.consumers).await.map(|()| published)
        };
        Live::start(&self.screen).show(&self.board, work).await
    }

    /// Mends the APIs and replays what they failed on; what they refused stays dead.
    async fn replay(&mut self, found: &Findings) -> anyhow::Result<Vec<usize>> {
        let mut replayed = Vec::new();
        for (api, letters) in self.apis.iter().zip(&found.dead) {
            api.mend()?;
            let exhausted = letters.iter().filter(|one| one.cause == Some(Cause::Exhausted));
            self.board.replaying(api.name, exhausted.filter_map(|one| one.key.as_ref()));
            let command = replay::arguments(api.name).join(" ");
            let count = replay::run(&self.options, api.name).await?;
            let paint = self.screen.paint();
            let answer = paint.dim(format!("{count} replayed"));
            self.screen.tell(format_args!("  $ fanfare {command}   {answer}"));
            replayed.push(count);
        }
        self.screen.tell("");
        let settling = Settling {
            board: &self.board,
            config: &self.config,
            destinations: &self.names,
            events: replayed.iter().sum(),
        };
        let work = settling.wait(&mut self.consumers);
        Live::start(&self.screen).show(&self.board, work).await?;
        Ok(replayed)
    }

    async fn look(&self, published: &Published) -> anyhow::Result<Findings> {
        let mut findings = Findings { accounts: Vec::new(), dead: Vec::new() };
        for (api, names) in self.apis.iter().zip(&self.names) {
            let dead = dead_letters::read(&self.config, names, &api.destination).await?;
            let evidence = Evidence {
                api,
                board: &self.board,
                dead: &dead,
                is_one_event_each: self.plot.is_ours(),
            };
            findings.accounts.push(evidence.account(&published.confirmed));
            findings.dead.push(dead);
        }
        Ok(findings)
    }

    fn balance(&self, published: &Published, found: &Findings, replayed: &[usize]) -> Balance {
        let accounts = self.apis.iter().zip(&found.accounts).zip(replayed);
        let destinations: BTreeMap<_, _> = accounts
            .map(|((api, account), replayed)| {
                let Account { delivered, dead, skipped, .. } = *account;
                (api.name, DestinationBalance { delivered, dead, replayed: *replayed, skipped })
            })
            .collect();
        let count = published.confirmed.len();
        let closes =
            destinations.values().all(|one| one.delivered + one.dead + one.skipped == count);
        let is_clean = found.accounts.iter().all(|account| account.wrong.is_empty());
        Balance {
            published: count,
            invalid_lines: self.plot.invalid.len(),
            destinations,
            balanced: closes && is_clean && published.unconfirmed.is_empty(),
        }
    }

    fn tell(&self, balance: &Balance, found: &Findings) {
        let paint = self.screen.paint();
        let accounts = self.apis.iter().zip(&found.accounts);
        let accounts: Vec<_> = accounts.map(|(api, account)| (api.name, account)).collect();
        self.screen.tell_all(telling::balance(balance, &accounts, paint));
        if found.dead.iter().any(|letters| !letters.is_empty()) {
            self.screen.tell(format_args!("\n{}", paint.dim("  dead letters")));
            for (api, letters) in self.apis.iter().zip(&found.dead) {
                self.screen.tell_all(telling::dead_letters(api.name, letters, paint));
            }
        }
    }

    fn wrong(&self, published: Published, found: Findings) -> Vec<String> {
        let accounts = self.apis.iter().zip(found.accounts);
        let at = accounts.flat_map(|(api, account)| {
            account.wrong.into_iter().map(|what| format!("{}: {what}", api.name))
        });
        published.unconfirmed.into_iter().chain(at).collect()
    }

    fn conclude(&self, verdict: &Verdict) {
        let paint = self.screen.paint();
        self.screen.tell("");
        self.screen.tell_all(telling::wrong(&verdict.wrong, paint));
        let Balance { balanced, invalid_lines, .. } = verdict.balance;
        self.screen.tell(if balanced {
            paint.bold(paint.green("  Every event is accounted for, at both destinations."))
        } else {
            paint.bold(paint.red("  The balance does not close."))
        });
        if invalid_lines > 0 {
            self.screen.tell(format_args!(
                "  Lines of the file that are no valid event: {invalid_lines}, so the exit code is 1."
            ));
        }
    }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}
