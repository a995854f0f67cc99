//! What an API says about the calls that are left, before it has to refuse one.

use std::time::Duration;

use fanfare_delivery::Destination;
use fanfare_sandbox::mock::{Api, MockApi, Options, RateLimit, most_within};
use fanfare_tests::{PATIENCE, RunningConsumer, World, hubspot, registered_many, sendgrid};

const WINDOW: Duration = Duration::from_secs(1);
const CALLS: u32 = 5;

async fn limited(api: Api) -> MockApi {
    let rate_limit = Some(RateLimit { max: CALLS, interval: WINDOW, daily: 1000 });
    MockApi::start(api, Options { rate_limit, ..Options::default() }).await.unwrap()
}

/// Delivers three windows full of events, one after the other, without being refused once.
async fn is_never_refused<D: Destination>(name: &str, destination: D, mock: &MockApi) {
    let world = World::start().await;
    world.declare(&[name]).await;
    let producer = world.producer().await;
    let count = 3 * CALLS;
    producer.publish_all(registered_many(count as usize)).await;
    let concurrency = [("FANFARE_MAX_CONCURRENCY", "1")];
    let consumer = RunningConsumer::with(&world, name, destination, &concurrency);
    let all = u64::from(count);
    mock.wait_until("all events", PATIENCE, |mock| mock.totals().effects == all).await.unwrap();
    consumer.stop().await;
    producer.close().await;
    world.end().await;

    let log = mock.log();
    assert_eq!(log.iter().filter(|call| call.status == Some(429)).count(), 0);
    assert_eq!(log.len(), count as usize);
    assert!(most_within(WINDOW, &log) <= CALLS as usize);
}

#[tokio::test]
async fn hubspots_window_is_kept_to() {
    let mock = limited(Api::HubSpot).await;
    let singly = [("HUBSPOT_BATCH_SIZE", "1")];
    is_never_refused("hubspot", hubspot(&mock, &singly), &mock).await;
}

#[tokio::test]
async fn sendgrids_window_is_kept_to() {
    let mock = limited(Api::SendGrid).await;
    is_never_refused("sendgrid", sendgrid(&mock, &[]), &mock).await;
}
