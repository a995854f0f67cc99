//! Programs as operators see them start, refuse, wait and stop.

use fanfare_sandbox::mock::MockApi;
use fanfare_tests::{
    PATIENCE, ProgramSettings, RunningProgram, World, eventually, free_port, get, registered,
    run_to_end,
};
use nix::sys::signal::Signal;

fn hubspot(world: &World, api: &MockApi) -> ProgramSettings {
    ProgramSettings::default()
        .set("FANFARE_AMQP_URL", world.url())
        .set("FANFARE_NAMESPACE", world.namespace().as_str())
        .set("FANFARE_LOG_FORMAT", "text")
        .set("HUBSPOT_BASE_URL", api.base_url())
        .set("HUBSPOT_ACCESS_TOKEN", "canary-secret-1")
}

#[tokio::test]
async fn every_bad_setting_is_in_one_report() {
    let settings = ProgramSettings::default()
        .set("FANFARE_AMQP_URL", "http://nowhere")
        .set("FANFARE_TIMEOUT", "soon")
        .set("FANFARE_RETRY_ATEMPTS", "3")
        .set("HUBSPOT_BASE_URL", "not a url");
    let (status, _, report) = run_to_end("fanfare-consumer-hubspot", &settings).await;
    assert_eq!(status.code(), Some(2));
    for expected in [
        "FANFARE_AMQP_URL",
        "expected `amqp` or `amqps`",
        "FANFARE_TIMEOUT",
        "FANFARE_RETRY_ATEMPTS",
        "FANFARE_RETRY_ATTEMPTS",
        "HUBSPOT_BASE_URL",
        "HUBSPOT_ACCESS_TOKEN",
    ] {
        assert!(report.contains(expected), "`{expected}` is missing in:\n{report}");
    }
}

#[tokio::test]
async fn a_check_says_with_its_code_what_cannot_be_reached() {
    let world = World::start().await;
    let api = MockApi::hubspot().await.unwrap();
    let check = hubspot(&world, &api).argument("--check");
    let (status, _, log) = run_to_end("fanfare-consumer-hubspot", &check).await;
    assert_eq!(status.code(), Some(0), "{log}");

    api.go_down().await.unwrap();
    let (status, _, log) = run_to_end("fanfare-consumer-hubspot", &check).await;
    assert_eq!(status.code(), Some(3), "{log}");
    assert!(log.contains("The API cannot be reached"), "{log}");

    api.come_up().await.unwrap();
    let nobody = format!("amqp://127.0.0.1:{}", free_port());
    let check = check.set("FANFARE_AMQP_URL", nobody);
    let (status, _, log) = run_to_end("fanfare-consumer-hubspot", &check).await;
    assert_eq!(status.code(), Some(3), "{log}");
    assert!(log.contains("The broker cannot be reached"), "{log}");
    world.end().await;
}

#[tokio::test]
async fn a_consumer_waits_for_its_broker_and_is_ready_only_when_consuming() {
    let mut world = World::with_own_node().await;
    let api = MockApi::hubspot().await.unwrap();
    world.own_node().stop().await.unwrap();
    let admin = format!("127.0.0.1:{}", free_port());
    let settings = hubspot(&world, &api).set("FANFARE_ADMIN_ADDR", &admin);
    let program = RunningProgram::start("fanfare-consumer-hubspot", &settings);

    program.until_logged("The broker is not ready for this destination, will try again").await;
    assert_eq!(get(&admin, "/readyz").await, 503);
    assert_eq!(get(&admin, "/livez").await, 200, "a missing broker is no reason to restart");

    world.own_node().start().await.unwrap();
    eventually("the consumer to be ready", async || {
        (get(&admin, "/readyz").await == 200).then_some(())
    })
    .await;
    let producer = world.producer().await;
    producer.publish(&registered(1)).await.unwrap();
    api.wait_until("the event", PATIENCE, |api| api.totals().accepted == 1).await.unwrap();

    program.signal(Signal::SIGTERM);
    let (status, log) = program.ended().await;
    assert_eq!(status.code(), Some(0), "{}", log.join("\n"));
    assert!(!log.join("\n").contains("canary-secret"), "a secret is in the log");
    producer.close().await;
    world.end().await;
}

#[tokio::test]
async fn a_signal_under_load_loses_nothing_and_doubles_nothing() {
    let world = World::start().await;
    let api = MockApi::hubspot().await.unwrap();
    api.control(fanfare_sandbox::mock::Control::latency(30, 20)).unwrap();
    world.declare(&["hubspot"]).await;
    let producer = world.producer().await;
    let events = fanfare_tests::registered_many(600);
    for receipt in producer.publish_all(&events).await {
        receipt.unwrap();
    }
    let mut stops = 0;
    while api.totals().accepted < 600 {
        let before = api.totals().accepted;
        let program = RunningProgram::start("fanfare-consumer-hubspot", &hubspot(&world, &api));
        api.wait_until("some deliveries", PATIENCE, |api| {
            api.totals().accepted >= (before + 150).min(600)
        })
        .await
        .unwrap();
        program.signal(Signal::SIGTERM);
        let (status, log) = program.ended().await;
        assert_eq!(status.code(), Some(0), "{}", log.join("\n"));
        stops += 1;
    }
    assert!(stops >= 2, "the signal fell into the load");
    let effects = api.effects();
    assert_eq!(effects.keys.len(), 600);
    assert!(effects.keys.values().all(|tally| tally.accepted == 1), "no call was repeated");
    assert_eq!(world.ready(world.names("hubspot").queue()).await, 0);
    producer.close().await;
    world.end().await;
}
