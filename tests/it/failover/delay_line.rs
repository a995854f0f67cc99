//! Events wait for their retry in the delay line while the leader of its queues dies.

use fanfare_broker::topology::Level;
use fanfare_sandbox::mock::{Control, Fault, Rule};
use fanfare_tests::{eventually, registered_many};

use super::stage::Stage;

#[tokio::test]
#[ignore = "a node starts again: 40 s"]
async fn retries_that_wait_while_the_leader_of_the_delay_line_dies_are_made() {
    let retries =
        [("FANFARE_RETRY_BASE", "20s"), ("FANFARE_RETRY_CAP", "20s"), ("HUBSPOT_BATCH_SIZE", "1")];
    let mut stage = Stage::set_with(&retries).await;
    // Too few for the destination to be taken for one in trouble.
    let fails = Rule::sometimes(0.25, 7, Fault::status(503));
    stage.vendor.mock.control(Control::rules([fails])).unwrap();
    let events = registered_many(300);
    stage.world.publish(&events).await;
    let waiting = eventually("events in the delay line", async || {
        let delayed = stage.world.delayed(stage.vendor.name).await;
        (delayed >= 20).then_some(delayed)
    })
    .await;

    let names = stage.world.names(stage.vendor.name);
    let mut leaders = Vec::new();
    for level in Level::all() {
        leaders.push(stage.leader_of(&names.delay(level)).await);
    }
    let leader = leaders[0];
    println!("{waiting} wait, on nodes {leaders:?}");
    stage.world.own_cluster().kill(leader).await.unwrap();
    stage.vendor.mock.heal();
    stage.assert_whole(&events, 3).await;
    assert!(stage.vendor.mock.log().iter().filter(|call| call.status == Some(503)).count() >= 20);
    stage.world.own_cluster().start(leader).await.unwrap();
    stage.until_whole().await;
    stage.end().await;
}
