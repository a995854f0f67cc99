//! A destination is paused when the leader of its control log dies, and stays so.

use fanfare_broker::control::News;
use fanfare_tests::registered_many;

use super::stage::{CONSUMERS, Stage};

#[tokio::test]
#[ignore = "a node starts again: 40 s"]
async fn a_pause_outlives_the_leader_of_the_control_log_and_so_does_the_way_to_end_it() {
    let mut stage = Stage::set().await;
    let (by, why) = ("ada".to_owned(), "migration".to_owned());
    stage.world.tell(stage.vendor.name, News::Paused { by: by.clone(), why: why.clone() }).await;
    let queue = stage.queue();
    stage.world.until_consumers(&queue, 0).await;

    let log = stage.world.names(stage.vendor.name).control();
    let leader = stage.leader_of(&log).await;
    stage.world.own_cluster().kill(leader).await.unwrap();
    assert_ne!(stage.leader_of(&log).await, leader, "another node leads");
    let events = registered_many(200);
    stage.world.publish(&events).await;
    // Who starts now hears of the pause from the replicas of the log that are left.
    stage.start_consumer();
    let newest = stage.consumers.last().unwrap();
    newest.until_logged("The destination is paused").await;
    assert_eq!(stage.world.ready(&queue).await, events.len() as u64);
    assert_eq!(stage.vendor.mock.totals().requests, 0, "nobody was called");

    stage.world.tell(stage.vendor.name, News::Resumed { by, why }).await;
    stage.world.until_consumers(&queue, CONSUMERS + 1).await;
    stage.assert_whole(&events, 2).await;
    stage.world.own_cluster().start(leader).await.unwrap();
    stage.until_whole().await;
    stage.end().await;
}
