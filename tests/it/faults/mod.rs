//! The fault matrix, told with whole programs: what breaks, and what is delivered all the same.
//!
//! Every story shows that its fault happened, and ends with what holds after any of them. The
//! long forms take a fault's full time: `cargo xtask test -- --ignored faults`.

mod alarm;
mod confirms;
mod endings;
mod flat;
mod network;
mod queues;
mod stopped;

use fanfare_events::{Event, IdempotencyKey};
use fanfare_producer::Producer;
use fanfare_tests::{PATIENCE, ProgramSettings, Vendor, World, run_to_end};

fn key(event: &Event, vendor: &Vendor) -> String {
    IdempotencyKey::of(event, &vendor.name.parse().unwrap()).to_string()
}

/// `fanfare` with `arguments`, which has to succeed.
async fn fanfare(world: &World, arguments: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let settings = arguments
        .iter()
        .fold(ProgramSettings::default(), |settings, argument| settings.argument(argument))
        .set("FANFARE_AMQP_URL", world.url())
        .set("FANFARE_NAMESPACE", world.namespace().as_str())
        .set("FANFARE_AUDIT_LOG", folder.path().join("audit").display().to_string());
    let (status, _, log) = run_to_end("fanfare", &settings).await;
    assert!(status.success(), "fanfare {arguments:?}: {log}");
}

/// Publishes until the broker has each of `events`. Whatever else it answers is a reason to
/// publish the same again. Returns how often there was one.
async fn publish_until_confirmed(producer: &Producer, events: &[Event]) -> usize {
    let mut unconfirmed = 0;
    let mut left = events.to_vec();
    while !left.is_empty() {
        let receipts = producer.publish_all(&left).await;
        let answered = left.drain(..).zip(receipts);
        let again: Vec<_> = answered
            .filter_map(|(event, receipt)| match receipt {
                Ok(receipt) => {
                    assert!(receipt.routed, "somebody subscribes to it");
                    None
                }
                Err(error) => {
                    assert!(error.is_transient(), "{error}");
                    Some(event)
                }
            })
            .collect();
        unconfirmed += again.len();
        left = again;
    }
    unconfirmed
}

/// Waits until the API has had an effect for each of `events`.
async fn until_delivered(vendor: &Vendor, events: &[Event]) {
    let what = format!("{} events at {}", events.len(), vendor.name);
    let (vendor, patience) = (&vendor.mock, 3 * PATIENCE);
    vendor.wait_until(&what, patience, |it| it.effects().keys.len() >= events.len()).await.unwrap();
}

/// I1 to I4: each of `events` had its one effect, nothing else had any, and nothing is left.
async fn assert_each_delivered_once(world: &World, vendor: &Vendor, events: &[Event]) {
    world.until_drained(vendor.name).await;
    let tallies = vendor.mock.effects().keys;
    for event in events {
        let tally = tallies.get(&key(event, vendor)).copied().unwrap_or_default();
        assert_eq!(tally.effects, 1, "effects at {} of {}", vendor.name, event.id());
    }
    assert_eq!(tallies.len(), events.len(), "{} got what was not published", vendor.name);
    assert_eq!(world.ready(&world.names(vendor.name).dead()).await, 0, "nothing was given up");
    assert_eq!(world.ready(&world.namespace().unrouted()).await, 0, "nothing was parked");
}

/// Calls beyond the first for an event.
fn repeated_calls(vendor: &Vendor) -> u32 {
    vendor.mock.effects().keys.values().map(|tally| tally.accepted.saturating_sub(1)).sum()
}
