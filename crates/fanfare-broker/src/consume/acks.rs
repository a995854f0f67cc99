//! Telling the broker what is settled: as few words as will do, and the last ones for sure.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::OptionFuture;
use lapin::Channel;
use lapin::options::{
    BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicNackOptions, BasicQosOptions,
};
use lapin::types::FieldTable;
use tokio::time::{Instant, sleep_until, timeout};
use tracing::warn;

use super::ack_tracker::{Flush, Word};
use super::delivery::Session;
use super::subscription::GivingBack;
use crate::fault::Fault;

type Write = Pin<Box<dyn Future<Output = Result<(), lapin::Error>> + Send>>;

pub(super) const CONSUMER_TAG: &str = "fanfare";
/// How long the last acks may take when the subscription is closed.
const LAST_WRITE_DEADLINE: Duration = Duration::from_secs(5);

/// Tells the broker what is settled, one write at a time: whatever is settled
/// during a write goes with the next one.
pub(super) struct Acks {
    channel: Channel,
    session: Arc<Session>,
    queue: String,
    is_cancelled: bool,
    writing: OptionFuture<Write>,
    again_at: Option<Instant>,
}

impl Acks {
    pub(super) fn new(channel: Channel, session: Arc<Session>, queue: &str) -> Self {
        let queue = queue.to_owned();
        Self { channel, session, queue, is_cancelled: false, writing: None.into(), again_at: None }
    }

    /// Writes when there is something to write; to be polled again and again.
    pub(super) async fn progress(&mut self) -> Result<(), lapin::Error> {
        loop {
            if let Some(written) = (&mut self.writing).await {
                self.writing = None.into();
                written?;
            }
            tokio::select! {
                () = self.session.settled.notified() => {}
                () = sleep_until(self.again_at.unwrap_or_else(Instant::now)), if self.again_at.is_some() => {}
            }
            self.start_write();
        }
    }

    fn start_write(&mut self) {
        if let Some(question) = self.session.question() {
            self.again_at = None;
            self.writing = Some(self.write_and_hear(question)).into();
            return;
        }
        let flush = self.session.tracker().flush(Instant::now());
        self.again_at = flush.again_at;
        if !flush.is_empty() {
            self.writing = Some(write(self.channel.clone(), flush)).into();
        }
    }

    /// Takes no more deliveries; returns when the broker has heard of it.
    pub(super) async fn cancel_in_time(&mut self) -> Result<(), Fault> {
        self.is_cancelled = true;
        match timeout(LAST_WRITE_DEADLINE, cancel(&self.channel)).await {
            Ok(cancelled) => Ok(cancelled?),
            Err(_) => Err(Fault::lost("the broker does not answer")),
        }
    }

    /// Says all that is settled, and waits until the queue has heard it.
    fn write_and_hear(&self, question: u64) -> Write {
        let flush = self.session.tracker().flush_now();
        let (channel, queue) = (self.channel.clone(), self.queue.clone());
        let session = Arc::clone(&self.session);
        Box::pin(async move {
            write(channel.clone(), flush).await?;
            stand_in_line(&channel, &queue).await?;
            session.answer(question);
            Ok(())
        })
    }

    /// The last acks, and then the channel is closed.
    pub(super) async fn finish(&mut self, giving_back: GivingBack) {
        // What settles from here on would not be said any more: it comes again.
        self.session.end();
        match timeout(LAST_WRITE_DEADLINE, self.catch_up(giving_back)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => warn!(%error, "The broker did not take the last acks but one"),
            // Said all the same: an ack that is late is better than none.
            Err(_) => warn!("The broker is slow to take the last acks"),
        }
        match timeout(LAST_WRITE_DEADLINE, self.say_the_last(giving_back)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => warn!(%error, "Could not ack the last deliveries, they come again"),
            Err(_) => warn!("Could not ack the last deliveries in time, they come again"),
        }
    }

    /// A quorum queue has 32 acks under way; the channel keeps the others, and forgets
    /// them when it closes. Cancelling waits until the queue has caught up.
    async fn catch_up(&mut self, giving_back: GivingBack) -> Result<(), lapin::Error> {
        if let Some(written) = (&mut self.writing).await {
            written?;
        }
        match giving_back {
            // A second cancel is answered without a look at the queue.
            GivingBack::AtOnce if self.is_cancelled => {
                self.channel.basic_qos(1, BasicQosOptions::default()).await?;
                stand_in_line(&self.channel, &self.queue).await
            }
            GivingBack::AtOnce => cancel(&self.channel).await,
            GivingBack::Together => stand_in_line(&self.channel, &self.queue).await,
        }
    }

    async fn say_the_last(&mut self, giving_back: GivingBack) -> Result<(), lapin::Error> {
        match giving_back {
            GivingBack::AtOnce => {
                // For the same reason the last acks are as few as can be.
                let last_words = self.session.tracker().last_words();
                for word in last_words {
                    say(&self.channel, word).await?;
                }
            }
            GivingBack::Together => {
                // What is given back before the end would come again behind the rest.
                let flush = Flush { requeue: Vec::new(), ..self.session.tracker().flush_now() };
                write(self.channel.clone(), flush).await?;
                stand_in_line(&self.channel, &self.queue).await?;
            }
        }
        // The answer says that the broker has read them all.
        self.channel.close(200, "done".into()).await
    }
}

async fn say(channel: &Channel, word: Word) -> Result<(), lapin::Error> {
    match word {
        Word::Ack { through } => {
            channel.basic_ack(through, BasicAckOptions { multiple: true }).await
        }
        Word::Requeue { through } => {
            let options = BasicNackOptions { multiple: true, requeue: true };
            channel.basic_nack(through, options).await
        }
    }
}

fn write(channel: Channel, flush: Flush) -> Write {
    Box::pin(async move {
        for tag in flush.requeue {
            let options = BasicNackOptions { requeue: true, ..BasicNackOptions::default() };
            channel.basic_nack(tag, options).await?;
        }
        for tag in flush.reject {
            let options = BasicNackOptions { requeue: false, ..BasicNackOptions::default() };
            channel.basic_nack(tag, options).await?;
        }
        // The run first: a crash in between must not bring back one that was settled
        // before one that is acked singly.
        if let Some(tag) = flush.through {
            channel.basic_ack(tag, BasicAckOptions { multiple: true }).await?;
        }
        for tag in flush.singly {
            channel.basic_ack(tag, BasicAckOptions { multiple: false }).await?;
        }
        Ok(())
    })
}

/// Waits as [`cancel`] does until the queue has caught up, without leaving its place as
/// the queue's single active consumer: a second one is behind it in the line.
async fn stand_in_line(channel: &Channel, queue: &str) -> Result<(), lapin::Error> {
    const SECOND: &str = "fanfare-second";
    let (options, none) = (BasicConsumeOptions::default(), FieldTable::default());
    let _second = channel.basic_consume(queue.into(), SECOND.into(), options, none).await?;
    channel.basic_cancel(SECOND.into(), BasicCancelOptions::default()).await
}

async fn cancel(channel: &Channel) -> Result<(), lapin::Error> {
    channel.basic_cancel(CONSUMER_TAG.into(), BasicCancelOptions::default()).await
}
