//! What happens to the broker.

use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use tokio::time::sleep;

use super::Sight;
use crate::stage::Stage;

/// Killed with signal 9 and started again on its data.
pub(super) async fn kill(stage: &Stage) -> anyhow::Result<Sight> {
    let mut node = stage.node.lock().await;
    let pid = node.pid().context("the broker is no process of ours")?;
    node.kill().await.context("the broker cannot be killed")?;
    let is_gone = !is_alive(pid);
    node.start().await.context("the broker does not start again")?;
    let next = node.pid().context("the broker is not back")?;
    Ok(Sight::new(
        u64::from(is_gone && next != pid),
        format!("process {pid} gone, {next} in its place"),
    ))
}

/// Stopped as by an operator, and started again.
pub(super) async fn stop(stage: &Stage) -> anyhow::Result<Sight> {
    let mut node = stage.node.lock().await;
    let pid = node.pid().context("the broker is no process of ours")?;
    node.stop().await.context("the broker cannot be stopped")?;
    let is_gone = !is_alive(pid);
    node.start().await.context("the broker does not start again")?;
    Ok(Sight::new(u64::from(is_gone), format!("process {pid} ended in order")))
}

/// The memory alarm, for so long.
pub(super) async fn alarm(stage: &Stage, length: Duration) -> anyhow::Result<Sight> {
    let node = stage.node.lock().await;
    node.memory_alarm(true).await.context("the alarm cannot be raised")?;
    sleep(length).await;
    node.memory_alarm(false).await.context("the alarm cannot be cleared")?;
    Ok(Sight::new(1, "the broker said that it is in force, and then that it is not"))
}

/// Every connection is closed by the broker, with all its channels.
pub(super) async fn close_connections(stage: &Stage) -> anyhow::Result<Sight> {
    let node = stage.node.lock().await;
    let open = |listed: &str| listed.lines().filter(|line| line.starts_with('<')).count();
    let before = node.rabbitmqctl(&["list_connections", "pid"]).await?;
    node.rabbitmqctl(&["close_all_connections", "planned by chaos"]).await?;
    let count = open(&before) as u64;
    Ok(Sight::new(count, format!("{count} connections were open")))
}

fn is_alive(pid: u32) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
}
