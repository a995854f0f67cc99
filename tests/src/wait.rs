//! Waiting for facts.

use std::time::Duration;

use tokio::time::{Instant, sleep};

/// How long a test waits for anything before it says what is missing.
pub const PATIENCE: Duration = Duration::from_secs(60);

const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Looks again and again until `fact` gives something, for [`PATIENCE`].
///
/// # Panics
///
/// When it never does, with `what` was awaited.
pub async fn eventually<T>(what: &str, mut fact: impl AsyncFnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(value) = fact().await {
            return value;
        }
        assert!(started.elapsed() < PATIENCE, "waited {PATIENCE:?} for {what}");
        sleep(LOOK_EVERY).await;
    }
}
