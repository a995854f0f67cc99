//! One measurement: a full queue, a consumer, and the sink's count of what arrived.

use std::time::{Duration, Instant};

use anyhow::Context;
use tokio::time::sleep;

use crate::broker::Bench;
use crate::report::Figures;
use crate::sink::Sink;
use crate::variant::Variant;

const LOOK_EVERY: Duration = Duration::from_millis(10);
const LAST_ACKS: Duration = Duration::from_millis(500);
const DEADLINE: Duration = Duration::from_secs(300);
/// Kernel ticks a second in /proc; fixed on Linux for what user space sees.
const TICKS_PER_SECOND: f64 = 100.0;

/// Fills the queue with `count` events and measures how fast `variant` empties it.
pub(crate) async fn rate(
    bench: &Bench,
    sink: &Sink,
    variant: Variant,
    count: usize,
) -> anyhow::Result<Figures> {
    bench.fill(count).await?;
    let figures = part(bench, sink, variant, count).await?;
    anyhow::ensure!(bench.ready().await? == 0, "events are left in the queue");
    Ok(figures)
}

/// Measures the first `count` deliveries of whatever is in the queue.
pub(crate) async fn part(
    bench: &Bench,
    sink: &Sink,
    variant: Variant,
    count: usize,
) -> anyhow::Result<Figures> {
    sink.forget().await?;
    let count = u64::try_from(count)?;
    let mut process = variant.start(bench, sink)?;
    let pid = process.id().context("the variant has ended at once")?;
    let (first, started) = until(sink, 1).await?;
    let cpu_before = cpu_seconds(pid)?;
    let (last, ended) = until(sink, count).await?;
    let cpu = cpu_seconds(pid)? - cpu_before;
    let deliveries = last - first;
    let figures = Figures {
        per_second: deliveries as f64 / (ended - started).as_secs_f64(),
        cpu_us: cpu * 1e6 / deliveries as f64,
        peak_mb: peak_megabytes(pid)?,
    };
    // The last answers become acks within milliseconds; a kill before would leave
    // redeliveries to the next measurement.
    sleep(LAST_ACKS).await;
    process.kill().await?;
    Ok(figures)
}

async fn until(sink: &Sink, count: u64) -> anyhow::Result<(u64, Instant)> {
    let began = Instant::now();
    loop {
        let events = sink.events().await?;
        if events >= count {
            return Ok((events, Instant::now()));
        }
        anyhow::ensure!(
            began.elapsed() < DEADLINE,
            "{events} of {count} deliveries after {DEADLINE:?}"
        );
        sleep(LOOK_EVERY).await;
    }
}

/// User and system time of a process (proc(5): fields 14 and 15 of stat).
fn cpu_seconds(pid: u32) -> anyhow::Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let (_, fields) = stat.rsplit_once(')').context("/proc/PID/stat has no name")?;
    let ticks = |index: usize| -> anyhow::Result<f64> {
        Ok(fields.split_whitespace().nth(index).context("too few fields")?.parse()?)
    };
    Ok((ticks(11)? + ticks(12)?) / TICKS_PER_SECOND)
}

/// The most memory that was resident at any time.
fn peak_megabytes(pid: u32) -> anyhow::Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM")?;
    let kilobytes: f64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kilobytes / 1024.0)
}
