//! What happens to the processes.

use anyhow::Context;
use tokio::time::sleep;

use super::Sight;
use crate::plan::Planned;
use crate::stage::{End, Stage};

/// One consumer dies, another takes its place.
pub(super) async fn kill_consumer(stage: &Stage, planned: Planned) -> anyhow::Result<Sight> {
    let is_dead = stage.consumers.kill(planned.target, &stage.register).await?;
    Ok(Sight::new(u64::from(is_dead), "it died of signal 9"))
}

/// One consumer is asked to stop when another is there already.
pub(super) async fn replace_consumer(stage: &Stage, planned: Planned) -> anyhow::Result<Sight> {
    let life = stage.consumers.replace(planned.target, &stage.register).await?;
    match life.ended {
        Some((_, End::Stopped(code))) => {
            Ok(Sight::new(1, format!("it ended with {code} after SIGTERM")))
        }
        other => Ok(Sight::new(1, format!("it did not end in order: {other:?}"))),
    }
}

/// One consumer stands still.
pub(super) async fn freeze_consumer(stage: &Stage, planned: Planned) -> anyhow::Result<Sight> {
    let pid = stage.consumers.freeze(planned.target).await?;
    sleep(planned.length()).await;
    let state = state(pid)?;
    stage.consumers.thaw(planned.target, pid).await?;
    Ok(Sight::new(u64::from(state == 'T'), format!("process {pid} was in state {state}")))
}

/// One producer dies, and is started again.
pub(super) async fn kill_producer(stage: &Stage, planned: Planned) -> anyhow::Result<Sight> {
    let is_dead = stage.producers.kill(planned.target, &stage.register).await?;
    Ok(Sight::new(u64::from(is_dead), "it died of signal 9"))
}

/// The Redis dies, and comes back with what it had written down.
pub(super) async fn kill_redis(stage: &Stage, planned: Planned) -> anyhow::Result<Sight> {
    let mut redis = stage.redis.lock().await;
    redis.kill();
    let is_gone = redis.ask(&["PING"]).is_err();
    sleep(planned.length()).await;
    redis.start().await.context("the Redis does not start again")?;
    Ok(Sight::new(u64::from(is_gone), "nobody answered at its port, and then it did again"))
}

/// The PostgreSQL dies, and comes back with what was committed.
pub(super) async fn kill_postgres(stage: &Stage, planned: Planned) -> anyhow::Result<Sight> {
    let mut postgres = stage.postgres.lock().await;
    postgres.kill()?;
    let is_gone = postgres.ask("SELECT 1").await.is_err();
    sleep(planned.length()).await;
    postgres.start().await.context("the PostgreSQL does not start again")?;
    Ok(Sight::new(u64::from(is_gone), "nobody answered at its port, and then it did again"))
}

/// The state of a process: the third field of proc(5)'s stat, after its name in parentheses.
fn state(pid: u32) -> anyhow::Result<char> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let (_, fields) = stat.rsplit_once(") ").context("/proc/PID/stat has no name")?;
    fields.chars().next().context("/proc/PID/stat has no state")
}
