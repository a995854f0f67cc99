//! The time of day, as journals, mocks and faults write it down.

use std::time::SystemTime;

/// Milliseconds since the epoch.
pub fn now_ms() -> f64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    since.as_micros() as f64 / 1e3
}
