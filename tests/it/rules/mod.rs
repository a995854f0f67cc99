//! The tables of the delivery policy, one test a row; the list of tests is the list of rows.
//!
//! How each answer is read is here, over real connections and through the whole consumer. What
//! the policies make of it in time and number is with them, in `fanfare-delivery`.

mod answers;
mod silences;

use std::time::Duration;

use fanfare_broker::Cause;
use fanfare_broker::control::News;
use fanfare_delivery::http::{HttpClient, HttpLimits, Networks};
use fanfare_delivery::{Outcome, Trouble};
use fanfare_sandbox::mock::{Control, Fault, MockApi};
use fanfare_tests::{KeyedSink, PATIENCE, RunningConsumer, World, eventually, registered};

/// What a row says becomes of an event. In every row an event has one attempt, so whatever
/// spends an attempt and is not delivered ends as a dead letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Row {
    /// The API has it.
    Delivered,
    /// It never will: a dead letter at once.
    Rejected,
    /// An attempt is spent.
    Retry,
    /// No attempt is spent, and nothing is called meanwhile.
    Hold(Trouble),
    /// It may have been delivered.
    Ambiguous,
}

const DESTINATION: &str = "crm";
const ONE_ATTEMPT: [(&str, &str); 2] =
    [("FANFARE_RETRY_ATTEMPTS", "1"), ("FANFARE_AMBIGUOUS", "hold")];

impl Row {
    fn of(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Delivered => Self::Delivered,
            Outcome::Rejected { .. } => Self::Rejected,
            Outcome::Retry { .. } => Self::Retry,
            Outcome::Hold { trouble, .. } => Self::Hold(*trouble),
            Outcome::Ambiguous { .. } => Self::Ambiguous,
        }
    }

    /// What the dead letter says, where there is one.
    fn cause(self) -> Option<Cause> {
        match self {
            Self::Delivered | Self::Hold(_) => None,
            Self::Rejected => Some(Cause::Rejected),
            Self::Retry => Some(Cause::Exhausted),
            Self::Ambiguous => Some(Cause::Ambiguous),
        }
    }
}

/// Shows that each of `faults` becomes of an event what `row` says.
async fn api_that_answers(faults: impl IntoIterator<Item = Fault>, row: Row) {
    let world = World::start().await;
    for (number, fault) in faults.into_iter().enumerate() {
        let api = MockApi::sink().await.unwrap();
        api.control(Control::all(fault.clone())).unwrap();
        assert_eq!(Row::of(&call(&client(), &api.base_url()).await), row, "{fault:?}");
        api.clear_log();

        let destination = format!("{DESTINATION}-{number}");
        world.declare(&[&destination]).await;
        let consumer = RunningConsumer::start(&world, &destination, &api, &ONE_ATTEMPT);
        world.publish(&[registered(1)]).await;
        api.wait_until("a call", PATIENCE, |api| api.totals().requests > 0).await.unwrap();
        match row {
            Row::Hold(trouble) => ends_when_healed(&world, &destination, trouble, &api).await,
            _ => ends_at_once(&world, &destination, row, &api).await,
        }
        consumer.stop().await;
    }
    world.end().await;
}

async fn ends_at_once(world: &World, destination: &str, row: Row, api: &MockApi) {
    let dead = world.names(destination).dead();
    let delivered = u64::from(row == Row::Delivered);
    world.until_ready(&dead, 1 - delivered).await;
    world.until_drained(destination).await;
    assert_eq!(api.totals().requests, 1, "one attempt is one call, redirects included");
    for letter in world.read(&dead).await {
        assert_eq!(letter.cause(), row.cause());
        assert_eq!(letter.attempts(), 1);
        assert_eq!(letter.status(), api.log()[0].status.filter(|_| row != Row::Ambiguous));
    }
}

/// The one attempt that there is was not spent by the call that found the trouble.
async fn ends_when_healed(world: &World, destination: &str, trouble: Trouble, api: &MockApi) {
    if trouble == Trouble::Disabled {
        let queue = world.names(destination).queue().to_owned();
        world.until_consumers(&queue, 0).await;
        world.until_ready(&queue, 1).await;
        api.heal();
        assert_eq!(api.totals().requests, 1, "nobody asks before a person says so");
        let by = News::Resumed { by: "ada".into(), why: "it is back".into() };
        world.tell(destination, by).await;
    } else {
        api.heal();
    }
    api.wait_until("the event", PATIENCE, |api| api.totals().accepted == 1).await.unwrap();
    world.until_drained(destination).await;
    assert_eq!(world.ready(&world.names(destination).dead()).await, 0);
}

/// Shows the same for a URL where nobody can answer.
async fn url_that_leads_nowhere(http: HttpClient, url: &str, row: Row) {
    assert_eq!(Row::of(&call(&http, url).await), row, "{url}");
    let world = World::start().await;
    world.declare(&[DESTINATION]).await;
    let sink = KeyedSink::calling(http, url);
    let consumer = RunningConsumer::with(&world, DESTINATION, sink, &ONE_ATTEMPT);
    world.publish(&[registered(1)]).await;
    world.until_held(DESTINATION).await;
    consumer.stop().await;
    assert_eq!(world.ready(&world.names(DESTINATION).dead()).await, 0);
    eventually("the event to be back", async || {
        (world.ready(world.names(DESTINATION).queue()).await == 1).then_some(())
    })
    .await;
    world.end().await;
}

async fn call(http: &HttpClient, url: &str) -> Outcome {
    http.call(http.post(url).body("an event")).await.into()
}

fn client() -> HttpClient {
    let limits = HttpLimits {
        connect: Duration::from_secs(1),
        whole_call: Duration::from_secs(2),
        ..HttpLimits::default()
    };
    HttpClient::new("fanfare-tests", limits).unwrap()
}

/// A client that calls public addresses only.
fn guarded() -> HttpClient {
    client().guarded(Networks::default()).unwrap()
}
