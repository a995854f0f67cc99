//! What becomes of an event whose destination is not always well.

use std::time::Duration;

use fanfare_sandbox::mock::{Control, Fault, MockApi};
use fanfare_tests::{PATIENCE, RunningConsumer, World, registered};

#[tokio::test]
async fn an_event_survives_two_failures_with_one_key_and_one_effect() {
    let world = World::start().await;
    let api = MockApi::sink().await.unwrap();
    api.control(Control::script([Fault::status(503), Fault::status(503)])).unwrap();
    world.declare(&["crm"]).await;
    let consumer = RunningConsumer::start(&world, "crm", &api, &[]);

    let producer = world.producer().await;
    producer.publish(&registered(1)).await.unwrap();

    api.wait_until("three calls", PATIENCE, |api| api.totals().accepted == 1).await.unwrap();
    let log = api.log();
    assert_eq!(
        log.iter().map(|call| call.status).collect::<Vec<_>>(),
        [Some(503), Some(503), Some(200)]
    );
    assert!(log.iter().all(|call| call.keys == log[0].keys), "one key in every attempt");
    assert_eq!(log[0].keys.len(), 1);
    for pair in log.windows(2) {
        let gap = pair[1].arrived_ms - pair[0].arrived_ms;
        assert!((950.0..10_000.0).contains(&gap), "the delay line waits whole seconds: {gap} ms");
    }
    consumer.stop().await;
    producer.close().await;
    assert_eq!(world.ready(&world.names("crm").dead()).await, 0);
    world.end().await;
}

#[tokio::test]
async fn a_retry_after_is_never_cut_short() {
    for form in ["2", "1.5", "imf:+2s", "rfc850:+2s", "asctime:+2s"] {
        let world = World::start().await;
        let api = MockApi::sink().await.unwrap();
        api.control(Control::script([Fault::status(429).retry_after(form)])).unwrap();
        world.declare(&["crm"]).await;
        let consumer = RunningConsumer::start(&world, "crm", &api, &[]);
        let producer = world.producer().await;
        producer.publish(&registered(1)).await.unwrap();
        // The answer has been read when its event is in the delay line.
        world.until_delayed("crm", 1).await;
        // Others arrive while the destination asks for quiet.
        for number in 2..20 {
            producer.publish(&registered(number)).await.unwrap();
        }
        api.wait_until("all events", PATIENCE, |api| api.totals().accepted == 19).await.unwrap();

        let log = api.log();
        let asked = Duration::from_millis(if form == "1.5" { 1500 } else { 2000 });
        // A date has whole seconds, so it asks for up to one less than it says.
        let asked = if form.contains('+') { asked - Duration::from_secs(1) } else { asked };
        let quiet = log[1].arrived_ms - log[0].ended_ms.unwrap();
        assert!(quiet >= asked.as_secs_f64() * 1000.0, "{form}: called again after {quiet} ms");
        consumer.stop().await;
        producer.close().await;
        world.end().await;
    }
}
