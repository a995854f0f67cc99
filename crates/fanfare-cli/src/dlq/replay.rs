//! Putting dead letters back into their destination's queue.

use std::collections::HashSet;
use std::time::Duration;

use fanfare_broker::{
    Browsed, Message, MessageError, PublishError, Publisher, PublisherOptions, Route,
};
use fanfare_process::telemetry::Chain;
use futures_util::stream::{FuturesUnordered, StreamExt};
use serde::Serialize;
use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::change::{ChangeEnded, ChangeError};
use super::dead_letter::DeadLetter;
use super::filter::Filter;
use super::parking::{Parking, Strays};
use super::report::Report;
use super::scan::{DeadLetters, Match, Scan};

/// What to replay.
#[derive(Clone, Debug)]
pub struct ReplayOptions {
    /// Whose dead letters.
    pub dead_letters: DeadLetters,
    /// The queue that the broker parks copies in when they lead nowhere.
    pub unrouted: String,
    /// Which of them.
    pub filter: Filter,
    /// Written on every copy, so that it is known where it came from.
    pub replay: Uuid,
    /// At most so many, the first in the queue first.
    pub at_most: Option<u64>,
}

/// What a replay did; its JSON form is an interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReplaySummary {
    /// The replay's id; `None` when nothing was to be changed.
    pub replay: Option<String>,
    /// Letters that were meant.
    pub matched: u64,
    /// Letters whose copy is confirmed and that are removed.
    pub replayed: u64,
    /// Letters that stay because their copy was not taken.
    pub failed: u64,
    /// Letters that could not be read because another reader holds them.
    pub held_by_others: u64,
}

/// Copies that wait for their confirm. Each holds a body, so this bounds memory; more
/// would not be faster, since a quorum queue confirms in batches of about this size.
const WINDOW: usize = 64;

/// Dead letters of foreign producers may be larger than what ours publish; RabbitMQ 4
/// itself takes up to 16 MiB.
const BODY_LIMIT: usize = 16 * 1024 * 1024;

const GIVE_UP_AFTER: Duration = Duration::from_secs(30);

/// Replays what `options` mean: copy, confirm, and only then removal.
///
/// The first copy goes alone, and its letter is removed only once it is known not to be
/// parked. Once `stop` is cancelled no further letter is begun.
pub async fn replay(
    options: &ReplayOptions,
    report: &mut impl Report,
    stop: &CancellationToken,
) -> Result<ReplaySummary, ChangeEnded<ReplaySummary>> {
    let mut summary = ReplaySummary {
        replay: Some(options.replay.to_string()),
        matched: 0,
        replayed: 0,
        failed: 0,
        held_by_others: 0,
    };
    match run(options, report, stop, &mut summary).await {
        Ok(()) => Ok(summary),
        Err(source) => Err(ChangeEnded { summary, source }),
    }
}

async fn run(
    options: &ReplayOptions,
    report: &mut impl Report,
    stop: &CancellationToken,
    summary: &mut ReplaySummary,
) -> Result<(), ChangeError> {
    let dead_letters = &options.dead_letters;
    let exchange = dead_letters.names.replay();
    let route = Route::new(&exchange, "")
        .map_err(|source| ChangeError::Route { exchange: exchange.clone(), source })?;
    let mut scan = dead_letters.scan(&options.filter).await?;
    let mut parking =
        Parking::watch(&dead_letters.broker, &options.unrouted, options.replay).await?;
    if !parking.is_seen() {
        report.unproven(parking.queue());
    }
    report.begins(scan.waiting());
    let publisher_options = PublisherOptions {
        window: WINDOW,
        give_up_after: GIVE_UP_AFTER,
        body_limit: BODY_LIMIT,
        ..PublisherOptions::default()
    };
    let name = format!("fanfare replays {}", dead_letters.names.queue());
    let publisher = Publisher::start(&dead_letters.broker, &name, publisher_options);
    let outlet = Outlet { publisher: &publisher, route, exchange: &exchange };
    let passed = pass(&mut scan, &outlet, &mut parking, options, report, stop, summary).await;
    publisher.close().await;
    let left = scan.close().await;
    if let Ok(Pass::ReachedTheEnd) = passed {
        summary.held_by_others = left;
    }
    // The binding may also have gone since the first copy arrived.
    let strays = if summary.replayed > 0 { parking.strays(Strays::Keep).await } else { Ok(0) };
    match (strays, passed) {
        (Ok(copies @ 1..), _) => {
            Err(ChangeError::Astray { copies, exchange, parking: parking.queue().to_owned() })
        }
        (_, Err(error)) => Err(error),
        (Err(error), Ok(_)) => Err(error.into()),
        (Ok(0), Ok(_)) => Ok(()),
    }
}

/// Where copies go.
struct Outlet<'a> {
    publisher: &'a Publisher,
    route: Route,
    exchange: &'a str,
}

enum Pass {
    ReachedTheEnd,
    Stopped,
}

/// A copy that has its verdict.
struct Copied {
    letter: DeadLetter,
    browsed: Browsed,
    verdict: Result<(), CopyError>,
}

/// Why a copy was not taken.
#[derive(Debug, thiserror::Error)]
enum CopyError {
    #[error(transparent)]
    Message(#[from] MessageError),
    #[error(transparent)]
    Publish(#[from] PublishError),
    #[error("the broker returned the copy: nothing is bound to exchange {exchange}")]
    Returned { exchange: String },
}

async fn pass(
    scan: &mut Scan<'_>,
    outlet: &Outlet<'_>,
    parking: &mut Parking<'_>,
    options: &ReplayOptions,
    report: &mut impl Report,
    stop: &CancellationToken,
    summary: &mut ReplaySummary,
) -> Result<Pass, ChangeError> {
    let mut copies = FuturesUnordered::new();
    // The broker's returns are matched by message id, so no two of one id at a time.
    let mut ids_under_way = HashSet::new();
    let mut next = None;
    let mut reached_the_end = false;
    let mut trouble = None;
    loop {
        let goes_on = trouble.is_none()
            && !stop.is_cancelled()
            && options.at_most.is_none_or(|most| summary.matched < most);
        if goes_on && !reached_the_end && next.is_none() {
            next = scan.next().await?;
            reached_the_end = next.is_none();
            report.read(scan.read());
        }
        // Until one is known to have arrived, a parked copy must be the only one.
        let window = if summary.replayed > 0 { WINDOW } else { 1 };
        let has_room = |found: &mut Match| {
            copies.len() < window && !ids_under_way.contains(found.letter.shown_id())
        };
        if goes_on && let Some(Match { letter, browsed }) = next.take_if(has_room) {
            summary.matched += 1;
            ids_under_way.insert(letter.shown_id().to_owned());
            copies.push(copy(outlet, options.replay, letter, browsed));
            continue;
        }
        let Some(copied) = copies.next().await else { break };
        ids_under_way.remove(copied.letter.shown_id());
        if copied.verdict.is_ok()
            && summary.replayed == 0
            && parking.strays(Strays::Remove).await? > 0
        {
            summary.failed += 1;
            let (exchange, parking) = (outlet.exchange.to_owned(), parking.queue().to_owned());
            return Err(ChangeError::LeadsNowhere { exchange, parking });
        }
        if let Some(error) = settle(scan, copied, report, summary).await? {
            trouble.get_or_insert(error);
        }
    }
    match trouble {
        Some(source) => Err(ChangeError::Publish { exchange: outlet.exchange.to_owned(), source }),
        None if reached_the_end => Ok(Pass::ReachedTheEnd),
        None => Ok(Pass::Stopped),
    }
}

async fn copy(outlet: &Outlet<'_>, replay: Uuid, letter: DeadLetter, browsed: Browsed) -> Copied {
    let verdict = publish_copy(outlet, replay, &letter, &browsed).await;
    Copied { letter, browsed, verdict }
}

async fn publish_copy(
    outlet: &Outlet<'_>,
    replay: Uuid,
    letter: &DeadLetter,
    browsed: &Browsed,
) -> Result<(), CopyError> {
    let message = message(replay, letter, browsed)?;
    let confirmed = outlet.publisher.publish(&outlet.route, message).await?;
    if confirmed.routed {
        Ok(())
    } else {
        Err(CopyError::Returned { exchange: outlet.exchange.to_owned() })
    }
}

/// The same event under the same id, with none of its history but this replay.
fn message(replay: Uuid, letter: &DeadLetter, browsed: &Browsed) -> Result<Message, MessageError> {
    let fallback_id = letter.id.clone().unwrap_or_else(|| Uuid::now_v7().to_string());
    let now = u64::try_from(OffsetDateTime::now_utc().unix_timestamp()).unwrap_or(0);
    let successor = browsed.message.successor(&fallback_id)?;
    Ok(successor.timestamp(now).replay(&replay.to_string()))
}

/// Removes the letter of a confirmed copy. Answers the error that makes it pointless
/// to begin more copies, if it is one.
async fn settle(
    scan: &Scan<'_>,
    copied: Copied,
    report: &mut impl Report,
    summary: &mut ReplaySummary,
) -> Result<Option<PublishError>, ChangeError> {
    let Copied { letter, browsed, verdict } = copied;
    let error = match verdict {
        Ok(()) => {
            scan.remove(browsed).await?;
            summary.replayed += 1;
            report.done(&letter);
            return Ok(None);
        }
        Err(error) => error,
    };
    summary.failed += 1;
    report.failed(&letter, &Chain(&error).to_string());
    Ok(match error {
        // About this letter only.
        CopyError::Message(_)
        | CopyError::Returned { .. }
        | CopyError::Publish(
            PublishError::Nacked { .. }
            | PublishError::BodyTooLarge { .. }
            | PublishError::HeadersTooLarge { .. },
        ) => None,
        CopyError::Publish(error) => Some(error),
    })
}
