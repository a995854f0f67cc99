//! Signed webhooks from the event to the receiver, through the whole program.

use fanfare_events::Event;
use fanfare_sandbox::mock::{Control, Fault, MockApi, RequestRecord, body_hash};
use fanfare_tests::{PATIENCE, ProgramSettings, RunningProgram, World, registered, run_to_end};
use standardwebhooks::Webhook;

const PROGRAM: &str = "fanfare-consumer-webhook";

/// Published test keys, of the standard's libraries.
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const NEW_SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

/// A consumer that may call nothing but public addresses.
fn guarded(world: &World, api: &MockApi) -> ProgramSettings {
    ProgramSettings::default()
        .set("FANFARE_AMQP_URL", world.url())
        .set("FANFARE_NAMESPACE", world.namespace().as_str())
        .set("FANFARE_LOG_FORMAT", "text")
        .set("WEBHOOK_URL", format!("{}/hooks?token=canary-token", api.base_url()))
        .set("WEBHOOK_SECRET", format!("{NEW_SECRET},{SECRET}"))
}

/// One that may call the mock on this machine.
fn open(world: &World, api: &MockApi) -> ProgramSettings {
    guarded(world, api).set("WEBHOOK_ALLOW_NETWORKS", "127.0.0.0/8")
}

/// What a receiver with `secret` makes of a request that should hold `event`.
fn verify(request: &RequestRecord, event: &Event, secret: &str) {
    let body = event.to_json();
    assert_eq!(request.body_hash, Some(body_hash(&body)), "the body is the event");
    let webhook = request.webhook.as_ref().expect("it is signed");
    let signature = Webhook::new(secret)
        .unwrap()
        .sign(&webhook.id, webhook.timestamp.parse().unwrap(), &body)
        .unwrap();
    assert!(webhook.signature.split(' ').any(|one| one == signature), "{webhook:?}");
}

fn timestamp(request: &RequestRecord) -> u64 {
    request.webhook.as_ref().unwrap().timestamp.parse().unwrap()
}

#[tokio::test]
async fn a_webhook_keeps_its_id_through_retry_and_replay_and_is_signed_afresh() {
    let world = World::start().await;
    let folder = tempfile::tempdir().unwrap();
    let api = MockApi::sink().await.unwrap();
    // Two seconds between the attempts, so that the clock in the header has moved.
    let first = Fault::status(500).retry_after("2");
    api.control(Control::script([first, Fault::status(422)])).unwrap();
    world.declare(&["webhook"]).await;
    let consumer = RunningProgram::start(PROGRAM, &open(&world, &api));
    let producer = world.producer().await;
    let event = registered(1);
    producer.publish(&event).await.unwrap();
    world.until_ready(&world.names("webhook").dead(), 1).await;

    let replay = ProgramSettings::default()
        .set("FANFARE_AMQP_URL", world.url())
        .set("FANFARE_NAMESPACE", world.namespace().as_str())
        .set("FANFARE_AUDIT_LOG", folder.path().join("audit.ndjson").display().to_string());
    let replay = ["dlq", "replay", "-d", "webhook", "--cause", "rejected", "--yes"]
        .iter()
        .fold(replay, |settings, argument| settings.argument(argument));
    let (status, _, log) = run_to_end("fanfare", &replay).await;
    assert!(status.success(), "{log}");
    api.wait_until("the replayed event", PATIENCE, |api| api.totals().accepted == 1).await.unwrap();

    let requests = api.log();
    let statuses: Vec<_> = requests.iter().map(|request| request.status).collect();
    assert_eq!(statuses, [Some(500), Some(422), Some(200)]);
    for request in &requests {
        assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/hooks"));
        assert_eq!(request.keys, requests[0].keys, "one id in all attempts");
        verify(request, &event, SECRET);
        verify(request, &event, NEW_SECRET);
    }
    assert_eq!(requests[0].keys.len(), 1);
    assert!(timestamp(&requests[1]) >= timestamp(&requests[0]) + 2, "each attempt has its own");
    assert!(timestamp(&requests[2]) >= timestamp(&requests[1]));

    consumer.signal(nix::sys::signal::Signal::SIGTERM);
    let (status, log) = consumer.ended().await;
    assert!(status.success(), "{log:?}");
    let told = log.join("\n");
    assert!(!told.contains("canary-token") && !told.contains(&SECRET[6..]), "{told}");
    producer.close().await;
    world.end().await;
}

#[tokio::test]
async fn an_address_inside_is_neither_called_nor_spelled_out_and_its_events_wait() {
    let world = World::start().await;
    let api = MockApi::sink().await.unwrap();
    world.declare(&["webhook"]).await;
    let check = guarded(&world, &api).argument("--check");
    let (status, _, log) = run_to_end(PROGRAM, &check).await;
    assert_eq!(status.code(), Some(3), "{log}");
    assert!(log.contains("is not public, and not among those that are allowed"), "{log}");

    let consumer = RunningProgram::start(PROGRAM, &guarded(&world, &api));
    let producer = world.producer().await;
    producer.publish(&registered(1)).await.unwrap();
    world.until_held("webhook").await;
    consumer.until_logged("The address guard keeps a call from an address").await;
    consumer.kill().await;
    assert_eq!(world.ready(&world.names("webhook").dead()).await, 0, "nothing is given up");
    assert_eq!(api.totals().requests, 0, "and nothing was called");

    let (status, _, log) = run_to_end(PROGRAM, &open(&world, &api).argument("--check")).await;
    assert_eq!(status.code(), Some(0), "{log}");
    let consumer = RunningProgram::start(PROGRAM, &open(&world, &api));
    api.wait_until("the event that waited", PATIENCE, |api| api.totals().accepted == 1)
        .await
        .unwrap();
    consumer.kill().await;
    producer.close().await;
    world.end().await;
}
