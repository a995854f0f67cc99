//! Looks for a `redis-server`, and installs it if there is none.

use tokio::process::Command;
use tokio::sync::Mutex;

use super::RedisError;
use crate::system::{Package, PackageManager};

const REDIS: Package = Package { debian: "redis-server", homebrew: "redis" };

/// Installs `redis-server` unless it is there, after saying so.
pub async fn install_if_missing() -> Result<(), RedisError> {
    /// Many tests may find it missing at the same time.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());
    let _turn = ONE_AT_A_TIME.lock().await;
    if is_installed().await {
        return Ok(());
    }
    let says = PackageManager::provide("redis:", &REDIS).await.map_err(RedisError::Missing)?;
    if is_installed().await {
        return Ok(());
    }
    Err(RedisError::Missing(format!("{says} brought no redis-server")))
}

async fn is_installed() -> bool {
    let version = Command::new("redis-server").arg("--version").output().await;
    version.is_ok_and(|ended| ended.status.success())
}
