//! What the shared ledger is told about claims, also when nobody can wait for it.

use std::sync::LazyLock;
use std::time::Duration;

use futures_util::future::join_all;
use redis::Script;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tracing::{debug, warn};

use super::TIME_TO_LIVE;
use super::memory::CAPACITY;
use crate::clock::as_ms;
use crate::shared::{Away, RedisLink};

/// How a claim ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    /// The destination has the event.
    Delivered,
    /// It has not, as far as can be known.
    Released,
    /// Nobody knows.
    Abandoned,
}

/// An entry of the ledger, and who claims it.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) holder: u64,
}

/// How the claim on an entry ends.
#[derive(Debug)]
struct Message {
    entry: Entry,
    word: Word,
}

/// Carries messages to the ledger; while it is away, it keeps them.
#[derive(Debug)]
pub(super) struct Postbox(mpsc::Sender<Post>);

#[derive(Debug)]
enum Post {
    Message(Message),
    /// Answered once everything before it has arrived.
    Mark(oneshot::Sender<()>),
}

/// As many as the process remembers itself. What does not fit is lost to the others: a
/// claim then ends with its lease, and a delivered key is known here alone.
const MOST_MESSAGES: usize = CAPACITY;
/// So many share a round trip.
const AT_ONCE: usize = 256;
/// How long the end of the process waits for what was posted.
const LAST_POST: Duration = Duration::from_secs(2);

static DELIVERED: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("delivered.lua")));
static RELEASE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("release.lua")));
static ABANDON: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("abandon.lua")));

impl Entry {
    /// Says now how the claim ends.
    pub(super) async fn say(&self, word: Word, link: &RedisLink) -> Result<(), Away> {
        let script = match word {
            Word::Delivered => &DELIVERED,
            Word::Released => &RELEASE,
            Word::Abandoned => &ABANDON,
        };
        let mut question = script.key(&self.name);
        link.ask(question.arg(self.holder).arg(as_ms(TIME_TO_LIVE))).await
    }
}

impl Message {
    async fn say_once_it_is_up(&self, link: &RedisLink) {
        while self.entry.say(self.word, link).await.is_err() {
            link.up().await;
        }
    }
}

impl Postbox {
    pub(super) fn open(link: RedisLink) -> Self {
        let (sender, posts) = mpsc::channel(MOST_MESSAGES);
        tokio::spawn(carry(posts, link));
        Self(sender)
    }

    /// Has it said, in its turn. Never waits.
    pub(super) fn post(&self, entry: Entry, word: Word) {
        if let Err(error) = self.0.try_send(Post::Message(Message { entry, word })) {
            debug!(%error, "The ledger has been away for so long that it will not hear of this");
        }
    }

    /// Waits until what was posted has arrived, but not for long.
    pub(super) async fn emptied(&self) {
        let (mark, reached) = oneshot::channel();
        let emptied =
            async { self.0.send(Post::Mark(mark)).await.is_ok() && reached.await.is_ok() };
        if !timeout(LAST_POST, emptied).await.unwrap_or_default() {
            warn!("The ledger was not told everything; other processes may repeat calls");
        }
    }
}

/// Ends when the postbox is dropped and empty.
async fn carry(mut posts: mpsc::Receiver<Post>, link: RedisLink) {
    let mut batch = Vec::with_capacity(AT_ONCE);
    while posts.recv_many(&mut batch, AT_ONCE).await > 0 {
        let messages = batch.iter().filter_map(|post| match post {
            Post::Message(message) => Some(message.say_once_it_is_up(&link)),
            Post::Mark(_) => None,
        });
        join_all(messages).await;
        for post in batch.drain(..) {
            if let Post::Mark(mark) = post
                && mark.send(()).is_err()
            {
                debug!("Nobody waits for the ledger any more");
            }
        }
    }
}
