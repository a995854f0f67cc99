//! Going through a queue of dead letters once, from front to back.

use std::num::NonZeroU16;

use fanfare_broker::{
    BrokerConfig, BrowseError, Browsed, Browser, DestinationNames, FaultKind, InspectError,
    Inspector,
};

use super::dead_letter::DeadLetter;
use super::filter::Filter;

/// The dead letters of one destination.
#[derive(Clone, Debug)]
pub struct DeadLetters {
    /// How the broker is dialled.
    pub broker: BrokerConfig,
    /// Whose they are.
    pub names: DestinationNames,
}

/// One pass. What was read stays in its place unless it is removed.
#[derive(Debug)]
pub struct Scan<'a> {
    browser: Browser,
    destination: &'a str,
    filter: &'a Filter,
    waiting: u64,
    other_readers: u32,
}

/// A dead letter that is meant.
#[derive(Debug)]
pub struct Match {
    /// What it says.
    pub letter: DeadLetter,
    /// The message, to be replayed or removed.
    pub browsed: Browsed,
}

/// Why dead letters cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    /// The queue cannot be looked at.
    #[error("the dead letters of {destination} cannot be read")]
    Inspect {
        /// The destination.
        destination: String,
        /// What the broker said.
        #[source]
        source: InspectError,
    },
    /// There is no such queue.
    #[error(
        "there is no queue {queue}; is `{destination}` the destination's name, and the namespace right?"
    )]
    NoQueue {
        /// The destination.
        destination: String,
        /// The queue.
        queue: String,
    },
    /// The queue cannot be read.
    #[error("the dead letters of {destination} cannot be read")]
    Browse {
        /// The destination.
        destination: String,
        /// What the broker said.
        #[source]
        source: BrowseError,
    },
}

/// So many letters are taken into our hands as soon as a pass begins.
const PER_CHANNEL: NonZeroU16 = NonZeroU16::new(50_000).expect("50,000 is not zero");

impl DeadLetters {
    /// Begins a pass over the letters that are there now.
    pub async fn scan<'a>(&'a self, filter: &'a Filter) -> Result<Scan<'a>, ScanError> {
        let (destination, queue) = (self.names.destination(), self.names.dead());
        let looked = look(&self.broker, &queue).await;
        let depth = looked
            .map_err(|source| ScanError::Inspect { destination: destination.to_owned(), source })?;
        let Some(depth) = depth else {
            return Err(ScanError::NoQueue { destination: destination.to_owned(), queue });
        };
        let browser = Browser::open_with(&self.broker, &queue, PER_CHANNEL)
            .await
            .map_err(|source| browse_error(destination, source))?;
        Ok(Scan {
            waiting: browser.left(),
            browser,
            destination,
            filter,
            other_readers: depth.consumers,
        })
    }
}

impl Scan<'_> {
    /// How many letters were there when the pass began.
    pub fn waiting(&self) -> u64 {
        self.waiting
    }

    /// How many letters have been read so far, meant or not.
    pub fn read(&self) -> u64 {
        self.waiting - self.browser.left()
    }

    /// How many others were reading the queue; what they hold is not seen here.
    pub fn other_readers(&self) -> u32 {
        self.other_readers
    }

    /// The next letter that is meant.
    pub async fn next(&mut self) -> Result<Option<Match>, ScanError> {
        while let Some(browsed) = self.browser.next().await.map_err(self.error())? {
            let letter = DeadLetter::read(&browsed.message, self.destination);
            if self.filter.matches(&letter) {
                return Ok(Some(Match { letter, browsed }));
            }
        }
        Ok(None)
    }

    /// Takes a letter out of the queue for good.
    pub async fn remove(&self, browsed: Browsed) -> Result<(), ScanError> {
        self.browser.remove(browsed).await.map_err(self.error())
    }

    /// Ends the pass: what was read and not removed returns to its place. Answers how
    /// many letters could not be read because another reader holds them.
    pub async fn close(mut self) -> u64 {
        let left = self.browser.left();
        if self.waiting > PER_CHANNEL.get().into() {
            self.read_the_rest().await;
        }
        self.browser.close().await;
        left
    }

    /// A quorum queue puts what is returned behind whatever was returned before. So that
    /// nothing changes places, all has to be in our hands before any of it is returned.
    async fn read_the_rest(&mut self) {
        while let Ok(Some(_)) = self.browser.next().await {}
    }

    fn error(&self) -> impl FnOnce(BrowseError) -> ScanError + use<> {
        let destination = self.destination.to_owned();
        move |source| ScanError::Browse { destination, source }
    }
}

impl ScanError {
    /// Whether the broker could not be reached, or was lost.
    pub fn is_unreachable(&self) -> bool {
        match self {
            Self::NoQueue { .. } => false,
            Self::Inspect { source, .. } => source.is_unreachable(),
            Self::Browse { source, .. } => match source {
                BrowseError::Unreachable(_) | BrowseError::Lost { .. } => true,
                BrowseError::Refused { source, .. } => source.kind() == FaultKind::Lost,
            },
        }
    }
}

pub(super) async fn look(
    broker: &BrokerConfig,
    queue: &str,
) -> Result<Option<fanfare_broker::QueueDepth>, InspectError> {
    let inspector = Inspector::connect(broker).await?;
    let depth = inspector.depth(queue).await;
    inspector.close().await;
    depth
}

fn browse_error(destination: &str, source: BrowseError) -> ScanError {
    ScanError::Browse { destination: destination.to_owned(), source }
}
