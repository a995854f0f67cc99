//! A destination that is asked whether it has an event, and takes its time.

use std::future::pending;

use fanfare_delivery::{Attempt, Destination, Outcome};
use fanfare_tests::{RunningConsumer, World, registered, within};
use tokio::sync::mpsc;
use tokio::time::{Duration, Instant};

/// Tells when it is called. Its first call is never answered, and a look-up never is.
#[derive(Clone)]
struct Silent {
    asked: mpsc::UnboundedSender<Instant>,
    called: mpsc::UnboundedSender<Instant>,
    answers: bool,
}

impl Destination for Silent {
    fn handles(&self, _: &str) -> bool {
        true
    }

    async fn deliver(&self, _: &Attempt) -> Outcome {
        self.called.send(Instant::now()).unwrap();
        if self.answers { Outcome::Delivered } else { pending().await }
    }

    async fn was_delivered(&self, _: &Attempt) -> Option<bool> {
        self.asked.send(Instant::now()).unwrap();
        pending().await
    }
}

#[tokio::test]
async fn a_look_up_that_takes_too_long_leaves_the_call_its_time_in_the_lease() {
    let world = World::start().await;
    world.declare(&["crm"]).await;
    let ((asked, mut asks), (called, mut calls)) =
        (mpsc::unbounded_channel(), mpsc::unbounded_channel());
    let settings = [("FANFARE_TIMEOUT", "1h")];
    let first = Silent { asked, called, answers: false };
    let second = Silent { answers: true, ..first.clone() };
    let consumer = RunningConsumer::with(&world, "crm", first, &settings);
    world.publish(&[registered(1)]).await;
    within("the call", calls.recv()).await.unwrap();
    consumer.crash();

    let consumer = RunningConsumer::with(&world, "crm", second, &settings);
    let asked = within("the look-up", asks.recv()).await.unwrap();
    let called = within("the call after it", calls.recv()).await.unwrap();
    assert!(called - asked < Duration::from_secs(10), "{:?}", called - asked);
    consumer.stop().await;
    world.end().await;
}
