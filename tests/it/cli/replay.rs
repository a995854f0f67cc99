//! Dead letters that are put back.

use std::collections::BTreeMap;
use std::fs;

use fanfare_broker::topology::{Binding, Topology, declare};
use fanfare_broker::{Cause, Publisher, PublisherOptions, Received, Route};
use fanfare_sandbox::broker::Permissions;
use fanfare_tests::{World, deleted, eventually, registered};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use super::{Answer, Letter, Tool, bury};

fn many(count: usize) -> Vec<Letter> {
    (1..=count).map(|n| Letter::of(&registered(n), Cause::Exhausted)).collect()
}

fn counted(messages: &[Received]) -> BTreeMap<String, usize> {
    let mut counted = BTreeMap::new();
    for message in messages {
        *counted.entry(message.id().to_owned()).or_default() += 1;
    }
    counted
}

/// Takes away what leads from the replay exchange of `crm` to its queue.
async fn lose_the_way(world: &World) {
    let names = world.names("crm");
    let way = Binding {
        source: names.replay(),
        target: names.queue().to_owned(),
        to_queue: true,
        key: String::new(),
    };
    let (exchanges, queues, bindings) = (Vec::new(), Vec::new(), Vec::new());
    let without = Topology { exchanges, queues, bindings, outdated: vec![way] };
    declare(world.config(), &without).await.unwrap();
}

#[tokio::test]
async fn what_is_replayed_waits_for_its_first_attempt_again() {
    let world = World::start().await;
    world.declare(&["crm", "mail"]).await;
    let letters = [
        Letter::of(&registered(1), Cause::Rejected),
        Letter::of(&registered(2), Cause::Exhausted),
        Letter::of(&deleted(3), Cause::Rejected),
    ];
    bury(&world, "crm", &letters).await;
    let tool = Tool::new(&world);
    let names = world.names("crm");

    let answer = tool.run("dlq replay -d crm --cause rejected --yes --json --actor oncall").await;
    let objects = answer.ok().objects();
    let replay = objects.last().unwrap()["replay"].as_str().unwrap().to_owned();
    assert_eq!(
        objects,
        [json!({
            "replay": replay, "matched": 2, "replayed": 2, "failed": 0, "held_by_others": 0
        })]
    );
    world.until_ready(names.queue(), 2).await;
    world.until_ready(&names.dead(), 1).await;
    assert_eq!(world.ready(world.names("mail").queue()).await, 0, "nobody else hears of it");

    let back = world.read(names.queue()).await;
    for (message, letter) in back.iter().zip([&letters[0], &letters[2]]) {
        assert_eq!(message.id(), letter.id);
        assert_eq!(message.body(), letter.body.as_slice());
        assert_eq!(message.kind(), Some(letter.kind.as_str()));
        assert_eq!(message.replay(), Some(replay.as_str()));
        assert_eq!((message.attempts(), message.first_attempt_at_ms()), (0, None));
        assert_eq!((message.cause(), message.reason(), message.dead_at_ms()), (None, None, None));
        assert!(message.timestamp().unwrap() > 1_700_000_000, "published anew");
    }
    let left = world.read(&names.dead()).await;
    assert_eq!(left[0].id(), letters[1].id);
    assert_eq!(left[0].cause(), Some(Cause::Exhausted));

    let audited = tool.audited();
    assert_eq!(audited.len(), 2);
    for line in &audited {
        assert_eq!(line["actor"], "oncall");
        assert_eq!(line["replay"], replay.as_str());
        assert_eq!(line["filter"], json!({ "cause": ["rejected"] }));
    }
    assert_eq!(audited[1]["counts"]["replayed"], 2);
    world.end().await;
}

#[tokio::test]
async fn a_replay_that_is_killed_again_and_again_loses_nothing() {
    const LETTERS: usize = 2000;
    /// Copies without a confirm at the moment of death may be there twice.
    const WINDOW: usize = 64;
    let world = World::start().await;
    world.declare(&["crm"]).await;
    let letters = many(LETTERS);
    bury(&world, "crm", &letters).await;
    let tool = Tool::new(&world);
    let names = world.names("crm");

    let mut kills = 0;
    loop {
        let before = world.ready(names.queue()).await;
        let mut child = tool.start("dlq replay -d crm --yes --json");
        let goes_on = eventually("the replay to get on, or to end", async || {
            let ended = child.try_wait().unwrap().is_some();
            let moved = world.ready(names.queue()).await > before + 100;
            (ended || moved).then_some(!ended)
        })
        .await;
        if !goes_on {
            break;
        }
        child.kill().await.unwrap();
        kills += 1;
        // The broker notices the end of a connection a moment later.
        eventually("every letter to be in one queue or the other", async || {
            let both = world.ready(&names.dead()).await + world.ready(names.queue()).await;
            (both >= LETTERS as u64).then_some(())
        })
        .await;
    }
    assert!(kills > 2, "only {kills} replays could be killed on the way");
    tool.run("dlq replay -d crm --yes").await.ok();
    assert_eq!(world.ready(&names.dead()).await, 0);

    let back = counted(&world.read(names.queue()).await);
    assert_eq!(back.len(), LETTERS, "every letter is back");
    assert!(letters.iter().all(|letter| back.contains_key(&letter.id)));
    let copies: usize = back.values().sum::<usize>() - LETTERS;
    assert!(copies <= kills * WINDOW, "{copies} copies too many after {kills} kills");

    let audited = tool.audited();
    let of = |phase: &str| audited.iter().filter(|line| line["phase"] == phase).count();
    assert!(of("started") - of("finished") >= kills - 1, "an interrupted replay is visible");
    world.end().await;
}

#[tokio::test]
async fn a_replay_that_is_asked_to_stop_ends_between_two_letters() {
    const LETTERS: usize = 5000;
    let world = World::start().await;
    world.declare(&["crm"]).await;
    bury(&world, "crm", &many(LETTERS)).await;
    let tool = Tool::new(&world);
    let names = world.names("crm");

    let child = tool.start("dlq replay -d crm --yes --json");
    eventually("the replay to get on", async || {
        (world.ready(names.queue()).await > 100).then_some(())
    })
    .await;
    let pid = Pid::from_raw(i32::try_from(child.id().unwrap()).unwrap());
    kill(pid, Signal::SIGTERM).unwrap();
    let answer = Answer::of(child.wait_with_output().await.unwrap());
    assert_eq!(answer.code, 1, "{}", answer.err);
    assert!(answer.err.contains("stopped before the end"), "{}", answer.err);

    let replayed = answer.objects()[0]["replayed"].as_u64().unwrap();
    assert!(replayed > 100 && replayed < LETTERS as u64, "{replayed}");
    world.until_ready(names.queue(), replayed).await;
    world.until_ready(&names.dead(), LETTERS as u64 - replayed).await;
    let audited = tool.audited();
    assert_eq!(audited[1]["interrupted"], true);
    assert_eq!(audited[1]["counts"]["replayed"], replayed);
    world.end().await;
}

#[tokio::test]
async fn a_second_replay_finds_nothing_to_do() {
    let world = World::start().await;
    world.declare(&["crm"]).await;
    bury(&world, "crm", &many(300)).await;
    let tool = Tool::new(&world);
    let names = world.names("crm");
    tool.run("dlq replay -d crm --yes").await.ok();
    world.until_ready(names.queue(), 300).await;
    let again = tool.run("dlq replay -d crm --yes --json").await.ok().objects();
    assert_eq!(again[0]["matched"], 0);
    let order: Vec<_> =
        world.read(names.queue()).await.iter().map(|message| message.id().to_owned()).collect();
    let expected: Vec<_> = many(300).into_iter().map(|letter| letter.id).collect();
    assert_eq!(order, expected, "put back in their order");
    world.end().await;
}

#[tokio::test]
async fn a_letter_whose_copy_is_not_taken_stays() {
    let world = World::start().await;
    world.declare(&["crm"]).await;
    bury(&world, "crm", &many(200)).await;
    let tool = Tool::new(&world);
    let names = world.names("crm");
    // A user that may look and not replay.
    let reader = Permissions { configure: "^$", write: "^$", read: "^t\\..*\\.dead$" };
    let url = world.user(reader).await;

    let answer = tool.run(&format!("dlq replay -d crm --yes --json --amqp-url {url}")).await;
    assert_eq!(answer.code, 1, "{}", answer.err);
    assert!(!answer.err.contains("secret"), "{}", answer.err);
    let objects = answer.objects();
    let summary = objects.last().unwrap();
    assert_eq!(summary["replayed"], 0);
    assert!(summary["failed"].as_u64().unwrap() > 0);
    assert_eq!(summary["failed"], summary["matched"]);
    assert!(objects[0]["error"].as_str().unwrap().contains("does not let"), "{}", answer.out);

    world.until_ready(&names.dead(), 200).await;
    assert_eq!(world.ready(names.queue()).await, 0);
    assert!(tool.audited()[1]["error"].is_string());
    world.end().await;
}

#[tokio::test]
async fn a_replay_that_leads_nowhere_ends_before_a_letter_is_gone() {
    let world = World::start().await;
    world.declare(&["crm"]).await;
    bury(&world, "crm", &many(20)).await;
    lose_the_way(&world).await;
    let unrouted = world.namespace().unrouted();
    let parked = |number| {
        let event = registered(number);
        fanfare_broker::Message::new(event.id().as_str(), event.to_json()).unwrap()
    };
    let publisher = Publisher::start(world.config(), "tests", PublisherOptions::default());
    for number in [101, 102] {
        publisher.publish(&Route::new(&unrouted, "").unwrap(), parked(number)).await.unwrap();
    }
    publisher.close().await;
    world.until_ready(&unrouted, 2).await;
    let tool = Tool::new(&world);
    let operator = Permissions {
        configure: "^$",
        write: "^t\\..*\\.replay$",
        read: "^t\\.(.*\\.dead|unrouted)$",
    };
    let url = world.user(operator).await;

    let answer = tool.run(&format!("dlq replay -d crm --yes --amqp-url {url}")).await;
    assert_eq!(answer.code, 1, "{}{}", answer.out, answer.err);
    assert!(answer.err.contains("t.crm.replay leads to no queue"), "{}", answer.err);
    assert!(answer.out.contains("replayed 0, 1 stay"), "{}", answer.out);
    assert!(tool.audited()[1]["error"].is_string());
    world.until_ready(&world.names("crm").dead(), 20).await;
    world.until_ready(&unrouted, 2).await;
    let left = world.read(&unrouted).await;
    assert_eq!(left[0].id(), registered(101).id().as_str(), "what was parked stays in its place");

    tool.run("topology apply -d crm").await.ok();
    tool.run(&format!("dlq replay -d crm --yes --amqp-url {url}")).await.ok();
    world.until_ready(world.names("crm").queue(), 20).await;
    world.end().await;
}

#[tokio::test]
async fn a_replay_that_loses_its_way_says_where_the_copies_are() {
    const LETTERS: usize = 5000;
    let world = World::start().await;
    world.declare(&["crm"]).await;
    bury(&world, "crm", &many(LETTERS)).await;
    let tool = Tool::new(&world);
    let (names, unrouted) = (world.names("crm"), world.namespace().unrouted());

    let child = tool.start("dlq replay -d crm --yes");
    eventually("the replay to get on", async || {
        (world.ready(names.queue()).await > 100).then_some(())
    })
    .await;
    lose_the_way(&world).await;
    let answer = Answer::of(child.wait_with_output().await.unwrap());
    let (arrived, parked) = (world.ready(names.queue()).await, world.ready(&unrouted).await);
    assert!(parked > 0, "the way was lost too late");
    assert_eq!(arrived + parked, LETTERS as u64, "nothing is lost");
    assert_eq!(answer.code, 1, "{}{}", answer.out, answer.err);
    let said = format!("{parked} copies ended in t.unrouted");
    assert!(answer.err.contains(&said), "{}", answer.err);
    world.end().await;
}

#[tokio::test]
async fn an_operator_needs_no_more_than_two_permissions() {
    let world = World::start().await;
    world.declare(&["crm"]).await;
    bury(&world, "crm", &many(10)).await;
    let tool = Tool::new(&world);
    let operator =
        Permissions { configure: "^$", write: "^t\\..*\\.replay$", read: "^t\\..*\\.dead$" };
    let url = world.user(operator).await;
    let run = async |line: &str| tool.run(&format!("{line} --amqp-url {url}")).await.ok();

    assert_eq!(run("dlq list -d crm --json").await.objects().len(), 10);
    world.until_ready(&world.names("crm").dead(), 10).await;
    run("dlq replay -d crm --yes").await;
    world.until_ready(world.names("crm").queue(), 10).await;
    assert_eq!(world.ready(&world.names("crm").dead()).await, 0);
    world.end().await;
}

#[tokio::test]
async fn a_change_that_cannot_be_recorded_is_not_made() {
    let world = World::start().await;
    world.declare(&["crm"]).await;
    bury(&world, "crm", &many(3)).await;
    let tool = Tool::new(&world);
    let in_the_way = tool.folder.join("file");
    fs::write(&in_the_way, "").unwrap();
    let audit_log = in_the_way.join("audit.ndjson");
    let audit_log = audit_log.display();
    for change in [
        "dlq replay -d crm --yes",
        "dlq discard -d crm --yes --why x",
        "topology apply -d crm -d other",
    ] {
        let answer = tool.run(&format!("{change} --audit-log {audit_log}")).await;
        assert_eq!(answer.code, 1, "{change}: {}", answer.err);
        assert!(answer.err.contains("nothing was changed"), "{change}: {}", answer.err);
    }
    assert_eq!(world.ready(&world.names("crm").dead()).await, 3);
    assert_eq!(world.ready(world.names("crm").queue()).await, 0);
    assert_eq!(tool.run("dlq list -d other").await.code, 1, "never declared");
    world.end().await;
}

#[tokio::test]
async fn what_is_no_event_is_replayed_as_it_is() {
    let world = World::start().await;
    world.declare(&["crm"]).await;
    let letter = Letter {
        id: "broken".into(),
        body: vec![0xff, 0x00, b'x'],
        ..Letter::of(&registered(1), Cause::Undecodable)
    };
    let bytes = letter.body.clone();
    bury(&world, "crm", &[letter]).await;
    let tool = Tool::new(&world);
    let listed: Vec<Value> = tool.run("dlq list -d crm --json").await.ok().objects();
    assert_eq!(listed[0]["source"], "/tests/signup", "from the properties");
    world.until_ready(&world.names("crm").dead(), 1).await;
    tool.run("dlq replay -d crm --cause undecodable --yes").await.ok();
    world.until_ready(world.names("crm").queue(), 1).await;
    assert_eq!(world.read(world.names("crm").queue()).await[0].body(), bytes.as_slice());
    world.end().await;
}
