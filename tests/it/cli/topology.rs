//! What should stand on the broker, and what does.

use fanfare_broker::topology::{DestinationPlan, Topology, declare};
use fanfare_sandbox::broker::Permissions;
use fanfare_tests::World;

use super::Tool;

#[tokio::test]
async fn what_is_missing_is_told_brought_about_and_verified() {
    let world = World::start().await;
    let tool = Tool::new(&world);
    let missing = tool.run("topology verify -d crm=user.# --json").await;
    assert_eq!(missing.code, 1);
    assert!(missing.objects().iter().all(|object| object["state"] == "missing"));

    let applied = tool.run("topology apply -d crm=user.# --json").await.ok();
    assert!(applied.objects().iter().any(|object| object["name"] == "t.crm.in"));
    let verified = tool.run("topology verify -d crm=user.#").await.ok();
    assert_eq!(verified.out, "");
    assert!(verified.err.contains("bindings were not looked at"), "{}", verified.err);

    let again = tool.run("topology apply -d crm=user.# --json").await.ok();
    assert_eq!(again.out, "", "nothing was missing");
    let audited = tool.audited();
    assert_eq!(audited.len(), 4);
    assert_eq!(audited[0]["command"], "topology apply");
    assert_eq!(audited[0]["destinations"][0], "crm");
    assert_eq!(audited[3]["counts"]["missing_before"], 0);
    world.end().await;
}

#[tokio::test]
async fn every_argument_that_differs_is_told_and_nothing_is_overwritten() {
    let world = World::start().await;
    let plan = DestinationPlan::new(world.namespace(), "crm", &[]).unwrap();
    let mut topology = Topology::of(world.namespace(), &[plan]);
    let queue = topology.queues.iter_mut().find(|queue| queue.name == "t.crm").unwrap();
    queue.arguments.retain(|(name, _)| *name != "x-overflow");
    for (name, value) in &mut queue.arguments {
        if *name == "x-delivery-limit" {
            *value = fanfare_broker::topology::Argument::Number(7);
        }
    }
    declare(world.config(), &topology).await.unwrap();
    let tool = Tool::new(&world);

    let plan = tool.run("topology plan -d crm --json").await.ok().objects();
    let different: Vec<_> = plan.iter().filter(|object| object["state"] == "different").collect();
    assert_eq!(different.len(), 1);
    let differences = different[0]["differences"].to_string();
    assert!(
        differences.contains("x-overflow: planned reject-publish, is nothing"),
        "{differences}"
    );
    assert!(differences.contains("x-delivery-limit: planned 50, is 7"), "{differences}");

    assert_eq!(tool.run("topology verify -d crm").await.code, 1);
    let refused = tool.run("topology apply -d crm -d mail").await;
    assert_eq!(refused.code, 1);
    assert!(refused.err.contains("nothing was changed"), "{}", refused.err);
    assert_eq!(tool.run("dlq list -d mail").await.code, 1, "mail was not declared");
    assert!(tool.audited().is_empty());
    world.end().await;
}

#[tokio::test]
async fn an_ordered_destination_is_declared_once_and_for_all() {
    let world = World::start().await;
    world.declare(&["crm"]).await;
    let tool = Tool::new(&world);
    let plan = tool.run("topology plan -d crm --ordered --json").await.ok();
    let queue = plan.objects().into_iter().find(|object| object["name"] == "t.crm").unwrap();
    assert_eq!(queue["arguments"]["x-single-active-consumer"], true);
    assert_eq!(queue["differences"][0], "x-single-active-consumer: planned true, is nothing");
    for command in ["plan", "verify", "apply"] {
        let told = tool.run(&format!("topology {command} -d crm --ordered")).await;
        assert_eq!(told.code, i32::from(command != "plan"));
        assert!(told.err.contains("`rabbitmqctl delete_queue t.crm`"), "{}", told.err);
    }

    tool.run("topology apply -d mail --ordered").await.ok();
    tool.run("topology verify -d mail --ordered").await.ok();
    let unordered = tool.run("topology verify -d mail").await;
    assert_eq!(unordered.code, 1);
    assert!(unordered.err.contains("`rabbitmqctl delete_queue t.mail`"), "{}", unordered.err);
    world.end().await;
}

#[tokio::test]
async fn what_may_not_be_looked_at_is_no_difference() {
    let world = World::start().await;
    world.declare(&["crm"]).await;
    let tool = Tool::new(&world);
    let nobody = Permissions { configure: "^$", write: "^$", read: "^t\\.crm$" };
    let url = world.user(nobody).await;

    let verified = tool.run(&format!("topology verify -d crm --amqp-url {url}")).await.ok();
    assert_eq!(verified.out, "");
    assert!(verified.err.contains("46 could not be looked at"), "{}", verified.err);
    let objects =
        tool.run(&format!("topology verify -d crm --json --amqp-url {url}")).await.ok().objects();
    assert_eq!(objects.len(), 46);
    assert!(objects.iter().all(|object| object["state"] == "unknown"));
    world.end().await;
}

#[tokio::test]
async fn on_a_terminal_remarks_stand_below_the_answer() {
    let world = World::start().await;
    let tool = Tool::new(&world);
    let command = tool.command("topology plan -d crm");
    let mut shell = tokio::process::Command::new("sh");
    shell.args(["-c", "exec \"$0\" topology plan -d crm 2>&1"]).arg(command.as_std().get_program());
    shell.env_clear().envs(command.as_std().get_envs().filter_map(|(k, v)| Some((k, v?))));
    let both = String::from_utf8(shell.output().await.unwrap().stdout).unwrap();
    let last = both.lines().last().unwrap();
    assert_eq!(last, "0 of 46 objects stand as planned, 46 are missing", "{both}");
    world.end().await;
}

#[tokio::test]
async fn a_destination_has_to_be_named() {
    let world = World::start().await;
    let tool = Tool::new(&world);
    let refused = tool.run("topology plan").await;
    assert_eq!(refused.code, 2, "{}", refused.err);
    let mut command = tool.command("topology apply --json");
    command.env("FANFARE_DESTINATIONS", "crm,mail");
    assert!(command.status().await.unwrap().success());
    tool.run("topology verify -d crm -d mail").await.ok();
    world.end().await;
}
