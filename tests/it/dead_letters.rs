//! What is given up, looked at, fixed and replayed.

use fanfare_broker::{Cause, Message, Publisher, PublisherOptions, Route};
use fanfare_sandbox::mock::{Control, Fault, MockApi, Rule};
use fanfare_tests::{PATIENCE, ProgramSettings, RunningConsumer, World, registered, run_to_end};
use serde_json::Value;

/// `fanfare` with `arguments`, and what it printed: one JSON value a line.
async fn fanfare(world: &World, audit: &std::path::Path, arguments: &[&str]) -> Vec<Value> {
    let settings = arguments
        .iter()
        .fold(ProgramSettings::default(), |settings, argument| settings.argument(argument))
        .set("FANFARE_AMQP_URL", world.url())
        .set("FANFARE_NAMESPACE", world.namespace().as_str())
        .set("FANFARE_AUDIT_LOG", audit.display().to_string());
    let (status, stdout, stderr) = run_to_end("fanfare", &settings).await;
    assert!(status.success(), "fanfare {arguments:?}: {status}\n{stderr}");
    stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn what_an_api_refuses_is_called_once_kept_whole_and_replayed_with_its_key() {
    let world = World::start().await;
    let folder = tempfile::tempdir().unwrap();
    let audit = folder.path().join("audit.ndjson");
    let api = MockApi::sink().await.unwrap();
    let refusal = Fault::status(422).body(r#"{"message":"no such plan for ada@example.org"}"#);
    api.control(Control::all(refusal)).unwrap();
    world.declare(&["crm"]).await;
    let consumer = RunningConsumer::start(&world, "crm", &api, &[]);
    let producer = world.producer().await;
    producer.publish(&registered(1)).await.unwrap();
    world.until_ready(&world.names("crm").dead(), 1).await;

    assert_eq!(api.log().len(), 1, "422 is never tried again");
    let listed = fanfare(&world, &audit, &["dlq", "list", "-d", "crm", "--json"]).await;
    let letter = &listed[0];
    assert_eq!(letter["cause"], "rejected");
    assert_eq!(letter["status"], 422);
    assert_eq!(letter["attempts"], 1);
    assert_eq!(letter["type"], "user.registered");
    assert_eq!(letter["reason"], "the API answered 422 Unprocessable Entity");
    assert_eq!(letter["response"], r#"{"message":"no such plan for a***@example.org"}"#);
    let id = letter["id"].as_str().unwrap();
    let shown = fanfare(&world, &audit, &["dlq", "show", "-d", "crm", id, "--json"]).await;
    assert_eq!(shown[0]["cause"], "rejected");

    api.heal();
    let replay = ["dlq", "replay", "-d", "crm", "--cause", "rejected", "--yes", "--json"];
    let summary = fanfare(&world, &audit, &replay).await.pop().unwrap();
    assert_eq!(summary["replayed"], 1, "{summary}");
    api.wait_until("the replayed event", PATIENCE, |api| api.totals().accepted == 1).await.unwrap();
    let log = api.log();
    assert_eq!(log.len(), 2);
    assert_eq!(log[0].keys, log[1].keys, "a replay has the key of the first attempt");
    let again = fanfare(&world, &audit, &replay).await.pop().unwrap();
    assert_eq!(again["matched"], 0, "{again}");
    let audited = std::fs::read_to_string(&audit).unwrap();
    assert!(audited.contains("dlq replay") || audited.contains("replay"), "{audited}");

    consumer.stop().await;
    producer.close().await;
    world.end().await;
}

#[tokio::test]
async fn what_is_no_event_is_kept_byte_for_byte_and_hurts_nobody() {
    let world = World::start().await;
    let api = MockApi::sink().await.unwrap();
    world.declare(&["crm"]).await;
    let consumer = RunningConsumer::start(&world, "crm", &api, &[]);
    let publisher = Publisher::start(world.config(), "foreign", PublisherOptions::default());
    let route = Route::new(&world.namespace().events(), "anything").unwrap();
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let bodies: [&[u8]; 5] = [
        b"{not json",
        b"\xff\xfe\x00",
        br#"{"specversion":"0.3","id":"1","source":"/s","type":"t"}"#,
        br#"{"specversion":"1.0","id":"1","source":"/s"}"#,
        deep.as_bytes(),
    ];
    for (number, body) in bodies.iter().enumerate() {
        let message = Message::new(&format!("bad-{number}"), body.to_vec()).unwrap();
        publisher.publish(&route, message).await.unwrap();
    }
    let producer = world.producer().await;
    producer.publish(&registered(1)).await.unwrap();

    api.wait_until("the good event", PATIENCE, |api| api.totals().accepted == 1).await.unwrap();
    let dead = world.names("crm").dead();
    world.until_ready(&dead, 5).await;
    assert_eq!(api.log().len(), 1);
    let mut letters = world.read(&dead).await;
    letters.sort_by(|a, b| a.id().cmp(b.id()));
    for (letter, body) in letters.iter().zip(bodies) {
        assert_eq!(letter.cause(), Some(Cause::Undecodable));
        assert_eq!(letter.body(), body, "the original bytes are kept");
        assert!(!letter.reason().unwrap().is_empty());
    }
    publisher.close().await;
    consumer.stop().await;
    producer.close().await;
    world.end().await;
}

#[tokio::test]
async fn attempts_that_are_used_up_end_as_exhausted() {
    let world = World::start().await;
    let api = MockApi::sink().await.unwrap();
    api.control(Control::rules([Rule::body_contains("user-1@", Fault::status(500))])).unwrap();
    world.declare(&["crm"]).await;
    let consumer = RunningConsumer::start(
        &world,
        "crm",
        &api,
        &[("FANFARE_RETRY_ATTEMPTS", "3"), ("FANFARE_RETRY_CAP", "1s")],
    );
    let producer = world.producer().await;
    for number in 1..=20 {
        producer.publish(&registered(number)).await.unwrap();
    }
    let dead = world.names("crm").dead();
    world.until_ready(&dead, 1).await;
    api.wait_until("the others", PATIENCE, |api| api.totals().accepted == 19).await.unwrap();
    let letter = world.read(&dead).await.remove(0);
    assert_eq!(letter.cause(), Some(Cause::Exhausted));
    assert_eq!(letter.attempts(), 3);
    assert_eq!(letter.status(), Some(500));
    assert!(letter.first_attempt_at_ms() < letter.dead_at_ms());
    let calls = api.log().iter().filter(|call| call.status == Some(500)).count();
    assert_eq!(calls, 3, "no more attempts than the schedule has");
    consumer.stop().await;
    producer.close().await;
    world.end().await;
}

#[tokio::test]
async fn a_call_without_an_answer_is_held_where_that_is_the_policy() {
    let world = World::start().await;
    let api = MockApi::sink().await.unwrap();
    api.control(Control::script([Fault::reset(fanfare_sandbox::mock::Moment::AfterRead)])).unwrap();
    world.declare(&["mail"]).await;
    let consumer = RunningConsumer::start(&world, "mail", &api, &[("FANFARE_AMBIGUOUS", "hold")]);
    let producer = world.producer().await;
    producer.publish(&registered(1)).await.unwrap();
    let dead = world.names("mail").dead();
    world.until_ready(&dead, 1).await;
    assert_eq!(world.read(&dead).await[0].cause(), Some(Cause::Ambiguous));
    assert_eq!(api.log().len(), 1, "it may have been delivered, so it is not sent again");
    consumer.stop().await;
    producer.close().await;
    world.end().await;
}
