//! One destination's trouble is nobody else's.

use std::time::Duration;

use fanfare_sandbox::mock::MockApi;
use fanfare_tests::{PATIENCE, RunningConsumer, World, registered_many};
use tokio::time::Instant;

const EVENTS: usize = 2_000;

#[tokio::test]
async fn two_dead_apis_come_back_and_no_event_has_spent_an_attempt() {
    let world = World::start().await;
    world.declare(&["crm", "mail"]).await;
    let (crm, mail) = (MockApi::sink().await.unwrap(), MockApi::sink().await.unwrap());
    crm.go_down().await.unwrap();
    mail.go_down().await.unwrap();
    // With a single attempt, one that was spent on a dead API would be the last.
    let once = [("FANFARE_RETRY_ATTEMPTS", "1")];
    let consumers = [
        RunningConsumer::start(&world, "crm", &crm, &once),
        RunningConsumer::start(&world, "mail", &mail, &once),
    ];
    let producer = world.producer().await;
    for receipt in producer.publish_all(&registered_many(200)).await {
        receipt.unwrap();
    }
    world.until_held("crm").await;
    world.until_held("mail").await;
    for api in [&crm, &mail] {
        api.come_up().await.unwrap();
    }
    for api in [&crm, &mail] {
        api.wait_until("all events", 2 * PATIENCE, |api| api.totals().accepted == 200)
            .await
            .unwrap();
    }
    for destination in ["crm", "mail"] {
        assert_eq!(world.ready(&world.names(destination).dead()).await, 0);
    }
    for consumer in consumers {
        consumer.stop().await;
    }
    producer.close().await;
    world.end().await;
}

#[tokio::test]
async fn a_dead_api_does_not_slow_the_other() {
    // Both alive, then one dead for the whole run: the same work for the other.
    let with_both = time_of_crm(true).await;
    let alone = time_of_crm(false).await;
    eprintln!(
        "{EVENTS} events at one API: {with_both:?} beside a live one, {alone:?} beside a dead one"
    );
    assert!(alone < 5 * with_both + Duration::from_secs(5), "{alone:?} against {with_both:?}");
}

async fn time_of_crm(mail_is_alive: bool) -> Duration {
    let world = World::start().await;
    world.declare(&["crm", "mail"]).await;
    let (crm, mail) = (MockApi::sink().await.unwrap(), MockApi::sink().await.unwrap());
    if !mail_is_alive {
        mail.go_down().await.unwrap();
    }
    let consumers = [
        RunningConsumer::start(&world, "crm", &crm, &[]),
        RunningConsumer::start(&world, "mail", &mail, &[]),
    ];
    let producer = world.producer().await;
    let started = Instant::now();
    for receipt in producer.publish_all(&registered_many(EVENTS)).await {
        receipt.unwrap();
    }
    crm.wait_until("all events", PATIENCE, |api| api.totals().accepted == EVENTS as u64)
        .await
        .unwrap();
    let took = started.elapsed();
    for consumer in consumers {
        consumer.stop().await;
    }
    producer.close().await;
    world.end().await;
    took
}
