//! Looking at dead letters and removing them.

use fanfare_broker::{Browser, Cause};
use fanfare_tests::{World, deleted, eventually, registered};
use serde_json::{Value, json};

use super::{Letter, Tool, bury};

/// Five letters of different causes and types; the last is no event.
fn letters() -> Vec<Letter> {
    vec![
        Letter { status: Some(422), ..Letter::of(&registered(1), Cause::Rejected) },
        Letter { status: Some(503), ..Letter::of(&registered(2), Cause::Exhausted) },
        Letter { status: Some(400), ..Letter::of(&deleted(3), Cause::Rejected) },
        Letter { dead_at_ms: 1_800_000_000_000, ..Letter::of(&registered(4), Cause::Ambiguous) },
        Letter {
            id: "broken".into(),
            body: b"{ no event".to_vec(),
            kind: "user.registered".into(),
            ..Letter::of(&registered(5), Cause::Undecodable)
        },
    ]
}

fn ids(objects: &[Value]) -> Vec<&str> {
    objects.iter().map(|object| object["id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_list_says_all_that_is_known_in_the_order_of_the_queue() {
    let world = World::start().await;
    world.declare(&["crm"]).await;
    let letters = letters();
    bury(&world, "crm", &letters).await;
    let tool = Tool::new(&world);

    let listed = tool.run("dlq list -d crm --json").await.ok();
    let first = format!(
        "{{\"id\":\"{id}\",\"type\":\"user.registered\",\"source\":\"/tests/signup\",\
         \"destination\":\"crm\",\"cause\":\"rejected\",\"status\":422,\
         \"reason\":\"crm refused {id}\",\"response\":\"{{\\\"message\\\":\\\"no\\\"}}\",\
         \"attempts\":3,\"first_attempt_at\":\"2023-11-14T22:13:10Z\",\
         \"dead_at\":\"2023-11-14T22:13:20Z\",\"consumer\":\"tests 0.1.0\",\"replay\":null}}",
        id = letters[0].id
    );
    assert_eq!(listed.out.lines().next().unwrap(), first);
    let objects = listed.objects();
    let expected: Vec<_> = letters.iter().map(|letter| letter.id.as_str()).collect();
    assert_eq!(ids(&objects), expected);
    assert_eq!(objects[4]["type"], "user.registered", "from the properties of what is no event");

    world.end().await;
}

#[tokio::test]
async fn that_there_is_nothing_to_list_is_told_from_nothing_that_matches() {
    let world = World::start().await;
    world.declare(&["crm"]).await;
    let tool = Tool::new(&world);
    let none = tool.run("dlq list -d crm").await.ok();
    assert_eq!(none.out, "no dead letters of crm\n");
    bury(&world, "crm", &letters()).await;
    let unmatched = tool.run("dlq list -d crm --cause expired").await.ok();
    assert_eq!(unmatched.out, "none of 5 dead letters of crm match\n");
    world.end().await;
}

#[tokio::test]
async fn filters_and_limits_choose_what_is_listed() {
    let world = World::start().await;
    world.declare(&["crm"]).await;
    let letters = letters();
    bury(&world, "crm", &letters).await;
    let tool = Tool::new(&world);

    let by_id = format!("--id {},broken", letters[1].id);
    for (filter, expected) in [
        (by_id.as_str(), vec![1, 4]),
        ("--cause rejected", vec![0, 2]),
        ("--status 4xx", vec![0, 2]),
        ("--status 503", vec![1]),
        ("--type user.deleted", vec![2]),
        ("--type user.#", vec![0, 1, 2, 3, 4]),
        ("--since 2024-01-01T00:00:00Z", vec![3]),
        ("--until 2024-01-01T00:00:00Z --cause rejected,undecodable", vec![0, 2, 4]),
        ("--reason refused.broken", vec![4]),
        ("--source /tests/signup --limit 2", vec![0, 1]),
        ("--source /elsewhere", vec![]),
    ] {
        let listed = tool.run(&format!("dlq list -d crm --json {filter}")).await.ok();
        let expected: Vec<_> =
            expected.into_iter().map(|n: usize| letters[n].id.as_str()).collect();
        assert_eq!(ids(&listed.objects()), expected, "{filter}");
        world.until_ready(&world.names("crm").dead(), 5).await;
    }
    world.end().await;
}

#[tokio::test]
async fn looking_changes_neither_order_nor_content() {
    let world = World::start().await;
    world.declare(&["crm"]).await;
    let letters = letters();
    bury(&world, "crm", &letters).await;
    let tool = Tool::new(&world);
    let dead = world.names("crm").dead();

    let looks = [
        "dlq list -d crm".to_owned(),
        "dlq list -d crm --json --limit 1".to_owned(),
        format!("dlq show -d crm {}", letters[2].id),
        "dlq replay -d crm --cause rejected --dry-run".to_owned(),
        "dlq discard -d crm --why x --dry-run --json".to_owned(),
        "status -d crm".to_owned(),
    ];
    for look in &looks {
        tool.run(look).await.ok();
        world.until_ready(&dead, 5).await;
    }
    // Without a terminal there is nobody to ask, so nothing is done.
    for refused in ["dlq replay -d crm", "dlq discard -d crm --why x"] {
        let answer = tool.run(refused).await;
        assert_eq!(answer.code, 2, "{}", answer.err);
        assert!(answer.err.contains("--yes"), "{}", answer.err);
    }
    let after = world.read(&dead).await;
    assert_eq!(after.len(), letters.len());
    for (message, letter) in after.iter().zip(&letters) {
        assert_eq!(message.id(), letter.id);
        assert_eq!(message.body(), letter.body.as_slice());
        assert_eq!(message.cause(), Some(letter.cause));
        assert_eq!(message.attempts(), 3);
    }
    assert_eq!(world.ready(world.names("crm").queue()).await, 0);
    assert!(tool.audited().is_empty(), "looking is no change");
    world.end().await;
}

#[tokio::test]
async fn a_letter_is_shown_without_what_it_says_about_people_unless_revealed() {
    let world = World::start().await;
    world.declare(&["crm"]).await;
    let letters = letters();
    bury(&world, "crm", &letters).await;
    let tool = Tool::new(&world);
    let id = &letters[0].id;

    for json in ["", " --json"] {
        let masked = tool.run(&format!("dlq show -d crm {id}{json}")).await.ok();
        assert!(!masked.out.contains("user-1@example.org"), "{}", masked.out);
        assert!(masked.out.contains("u***@e***.org"), "{}", masked.out);
        let revealed = tool.run(&format!("dlq show -d crm {id} --reveal{json}")).await.ok();
        assert!(revealed.out.contains("user-1@example.org"), "{}", revealed.out);
    }
    let shown = tool.run(&format!("dlq show -d crm {id} --reveal --json")).await.ok().objects();
    let event: Value = serde_json::from_slice(&letters[0].body).unwrap();
    assert_eq!(shown[0]["event"], event);
    assert_eq!(shown[0]["cause"], "rejected");

    let hidden = tool.run("dlq show -d crm broken --json").await.ok().objects();
    assert_eq!(hidden[0]["body_hidden"], true);
    let revealed = tool.run("dlq show -d crm broken --reveal --json").await.ok().objects();
    assert_eq!(revealed[0]["body_text"], "{ no event");

    let missing = tool.run("dlq show -d crm nobody").await;
    assert_eq!((missing.code, missing.out.as_str()), (1, ""));
    world.end().await;
}

#[tokio::test]
async fn what_is_discarded_is_gone_and_recorded() {
    let world = World::start().await;
    world.declare(&["crm"]).await;
    let letters = letters();
    bury(&world, "crm", &letters).await;
    let tool = Tool::new(&world);
    let dead = world.names("crm").dead();

    let answer =
        tool.run("dlq discard -d crm --cause rejected --why test-data --yes --json").await.ok();
    assert_eq!(answer.objects(), [json!({ "matched": 2, "discarded": 2, "held_by_others": 0 })]);
    world.until_ready(&dead, 3).await;
    let left = world.read(&dead).await;
    let left: Vec<_> = left.iter().map(|message| message.id()).collect();
    assert_eq!(left, [&*letters[1].id, &*letters[3].id, "broken"]);
    assert_eq!(world.ready(world.names("crm").queue()).await, 0, "discarded, not replayed");

    let audited = tool.audited();
    let phases: Vec<_> = audited.iter().map(|line| line["phase"].clone()).collect();
    assert_eq!(phases, ["started", "finished"]);
    assert_eq!(audited[0]["why"], "test-data");
    assert_eq!(audited[1]["counts"]["discarded"], 2);
    world.end().await;
}

#[tokio::test]
async fn another_reader_is_told() {
    let world = World::start().await;
    world.declare(&["crm"]).await;
    bury(&world, "crm", &letters()).await;
    let tool = Tool::new(&world);
    let dead = world.names("crm").dead();

    let mut other = Browser::open(world.config(), &dead).await.unwrap();
    other.next().await.unwrap().unwrap();
    eventually("the other reader to hold all", async || {
        (world.ready(&dead).await == 0).then_some(())
    })
    .await;
    let answer = tool.run("dlq list -d crm").await.ok();
    assert!(answer.err.contains("other readers"), "{}", answer.err);
    other.close().await;
    world.end().await;
}

#[tokio::test]
async fn what_cannot_be_reached_or_found_has_its_own_exit_code() {
    let world = World::start().await;
    world.declare(&["crm"]).await;
    let tool = Tool::new(&world);
    for (line, code, says) in [
        ("dlq list -d nobody", 1, "there is no queue t.nobody.dead"),
        ("dlq list -d Crm", 2, "is not a name"),
        ("dlq list -d crm --cause reject", 2, "is no cause"),
        ("dlq list -d crm --namespace X", 2, "FANFARE_NAMESPACE"),
        ("dlq list", 2, "--destination"),
        ("dlq list -d crm --amqp-url amqp://127.0.0.1:1", 3, "cannot be reached"),
        ("dlq replay -d crm --yes --amqp-url amqp://127.0.0.1:1", 3, "cannot be reached"),
    ] {
        let answer = tool.run(line).await;
        assert_eq!(answer.code, code, "{line}: {}", answer.err);
        assert!(answer.err.contains(says), "{line}: {}", answer.err);
    }
    world.end().await;
}

#[tokio::test]
async fn a_reader_that_has_read_enough_is_no_error() {
    let world = World::start().await;
    world.declare(&["crm"]).await;
    bury(&world, "crm", &letters()).await;
    let tool = Tool::new(&world);
    let mut child = tool.start("dlq list -d crm --json");
    drop(child.stdout.take());
    let output = child.wait_with_output().await.unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    world.end().await;
}
