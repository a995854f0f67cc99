//! The leader of a destination's queue is killed under load, and then the next.

use fanfare_tests::Load;

use super::stage::{EVERY, Moment, PAUSE, Stage};

#[tokio::test]
async fn two_leaders_of_a_queue_are_killed_one_after_the_other_and_nothing_is_lost() {
    const KILLS: u32 = 2;
    let mut stage = Stage::set().await;
    let producer = stage.world.producer().await;
    let load = Load::start(&producer, EVERY);
    let queue = stage.queue();
    let mut told = Vec::new();
    for _ in 0..KILLS {
        stage.until_more_effects(100).await;
        let leader = stage.leader_of(&queue).await;
        let begin = Moment::now();
        stage.world.own_cluster().kill(leader).await.unwrap();
        stage.until_more_effects(100).await;
        assert_ne!(stage.leader_of(&queue).await, leader, "another node leads");
        stage.world.own_cluster().start(leader).await.unwrap();
        stage.until_whole().await;
        told.push((leader, begin, Moment::now()));
    }
    let published = load.stop().await;
    // Each kill may have an event handed over again, and published again.
    stage.assert_whole(&published.all_confirmed(), 1 + 2 * KILLS).await;
    for (leader, begin, end) in told {
        stage.tell_pauses(&format!("leader {leader} killed"), &published, begin, end, PAUSE);
    }
    producer.close().await;
    stage.end().await;
}
