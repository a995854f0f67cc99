//! What others publish: messages that are no events, and events that come twice.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use fanfare_broker::{Message, Publisher, PublisherOptions, Route};
use fanfare_events::Event;
use serde::Serialize;

use super::Sight;
use crate::clock::now_ms;
use crate::load::{Name, event, event_type};
use crate::plan::Planned;
use crate::stage::Stage;

/// Who publishes events twice; no producer has this number.
pub const BAD_PRODUCER: u32 = 90;

/// On a slow machine the broker may be starting for most of a minute, again and again.
const PATIENCE: Duration = Duration::from_secs(240);

/// What is wrong with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BadSort {
    /// Half a JSON object.
    BrokenJson,
    /// Bytes that are no text.
    NotUtf8,
    /// An event without an id.
    NoId,
    /// An event of a version that there is not.
    OtherVersion,
    /// Arrays in arrays in arrays.
    TooDeep,
    /// Nothing at all.
    Empty,
}

/// A message that can become nothing but a dead letter, wherever its type is wanted.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BadMessage {
    /// The message's id.
    pub id: String,
    /// What is wrong with it.
    pub sort: BadSort,
    /// The routing key.
    pub event_type: String,
    /// When its publish began.
    pub begun_ms: f64,
    /// Whether the broker confirmed it: then it must be among the dead letters, else it may.
    pub is_confirmed: bool,
}

/// What was published so far.
#[derive(Debug, Default)]
pub(super) struct Strangers(Mutex<Published>);

#[derive(Debug, Default)]
struct Published {
    bad: Vec<BadMessage>,
    /// Numbers of events that were published twice.
    twice: Vec<u64>,
}

impl BadSort {
    const ALL: [Self; 6] = [
        Self::BrokenJson,
        Self::NotUtf8,
        Self::NoId,
        Self::OtherVersion,
        Self::TooDeep,
        Self::Empty,
    ];

    fn body(self) -> Vec<u8> {
        match self {
            Self::BrokenJson => br#"{"specversion":"1.0","id":"#.to_vec(),
            Self::NotUtf8 => vec![0xff, 0xfe, 0x00, 0xc3, 0x28],
            Self::NoId => {
                br#"{"specversion":"1.0","source":"/bad","type":"user.registered"}"#.to_vec()
            }
            Self::OtherVersion => {
                br#"{"specversion":"0.3","id":"1","source":"/bad","type":"user.registered"}"#
                    .to_vec()
            }
            Self::TooDeep => {
                let deep = format!("{}{}", "[".repeat(100), "]".repeat(100));
                let event = r#"{"specversion":"1.0","id":"1","source":"/bad","type":"user.registered","data":"#;
                format!("{event}{deep}}}").into_bytes()
            }
            Self::Empty => Vec::new(),
        }
    }
}

impl Strangers {
    pub(super) fn published(&self) -> (Vec<BadMessage>, Vec<u64>) {
        let published = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (published.bad.clone(), published.twice.clone())
    }

    /// One message of each sort, and two copies of one event.
    pub(super) async fn publish(&self, stage: &Stage, planned: Planned) -> anyhow::Result<Sight> {
        let options = PublisherOptions { give_up_after: PATIENCE, ..PublisherOptions::default() };
        let publisher = Publisher::start(stage.config(), "chaos strangers", options);
        let published = self.publish_by(&publisher, stage, planned).await;
        publisher.close().await;
        published
    }

    async fn publish_by(
        &self,
        publisher: &Publisher,
        stage: &Stage,
        planned: Planned,
    ) -> anyhow::Result<Sight> {
        let exchange = stage.namespace().events();
        let mut count = 0;
        for (index, sort) in BadSort::ALL.into_iter().enumerate() {
            let event_type = "user.registered";
            let route = Route::new(&exchange, event_type)?;
            let id = format!("bad-{}-{index}", planned.variety);
            let message = Message::new(&id, sort.body())?.content_type(Event::CONTENT_TYPE)?;
            let begun_ms = now_ms();
            let published = publisher.publish(&route, message).await;
            let is_confirmed = published.is_ok();
            let event_type = event_type.to_owned();
            let bad = BadMessage { id, sort, event_type, begun_ms, is_confirmed };
            self.0.lock().unwrap_or_else(PoisonError::into_inner).bad.push(bad);
            published.context("a bad message is not taken")?;
            count += 1;
        }
        let number = u64::from(planned.variety);
        let twice = event(Name { producer: BAD_PRODUCER, number });
        let route = Route::new(&exchange, event_type(number))?;
        for _ in 0..2 {
            let message = Message::new(twice.id().as_str(), twice.to_json())?
                .content_type(Event::CONTENT_TYPE)?
                .kind(twice.event_type())?;
            if count == BadSort::ALL.len() as u64 {
                self.0.lock().unwrap_or_else(PoisonError::into_inner).twice.push(number);
            }
            publisher.publish(&route, message).await.context("an event is not taken")?;
            count += 1;
        }
        Ok(Sight::new(count, format!("{count} messages confirmed")))
    }
}
