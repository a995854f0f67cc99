//! What is on the wire of one channel: publishes that wait for their confirms.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::{Channel, Confirmation, Connection};
use tokio::time::Instant;

use super::attribution::Attribution;
use super::confirms::ConfirmSet;
use super::nacks::Record;
use super::publisher::Publication;
use crate::fault::Fault;

/// A channel in confirm mode.
///
/// [`Wire::open`] is the only constructor, so a publish that nobody confirms cannot be
/// written by accident.
pub(super) struct Wire {
    pub(super) channel: Arc<Channel>,
    pub(super) confirms: ConfirmSet<Result<Confirmation, lapin::Error>>,
    pub(super) attribution: Attribution,
    pub(super) last_published: u64,
    pub(super) record: Record,
    published_at: VecDeque<(u64, Instant)>,
}

impl Wire {
    pub(super) async fn open(connection: &Connection) -> Result<Self, Fault> {
        let channel = connection.create_channel().await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        Ok(Self {
            channel: Arc::new(channel),
            confirms: ConfirmSet::new(),
            attribution: Attribution::default(),
            last_published: 0,
            record: Record::new(Instant::now()),
            published_at: VecDeque::new(),
        })
    }

    /// Publishes at place `seq`; its confirm will be among the finished ones.
    pub(super) fn publish(&mut self, seq: u64, publication: &Publication) {
        let channel = Arc::clone(&self.channel);
        let message = Arc::clone(&publication.message);
        let route = publication.route.clone();
        self.confirms.push(seq, async move {
            // Without `mandatory` the broker confirms what no queue received.
            let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
            let properties = message.wire_properties();
            channel
                .basic_publish(
                    route.exchange,
                    route.routing_key,
                    options,
                    &message.body,
                    properties,
                )
                .await?
                .await
        });
        self.published_at.push_back((seq, Instant::now()));
        self.last_published = seq;
    }

    /// How long the oldest publish without a verdict has been waiting.
    pub(super) fn oldest(&self) -> Option<Duration> {
        self.published_at.front().map(|(_, at)| at.elapsed())
    }

    /// Keeps the oldest publish that is unsettled at the front.
    pub(super) fn forget_unless(&mut self, is_unsettled: impl Fn(u64) -> bool) {
        while let Some((seq, _)) = self.published_at.front()
            && !is_unsettled(*seq)
        {
            self.published_at.pop_front();
        }
    }
}
