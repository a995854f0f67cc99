//! The demo, as `cargo xtask demo --once --json` plays it.

use std::path::{Path, PathBuf};

use fanfare_sandbox::demo::{Demo, Events, Options, Programs, Screen, Verdict};
use fanfare_tests::{World, program};
use serde_json::{Value, json};

#[tokio::test]
async fn every_registration_of_the_demo_is_accounted_for() {
    let played = play("registrations", Events::Registrations(60)).await;
    assert_eq!(played.wrong, [""; 0]);
    assert!(played.is_good());

    let balance = serde_json::to_value(&played.balance).unwrap();
    assert_eq!(members(&balance), ["balanced", "destinations", "published"]);
    assert_eq!(balance["published"], 60);
    assert_eq!(balance["balanced"], true);
    assert_eq!(members(&balance["destinations"]), ["hubspot", "sendgrid"]);
    for name in ["hubspot", "sendgrid"] {
        let destination = &balance["destinations"][name];
        assert_eq!(members(destination), ["dead", "delivered", "replayed"], "{name}");
        // One address is invalid for one API, and one event failed until the API was mended.
        assert_eq!(destination["dead"], 1, "{name}");
        assert_eq!(destination["delivered"], 59, "{name}");
        assert!(destination["replayed"].as_u64() >= Some(1), "{name}: {destination}");
    }
}

#[tokio::test]
async fn events_that_others_wrote_are_delivered_skipped_or_dead() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("data").join("foreign.ndjson");
    let played = play("foreign", Events::File(file)).await;
    assert_eq!(played.wrong, [""; 0]);
    assert!(played.is_good());

    let mut balance = serde_json::to_value(&played.balance).unwrap();
    for name in ["hubspot", "sendgrid"] {
        // Whether the weather exhausts one of so few is chance.
        balance["destinations"][name]["replayed"] = Value::Null;
    }
    let expected = json!({
        "published": 14,
        "destinations": {
            // HubSpot also takes an update and a deletion.
            "hubspot": { "delivered": 7, "dead": 2, "skipped": 5, "replayed": null },
            "sendgrid": { "delivered": 5, "dead": 2, "skipped": 7, "replayed": null },
        },
        "balanced": true,
    });
    assert_eq!(balance, expected);
}

async fn play(name: &str, events: Events) -> Verdict {
    let world = World::start().await;
    let folder = folder(name);
    let tool = program("fanfare");
    let options = Options {
        amqp_url: world.url().to_owned(),
        namespace: world.namespace().as_str().to_owned(),
        programs: Programs::in_folder(tool.parent().expect("a program is in a folder")),
        folder: folder.clone(),
        events,
    };
    let mut demo = Demo::start(options, &Screen::silent()).await.expect("the stage can be set");
    let verdict = demo.play().await.expect("the demo comes to its end");
    demo.end().await.expect("its programs end");
    world.end().await;
    std::fs::remove_dir_all(folder).expect("our own folder can be removed");
    verdict
}

fn folder(name: &str) -> PathBuf {
    let name = format!("demo-{name}-{}", std::process::id());
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&folder).expect("cargo's folder for tests can be written");
    folder
}

fn members(object: &Value) -> Vec<&str> {
    object.as_object().expect("an object").keys().map(String::as_str).collect()
}
