//! One destination's trouble is nobody else's.

use std::time::Duration;

use fanfare_broker::Cause;
use fanfare_sandbox::mock::{Control, Fault, MockApi, Rule};
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

#[tokio::test]
async fn an_event_that_alone_is_forbidden_does_not_hold_the_others() {
    let world = World::start().await;
    world.declare(&["crm"]).await;
    let api = MockApi::sink().await.unwrap();
    let forbidden = Rule::body_contains("user-7@", Fault::status(403));
    api.control(Control::rules([forbidden])).unwrap();
    let settings = [("FANFARE_RETRY_ATTEMPTS", "2"), ("FANFARE_RETRY_CAP", "1s")];
    let consumer = RunningConsumer::start(&world, "crm", &api, &settings);
    let producer = world.producer().await;
    producer.publish_all(&registered_many(EVENTS)).await;

    let dead = world.names("crm").dead();
    world.until_ready(&dead, 1).await;
    let others = EVENTS as u64 - 1;
    api.wait_until("the others", PATIENCE, |api| api.totals().accepted == others).await.unwrap();
    consumer.stop().await;
    producer.close().await;
    let letter = world.read(&dead).await.remove(0);
    assert_eq!((letter.cause(), letter.attempts()), (Some(Cause::Exhausted), 2));
    let reason = letter.reason().unwrap_or_default();
    assert!(reason.contains("to this event and not to others"), "{reason}");
    world.end().await;
}
