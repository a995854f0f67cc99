//! The leader of a destination's queue is killed under load, and then the next.

use std::time::Duration;

use fanfare_tests::{Load, now_ms};
use tokio::time::Instant;

use super::stage::{EVERY, Stage};

#[tokio::test]
async fn two_leaders_of_a_queue_are_killed_one_after_the_other_and_nothing_is_lost() {
    const KILLS: u32 = 2;
    let mut stage = Stage::set().await;
    let producer = stage.world.producer().await;
    let load = Load::start(&producer, EVERY);
    stage.until_more_effects(100).await;
    let mut moments = Vec::new();
    for _ in 0..KILLS {
        let queue = stage.queue();
        let leader = stage.leader_of(&queue).await;
        let killed = (Instant::now(), now_ms());
        stage.world.own_cluster().kill(leader).await.unwrap();
        stage.until_led_by_another(&queue, leader).await;
        stage.until_more_effects(100).await;
        stage.world.own_cluster().start(leader).await.unwrap();
        stage.until_whole().await;
        moments.push((leader, killed, (Instant::now(), now_ms())));
    }
    let published = load.stop().await;
    let events = published.all_confirmed();
    stage.assert_whole(&events, 1 + 2 * KILLS).await;
    for (leader, (begin, begin_ms), (end, end_ms)) in moments {
        let confirms = published.longest_pause(begin, end);
        let effects = stage.longest_pause(begin_ms, end_ms);
        println!(
            "node {leader} killed: no confirm for {confirms:.1?}, no effect for {effects:.1?}"
        );
        assert!(confirms < Duration::from_secs(30) && effects < Duration::from_secs(30));
    }
    producer.close().await;
    stage.end().await;
}
