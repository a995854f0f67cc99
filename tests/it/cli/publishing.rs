//! Events from files and pipes.

use fanfare_tests::{World, registered, registered_many};
use serde_json::json;

use super::Tool;

#[tokio::test]
async fn every_line_becomes_an_event_in_its_order() {
    let world = World::start().await;
    world.declare(&["crm"]).await;
    let tool = Tool::new(&world);
    let events = registered_many(1500);
    let mut input = Vec::new();
    for event in &events {
        input.extend(event.to_json());
        input.push(b'\n');
    }
    let answer = tool.run_with_input("publish --json", &input).await.ok();
    assert_eq!(answer.objects(), [json!({ "published": 1500, "unrouted": 0, "failed": 0 })]);
    world.until_ready(world.names("crm").queue(), 1500).await;
    let queued = world.read(world.names("crm").queue()).await;
    for (message, event) in queued.iter().zip(&events) {
        assert_eq!(message.id(), event.id().as_str());
        assert_eq!(message.body(), event.to_json().as_slice());
    }
    world.end().await;
}

#[tokio::test]
async fn lines_that_are_no_events_are_named_and_the_others_published() {
    let world = World::start().await;
    world.declare(&["crm"]).await;
    let tool = Tool::new(&world);
    let mut input = b"{ no json\n\n".to_vec();
    input.extend(registered(1).to_json());
    input.extend(b"\n{\"specversion\":\"1.0\"}\n");
    let file = tool.folder.join("events.ndjson");
    std::fs::write(&file, &input).unwrap();

    let answer = tool.run(&format!("publish {} --json", file.display())).await;
    assert_eq!(answer.code, 1);
    let objects = answer.objects();
    let lines: Vec<_> = objects.iter().map(|object| object["line"].clone()).collect();
    assert_eq!(lines[..2], [json!(1), json!(4)]);
    assert_eq!(objects[2], json!({ "published": 1, "unrouted": 0, "failed": 2 }));
    world.until_ready(world.names("crm").queue(), 1).await;

    let answer = tool.run(&format!("publish {}", file.display())).await;
    assert!(answer.err.contains("line 4: "), "{}", answer.err);
    world.end().await;
}

#[tokio::test]
async fn plain_data_becomes_events_of_one_type() {
    let world = World::start().await;
    let tool = Tool::new(&world);
    tool.run("topology apply -d crm=user.#").await.ok();

    let data = b"{\"n\":1}\n{\"n\":2}\n";
    let wanted = tool.run_with_input("publish --type user.renamed --source /x --json", data).await;
    assert_eq!(wanted.ok().objects()[0]["published"], 2);
    let unwanted = tool.run_with_input("publish --type order.paid --source /x --json", data).await;
    assert_eq!(
        unwanted.ok().objects(),
        [json!({ "published": 2, "unrouted": 2, "failed": 0 })],
        "no destination subscribes to it"
    );
    world.until_ready(world.names("crm").queue(), 2).await;
    let queued = world.read(world.names("crm").queue()).await;
    assert!(queued.iter().all(|message| message.kind() == Some("user.renamed")));
    assert_ne!(queued[0].id(), queued[1].id());
    world.end().await;
}

#[tokio::test]
async fn a_file_or_a_broker_that_is_not_there_is_said_at_once() {
    let world = World::start().await;
    let tool = Tool::new(&world);
    let answer = tool.run("publish /does/not/exist").await;
    assert_eq!(answer.code, 1, "{}", answer.err);
    assert!(answer.err.contains("/does/not/exist"), "{}", answer.err);
    let answer = tool.run("publish --amqp-url amqp://127.0.0.1:1").await;
    assert_eq!(answer.code, 3, "{}", answer.err);
    world.end().await;
}
