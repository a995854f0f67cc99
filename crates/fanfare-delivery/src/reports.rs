//! Telling whoever listens what became of deliveries, for free when nobody does.
//!
//! Reports inform; nothing rests on them. They are published without being waited
//! for, and dropped when too many are under way. While nothing is bound to the
//! exchange, the broker returns what is published there: then one report a second
//! is enough to find out when that changes.

use std::pin::Pin;
use std::time::Duration;

use fanfare_broker::{
    Confirmed, Message, MessageError, Namespace, PublishError, Publisher, Route, RouteError,
};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::time::Instant;
use tracing::debug;

use crate::report::{Report, Result as Settled};

type Publishing = Pin<Box<dyn Future<Output = (To, Result<Confirmed, PublishError>)> + Send>>;

/// Publishes reports in the background.
pub(crate) struct Reports {
    publisher: Publisher,
    routes: Vec<(Settled, Route)>,
    replies: String,
    /// Nobody listens until then, as far as is known.
    silent_until: Option<Instant>,
    under_way: FuturesUnordered<Publishing>,
    dropped: u64,
}

/// Whom a report is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum To {
    /// Whoever is bound to the reports.
    Listeners,
    /// The one who waits for this event.
    Waiting,
}

/// Beyond so many, reports are dropped rather than kept.
const MOST_UNDER_WAY: usize = 256;
/// How long a consumer that stops waits for its last reports.
const LAST_REPORTS: Duration = Duration::from_secs(2);
/// How soon a new listener is noticed.
const ASK_AGAIN: Duration = Duration::from_secs(1);

const EVERY_RESULT: [Settled; 6] = [
    Settled::Delivered,
    Settled::Dead,
    Settled::Skipped,
    Settled::Duplicate,
    Settled::Retry,
    Settled::Hold,
];

impl Reports {
    pub(crate) fn new(
        publisher: Publisher,
        namespace: &Namespace,
        destination: &str,
    ) -> Result<Self, RouteError> {
        let exchange = namespace.reports();
        let routes = EVERY_RESULT.map(|result| {
            let key = format!("{destination}.{}", result.as_str());
            Route::new(&exchange, &key).map(|route| (result, route))
        });
        Ok(Self {
            publisher,
            routes: routes.into_iter().collect::<Result<_, _>>()?,
            replies: namespace.replies(),
            silent_until: None,
            under_way: FuturesUnordered::new(),
            dropped: 0,
        })
    }

    /// Whether a report for the listeners would be published now.
    pub(crate) fn somebody_may_listen(&self) -> bool {
        self.silent_until.is_none_or(|until| Instant::now() >= until)
    }

    /// Publishes `report` to the listeners, and to `reply_to` if somebody waits there.
    pub(crate) fn tell(
        &mut self,
        report: &Report,
        reply_to: Option<&str>,
        correlation: Option<&str>,
    ) {
        let listeners = self.somebody_may_listen();
        if !listeners && reply_to.is_none() {
            return;
        }
        let Ok(body) = serde_json::to_vec(report) else { return };
        if listeners {
            // Until the answer is known, this report asks for all.
            self.silent_until = self.silent_until.map(|_| Instant::now() + ASK_AGAIN);
            let route = self.routes.iter().find(|(result, _)| *result == report.outcome);
            if let (Some((_, route)), Ok(message)) = (route, message(report, body.clone())) {
                self.publish(To::Listeners, route.clone(), message);
            }
        }
        if let Some(key) = reply_to {
            let message = message(report, body).and_then(|message| message.reply(key, correlation));
            if let (Ok(route), Ok(message)) = (Route::new(&self.replies, key), message) {
                self.publish(To::Waiting, route, message);
            }
        }
    }

    /// Takes note of answers; pending while there is none. To be polled again and again.
    pub(crate) async fn progress(&mut self) {
        match self.under_way.next().await {
            Some((To::Listeners, answer)) => self.heard(answer),
            Some((To::Waiting, Err(error))) => debug!(%error, "A reply could not be published"),
            Some((To::Waiting, Ok(_))) => {}
            None => std::future::pending().await,
        }
    }

    /// Waits for the answers that are still to come, but not for long.
    pub(crate) async fn finish(mut self) {
        let finish = async {
            while !self.under_way.is_empty() {
                self.progress().await;
            }
        };
        if tokio::time::timeout(LAST_REPORTS, finish).await.is_err() {
            debug!("The last reports could not be published in time");
        }
    }

    fn heard(&mut self, answer: Result<Confirmed, PublishError>) {
        self.silent_until = match answer {
            Ok(Confirmed { routed: true }) => None,
            Ok(Confirmed { routed: false }) => Some(Instant::now() + ASK_AGAIN),
            Err(error) => {
                debug!(%error, "A report could not be published");
                Some(Instant::now() + ASK_AGAIN)
            }
        };
    }

    fn publish(&mut self, to: To, route: Route, message: Message) {
        if self.under_way.len() >= MOST_UNDER_WAY {
            self.dropped += 1;
            if self.dropped.is_power_of_two() {
                debug!(dropped = self.dropped, "Reports are dropped, too many are under way");
            }
            return;
        }
        let publisher = self.publisher.clone();
        self.under_way
            .push(Box::pin(async move { (to, publisher.publish(&route, message).await) }));
    }
}

fn message(report: &Report, body: Vec<u8>) -> Result<Message, MessageError> {
    Message::new(&report.event_id, body)?.content_type("application/json")
}
