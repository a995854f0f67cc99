//! What happens at the APIs.

use std::time::Duration;

use fanfare_sandbox::mock::{Fault, Moment};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, sleep_until};

use super::Sight;
use crate::load::DESTINATIONS;
use crate::plan::{Kind, Planned, RETRY_AFTER};
use crate::stage::Stage;

const SERVER_ERRORS: [u16; 4] = [500, 502, 503, 504];

const PATIENCE: Duration = Duration::from_secs(90);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Steps of an API that gets slower, in milliseconds.
const RAMP_MS: [u64; 4] = [100, 300, 800, 1_500];

/// Disturbs one API for as long as planned.
pub(super) async fn disturb(stage: &Stage, planned: Planned) -> anyhow::Result<Sight> {
    let api = stage.apis.of(planned.target);
    let before = api.faults_injected();
    let until = Instant::now() + planned.length();
    match planned.kind {
        Kind::SlowRamp => ramp(stage, planned).await?,
        Kind::ApiDown => return down(stage, planned).await,
        _ => {
            for fault in faults(planned) {
                stage.apis.with(planned.target, Some(fault))?;
                // A short look at each, and the last one to the end.
                sleep(Duration::from_millis(500)).await;
            }
            sleep_until(until).await;
        }
    }
    // A destination that is held, or without a backlog, may not have called meanwhile.
    while api.faults_injected() == before && Instant::now() < until + PATIENCE {
        sleep(LOOK_EVERY).await;
    }
    stage.apis.calm(planned.target)?;
    let count = api.faults_injected() - before;
    let name = DESTINATIONS[planned.target].name;
    Ok(Sight::new(count, format!("{count} calls to {name} met it")))
}

/// What calls meet, one after the other.
fn faults(planned: Planned) -> Vec<Fault> {
    let chosen = |from: usize| planned.variety as usize % from;
    match planned.kind {
        Kind::ServerErrors => {
            let mut statuses = SERVER_ERRORS;
            statuses.rotate_left(chosen(SERVER_ERRORS.len()));
            statuses.map(Fault::status).into()
        }
        Kind::Throttled => {
            let form = RETRY_AFTER[chosen(RETRY_AFTER.len())];
            vec![Fault::status(429).retry_after(form)]
        }
        Kind::Unauthorized => vec![Fault::status(401)],
        Kind::Silent => {
            let moments = [Moment::BeforeRead, Moment::AfterRead];
            vec![Fault::hang(moments[chosen(moments.len())])]
        }
        _ => vec![Fault::reset(Moment::AfterRead)],
    }
}

async fn ramp(stage: &Stage, planned: Planned) -> anyhow::Result<()> {
    let step = planned.length() / u32::try_from(RAMP_MS.len()).unwrap_or(1);
    for latency_ms in RAMP_MS {
        stage.apis.with(planned.target, Some(Fault::slow(latency_ms)))?;
        sleep(step).await;
    }
    Ok(())
}

async fn down(stage: &Stage, planned: Planned) -> anyhow::Result<Sight> {
    let api = stage.apis.of(planned.target);
    api.go_down().await?;
    let is_refused = TcpStream::connect(api.address()).await.is_err();
    sleep(planned.length()).await;
    api.come_up().await?;
    let name = DESTINATIONS[planned.target].name;
    Ok(Sight::new(u64::from(is_refused), format!("the host of {name} refused connections")))
}
