//! A node that is neither alive nor gone: its connections stand, and nothing is answered.

use std::time::Duration;

use fanfare_tests::{Load, now_ms};
use tokio::time::Instant;

use super::stage::{EVERY, Stage};

#[tokio::test]
async fn a_node_that_falls_silent_is_left_by_all_who_were_connected_to_it() {
    let stage = Stage::set().await;
    let producer = stage.world.producer().await;
    let load = Load::start(&producer, EVERY);
    stage.until_more_effects(100).await;
    let queue = stage.queue();
    let silent = stage.leader_of(&queue).await;
    let (begin, begin_ms) = (Instant::now(), now_ms());
    stage.world.cluster().pause(silent).unwrap();
    stage.until_more_effects(200).await;
    println!("went on after {:?}", begin.elapsed());
    stage.until_more_effects(500).await;
    stage.world.cluster().go_on(silent).unwrap();
    stage.until_whole().await;
    let (end, end_ms) = (Instant::now(), now_ms());
    let published = load.stop().await;
    for consumer in &stage.consumers {
        println!("{}", consumer.log().join("\n"));
    }
    let confirms = published.longest_pause(begin, end);
    let effects = stage.longest_pause(begin_ms, end_ms);
    println!("node {silent} silent: no confirm for {confirms:.1?}, no effect for {effects:.1?}");
    let events = published.all_confirmed();
    stage.assert_whole(&events, 3).await;
    assert!(confirms < Duration::from_secs(60) && effects < Duration::from_secs(60));
    producer.close().await;
    stage.end().await;
}
