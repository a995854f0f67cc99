//! The three nodes that stories of failover share, one story at a time.

use fanfare_sandbox::broker::BrokerCluster;
use tokio::sync::{Mutex, MutexGuard, OnceCell};

/// Waits for its turn, and for whatever the last story left behind to be well again.
pub(crate) async fn turn() -> MutexGuard<'static, BrokerCluster> {
    /// Some 15 s go by until three nodes stand: too long for each story to have its own.
    static CLUSTER: OnceCell<Mutex<BrokerCluster>> = OnceCell::const_new();
    let start = async || Mutex::new(BrokerCluster::private().await.expect("a private cluster"));
    let mut cluster = CLUSTER.get_or_init(start).await.lock().await;
    for node in 0..cluster.size() {
        cluster.go_on(node).expect("our own nodes can be signalled");
    }
    for node in 0..cluster.size() {
        cluster.start(node).await.expect("a node starts again");
    }
    cluster
}
