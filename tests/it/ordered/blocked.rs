//! What a dead letter means for the later events of its key.

use fanfare_broker::Cause;
use fanfare_sandbox::mock::{Control, Fault, MockApi, Rule};
use fanfare_tests::{PATIENCE, RunningConsumer, World};

use super::stage::{
    BY_SUBJECT, DESTINATION, change, changes, effects_of, fanfare, letter, letters,
};

const ADA: &str = "user-0";

/// A world in which change 2 of Ada is refused.
async fn refusing_the_second() -> (World, MockApi) {
    let world = World::start().await;
    world.declare_ordered(DESTINATION).await;
    let api = MockApi::sink().await.unwrap();
    let refused = Rule::body_contains(format!("{ADA}/2"), Fault::status(422));
    api.control(Control::rules([refused])).unwrap();
    (world, api)
}

fn consumer(world: &World, api: &MockApi) -> RunningConsumer {
    RunningConsumer::start(world, DESTINATION, api, &[BY_SUBJECT])
}

async fn until_ada_has(api: &MockApi, numbers: &[usize]) {
    api.wait_until("Ada's changes", PATIENCE, |api| effects_of(api, ADA).len() >= numbers.len())
        .await
        .unwrap();
    assert_eq!(effects_of(api, ADA), numbers);
}

#[tokio::test]
async fn later_events_follow_a_dead_letter_across_a_restart_until_all_are_replayed() {
    let (world, api) = refusing_the_second().await;
    let first = consumer(&world, &api);
    world.publish(&changes(3, 4)).await;
    let dead = letters(&world, 3).await;
    let blocked = |number| letter(ADA, number, Cause::Blocked);
    assert_eq!(dead, [letter(ADA, 2, Cause::Rejected), blocked(3), blocked(4)]);
    for other in ["user-1", "user-2"] {
        api.wait_until("the others", PATIENCE, |api| effects_of(api, other).len() == 4)
            .await
            .unwrap();
        assert_eq!(effects_of(&api, other), [1, 2, 3, 4]);
    }
    first.stop().await;

    let second = consumer(&world, &api);
    world.publish(&[change(ADA, 5)]).await;
    assert_eq!(letters(&world, 4).await.last(), Some(&blocked(5)), "nobody told the new one");
    api.heal();
    fanfare(&world, "dlq replay --yes").await;
    until_ada_has(&api, &[1, 2, 3, 4, 5]).await;
    world.publish(&[change(ADA, 6)]).await;
    until_ada_has(&api, &[1, 2, 3, 4, 5, 6]).await;
    second.stop().await;
    assert_eq!(world.ready(&world.names(DESTINATION).dead()).await, 0);
    world.end().await;
}

#[tokio::test]
async fn a_replay_in_any_order_calls_in_the_order_of_the_events() {
    let (world, api) = refusing_the_second().await;
    let consumer = consumer(&world, &api);
    world.publish(&changes(1, 4)).await;
    let (rejected, blocked) = (Cause::Rejected, Cause::Blocked);
    letters(&world, 3).await;

    // The second one is still refused, and those after it follow it again.
    fanfare(&world, "dlq replay --yes").await;
    world.publish(&[change(ADA, 5)]).await;
    let dead = letters(&world, 4).await;
    let again = [(2, rejected), (3, blocked), (4, blocked), (5, blocked)];
    assert_eq!(dead, again.map(|(number, cause)| letter(ADA, number, cause)));

    // Without the first of them, the others do not go on.
    api.heal();
    fanfare(&world, "dlq replay --cause blocked --yes").await;
    assert_eq!(letters(&world, 4).await, dead);
    assert_eq!(effects_of(&api, ADA), [1]);
    fanfare(&world, "dlq replay --cause rejected --yes").await;
    until_ada_has(&api, &[1, 2]).await;
    world.publish(&[change(ADA, 6)]).await;
    letters(&world, 4).await;
    fanfare(&world, "dlq replay --yes").await;
    until_ada_has(&api, &[1, 2, 3, 4, 5, 6]).await;
    consumer.stop().await;
    assert_eq!(world.ready(&world.names(DESTINATION).dead()).await, 0);
    world.end().await;
}

#[tokio::test]
async fn a_discarded_letter_frees_its_key() {
    let (world, api) = refusing_the_second().await;
    let consumer = consumer(&world, &api);
    world.publish(&changes(1, 3)).await;
    letters(&world, 2).await;
    fanfare(&world, "dlq discard --cause rejected --why order --yes").await;
    world.publish(&[change(ADA, 4)]).await;
    let blocked = |number| letter(ADA, number, Cause::Blocked);
    assert_eq!(letters(&world, 2).await, [blocked(3), blocked(4)], "3 is before 4 still");
    fanfare(&world, "dlq replay --yes").await;
    until_ada_has(&api, &[1, 3, 4]).await;

    let refused = Rule::body_contains(format!("{ADA}/5"), Fault::status(422));
    api.control(Control::rules([refused])).unwrap();
    world.publish(&[change(ADA, 5)]).await;
    letters(&world, 1).await;
    fanfare(&world, "dlq discard --why order --yes").await;
    world.publish(&[change(ADA, 6)]).await;
    until_ada_has(&api, &[1, 3, 4, 6]).await;
    consumer.stop().await;
    world.end().await;
}

#[tokio::test]
async fn where_dead_letters_are_skipped_the_later_events_go_on() {
    let (world, api) = refusing_the_second().await;
    let skip = ("FANFARE_ORDERED_AFTER_DEAD", "skip");
    let consumer = RunningConsumer::start(&world, DESTINATION, &api, &[BY_SUBJECT, skip]);
    world.publish(&changes(1, 4)).await;
    until_ada_has(&api, &[1, 3, 4]).await;
    assert_eq!(letters(&world, 1).await, [letter(ADA, 2, Cause::Rejected)]);
    consumer.stop().await;
    world.end().await;
}
