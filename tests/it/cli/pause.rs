//! Stopping a destination for everybody, and starting it again.

use std::time::Duration;

use fanfare_broker::control::News;
use fanfare_sandbox::broker::Permissions;
use fanfare_tests::{World, now_ms};
use serde_json::{Value, json};

use super::Tool;

fn held_for(wait: Duration) -> News {
    News::Held {
        replica: "replica-1".into(),
        until_ms: now_ms() + u64::try_from(wait.as_millis()).unwrap(),
        trouble: "throttled".into(),
        why: "429 Too Many Requests".into(),
    }
}

async fn state_of_crm(tool: &Tool) -> Value {
    tool.run("status -d crm --json").await.ok().objects()[0].clone()
}

#[tokio::test]
async fn a_pause_is_seen_kept_once_and_ended() {
    let world = World::start().await;
    world.declare(&["crm", "mail"]).await;
    let tool = Tool::new(&world);
    assert_eq!(state_of_crm(&tool).await["state"], "running");

    let mut pause = tool.command("pause -d crm -d mail -d crm --actor ada --json --why");
    pause.arg("the CRM moves");
    let paused = super::Answer::of(pause.output().await.unwrap()).ok().objects();
    assert_eq!(paused.len(), 2, "each destination once");
    assert!(paused.iter().all(|one| one["changed"] == true && one["state"] == "paused"));
    let seen = state_of_crm(&tool).await;
    assert_eq!(seen["state"], "paused");
    assert_eq!((&seen["state_why"], &seen["state_until"]), (&json!("the CRM moves"), &Value::Null));
    assert!(seen["state_by"].as_str().unwrap().starts_with("ada ("), "{seen}");
    assert_eq!(seen["state_since"], paused[0]["state_since"]);
    let table = tool.run("status -d crm").await.ok();
    assert!(table.out.contains("paused by ada ("), "{}", table.out);

    let again = tool.run("pause -d crm").await.ok();
    assert!(again.out.starts_with("crm: already paused by ada ("), "{}", again.out);
    assert!(again.out.trim_end().ends_with(": the CRM moves"), "{}", again.out);

    let resumed = tool.run("resume -d crm").await.ok();
    assert_eq!(resumed.out, "crm: running\n");
    assert_eq!(state_of_crm(&tool).await["state"], "running");
    assert_eq!(tool.run("resume -d crm").await.ok().out, "crm: already running\n");
    let mail = tool.run("status -d mail --json").await.ok().objects()[0]["state"].clone();
    assert_eq!(mail, "paused", "crm alone was resumed");

    let audited = tool.audited();
    let told: Vec<_> = audited.iter().map(|line| (&line["command"], &line["phase"])).collect();
    let (pause, resume) = (&json!("pause"), &json!("resume"));
    let (started, finished) = (&json!("started"), &json!("finished"));
    assert_eq!(
        told,
        [(pause, started), (pause, finished), (resume, started), (resume, finished)],
        "what changed nothing is no change"
    );
    assert_eq!(audited[0]["destinations"], json!(["crm", "mail"]));
    assert_eq!(
        (&audited[0]["why"], &audited[0]["actor"]),
        (&json!("the CRM moves"), &json!("ada"))
    );
    assert_eq!(audited[1]["counts"]["written"], 2);
    world.end().await;
}

#[tokio::test]
async fn what_the_api_asked_for_is_seen_and_an_operator_may_end_it() {
    let world = World::start().await;
    world.declare(&["crm"]).await;
    let tool = Tool::new(&world);
    world.tell("crm", held_for(Duration::from_secs(3600))).await;
    let held = state_of_crm(&tool).await;
    assert_eq!((&held["state"], &held["state_by"]), (&json!("held"), &json!("replica-1")));
    assert_eq!(held["state_why"], "throttled: 429 Too Many Requests");
    assert!(held["state_until"].as_str() > held["state_since"].as_str(), "{held}");

    let gone = News::Disabled { by: "replica-1".into(), why: "410 Gone".into() };
    world.tell("crm", gone).await;
    let table = tool.run("status -d crm").await.ok();
    assert!(table.out.contains("disabled (410) since "), "{}", table.out);
    let kept = tool.run("pause -d crm").await.ok();
    assert!(kept.out.starts_with("crm: already disabled (410)"), "{}", kept.out);

    let resumed = tool.run("resume -d crm").await.ok();
    assert!(resumed.out.starts_with("crm: held until "), "{}", resumed.out);
    assert!(resumed.err.contains("`fanfare resume -d crm` once more"), "{}", resumed.err);
    assert_eq!(tool.run("resume -d crm").await.ok().out, "crm: running\n");
    assert_eq!(state_of_crm(&tool).await["state"], "running");
    world.end().await;
}

#[tokio::test]
async fn where_there_is_no_control_log_nothing_is_changed_and_nothing_else_suffers() {
    let world = World::start().await;
    world.declare(&["crm"]).await;
    let tool = Tool::new(&world);
    let refused = tool.run("pause -d crm -d nobody").await;
    assert_eq!(refused.code, 1);
    assert!(refused.err.contains("`fanfare topology apply -d nobody`"), "{}", refused.err);
    assert!(tool.audited().is_empty());
    assert_eq!(state_of_crm(&tool).await["state"], "running", "all or none");

    let reader = Permissions { configure: "^$", write: "^$", read: "^t\\.crm(\\.dead)?$" };
    let url = world.user(reader).await;
    let status = tool.run(&format!("status -d crm --json --amqp-url {url}")).await.ok();
    assert_eq!(status.objects()[0]["state"], Value::Null);
    let table = tool.run(&format!("status -d crm --amqp-url {url}")).await.ok();
    assert!(table.out.contains("no control log that may be read (crm)"), "{}", table.out);
    assert_eq!(tool.run(&format!("pause -d crm --amqp-url {url}")).await.code, 1);
    world.end().await;
}

#[tokio::test]
async fn nobody_is_paused_by_accident_or_through_a_broker_that_is_away() {
    let world = World::start().await;
    let tool = Tool::new(&world);
    assert_eq!(tool.run("pause").await.code, 2);
    assert_eq!(tool.run("pause -d A").await.code, 2);
    let away = tool.run("pause -d crm --amqp-url amqp://127.0.0.1:1").await;
    assert_eq!(away.code, 3, "{}", away.err);
    assert!(tool.audited().is_empty());
    world.end().await;
}
