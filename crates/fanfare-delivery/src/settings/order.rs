//! The settings of a destination whose deliveries are ordered.

use std::time::Duration;

use fanfare_process::catalogue::consumer;
use fanfare_process::settings::Reader;

use super::positive;
use crate::ordered::{AfterDead, LONGEST_PATIENCE, OrderSettings, PREFETCH};

/// `Some(None)` where deliveries are not ordered.
pub(super) fn read(reader: &mut Reader<'_>) -> Option<Option<OrderSettings>> {
    let ordered = reader.choice(&consumer::ORDERED_BY, &[("off", false), ("subject", true)]);
    let after_dead = reader.choice(
        &consumer::ORDERED_AFTER_DEAD,
        &[("block", AfterDead::Block), ("skip", AfterDead::Skip)],
    );
    let patience = reader.or_default_with(&consumer::ORDERED_PATIENCE, patience);
    if !ordered? {
        return Some(None);
    }
    if reader.is_set(&consumer::PREFETCH) {
        let what = format!("goes without FANFARE_PREFETCH, which is always {PREFETCH} then");
        reader.problem(&consumer::ORDERED_BY, what);
        return None;
    }
    Some(Some(OrderSettings { after_dead: after_dead?, patience: patience? }))
}

fn patience(text: &str) -> Result<Duration, String> {
    let patience = positive(text)?;
    if patience > LONGEST_PATIENCE {
        let most = LONGEST_PATIENCE.as_secs() / 60;
        return Err(format!("is longer than {most}m, and RabbitMQ takes back what waits for 30"));
    }
    Ok(patience)
}
