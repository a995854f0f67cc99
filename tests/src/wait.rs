//! Waiting for facts.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

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

/// What `future` gives, within [`PATIENCE`].
///
/// # Panics
///
/// When it does not end, with `what` was awaited.
pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    let ended = timeout(PATIENCE, future).await;
    ended.unwrap_or_else(|_| panic!("waited {PATIENCE:?} for {what}"))
}
