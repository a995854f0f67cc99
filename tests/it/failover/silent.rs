//! A node that is neither alive nor gone: its connections stand, and nothing is answered.

use std::time::Duration;

use fanfare_tests::{Load, eventually};

use super::stage::{EVERY, Moment, Stage};

/// Two heartbeats without an answer, and a busy machine.
const NOTICED: Duration = Duration::from_secs(50);

#[tokio::test]
#[ignore = "two heartbeats have to be missed: 75 s"]
async fn a_node_that_falls_silent_is_left_by_all_who_were_connected_to_it() {
    let stage = Stage::set().await;
    let producer = stage.world.producer().await;
    let load = Load::start(&producer, EVERY);
    stage.until_more_effects(100).await;
    // The topology and the producer came to the first node, and so did all leaders.
    let silent = stage.leader_of(&stage.queue()).await;
    let begin = Moment::now();
    stage.world.cluster().pause(silent).unwrap();
    let before = load.confirmed();
    eventually("confirms by another node", async || {
        (load.confirmed() > before + 100).then_some(())
    })
    .await;
    stage.until_more_effects(100).await;
    stage.world.cluster().go_on(silent).unwrap();
    stage.until_whole().await;
    let end = Moment::now();
    let published = load.stop().await;
    stage.assert_whole(&published.all_confirmed(), 4).await;
    stage.tell_pauses(&format!("node {silent} silent"), &published, begin, end, NOTICED);
    producer.close().await;
    stage.end().await;
}
