//! Each of the three nodes is lost in its turn, while everything goes on.

use fanfare_tests::Load;

use super::stage::{EVERY, Moment, PAUSE, Stage};

/// How a node is lost.
#[derive(Clone, Copy, Debug)]
enum Loss {
    Killed,
    Stopped,
}

#[tokio::test]
#[ignore = "three nodes start again one after the other: 60 s"]
async fn each_node_is_killed_in_its_turn_and_nothing_is_lost() {
    lose_each_node(Loss::Killed).await;
}

#[tokio::test]
#[ignore = "three nodes start again one after the other: 60 s"]
async fn a_rolling_restart_loses_nothing() {
    lose_each_node(Loss::Stopped).await;
}

async fn lose_each_node(loss: Loss) {
    let mut stage = Stage::set().await;
    let producer = stage.world.producer().await;
    let load = Load::start(&producer, EVERY);
    let nodes = stage.world.cluster().size();
    let mut told = Vec::new();
    for node in 0..nodes {
        stage.until_more_effects(100).await;
        let begin = Moment::now();
        let cluster = stage.world.own_cluster();
        match loss {
            Loss::Killed => cluster.kill(node).await.unwrap(),
            Loss::Stopped => cluster.stop(node).await.unwrap(),
        }
        stage.until_more_effects(100).await;
        stage.world.own_cluster().start(node).await.unwrap();
        stage.until_whole().await;
        told.push((node, begin, Moment::now()));
    }
    let published = load.stop().await;
    // Whoever is connected to the node that is lost is handed its events again, and publishes
    // its own again.
    let most = 1 + 2 * u32::try_from(nodes).unwrap();
    stage.assert_whole(&published.all_confirmed(), most).await;
    for (node, begin, end) in told {
        stage.tell_pauses(&format!("node {node} {loss:?}"), &published, begin, end, PAUSE);
    }
    stage.assert_all_lost_a_connection();
    producer.close().await;
    stage.end().await;
}
