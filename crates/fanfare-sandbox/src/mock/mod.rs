//! Stand-ins for the downstream APIs: faithful answers, faults on demand, a log of effects.
//!
//! [`MockApi`] is the handle for tests; [`run`] serves the same thing on a listener. Both are
//! steered alike: [`Control`] says what goes wrong, the log says what arrived and what of it
//! took effect.

mod admin;
mod answer;
mod arrivals;
mod capacity;
mod control;
mod desk;
mod email;
mod fault;
mod gate;
mod handle;
mod http_date;
mod hubspot;
mod log;
mod options;
mod record;
mod retry_after;
mod sendgrid;
mod server;
mod sink;
mod vendor;
mod window;
mod wire;

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub use arrivals::most_within;
pub use control::{Control, ControlError, Rule};
pub use fault::{Fault, Moment};
pub use handle::{MockApi, WaitTimeout};
pub use options::{Api, Options, RateLimit};
pub use record::{Effects, KeyTally, LogPage, RequestRecord, WebhookHeaders, body_hash};

/// Serves a mock of `api` on `listener` until `shutdown` is cancelled.
pub async fn run(listener: TcpListener, api: Api, options: Options, shutdown: CancellationToken) {
    server::serve(listener, gate::Gate::new(api, options), shutdown).await;
}

/// A panic while the lock was held leaves counters and maps that are still usable.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
