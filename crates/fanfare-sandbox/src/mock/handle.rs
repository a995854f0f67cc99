//! A mock inside the test's own process, on a free port.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use thiserror::Error;
use tokio::time::timeout;

use super::control::{Control, ControlError};
use super::gate::Gate;
use super::options::{Api, Options};
use super::record::{Effects, KeyTally, RequestRecord};
use super::server;
use crate::port::Port;

/// A running mock. Dropping it stops it.
pub struct MockApi {
    gate: Arc<Gate>,
    port: Port,
}

/// Something that was awaited did not happen.
#[derive(Debug, Error)]
#[error("waited {waited:?} for {what}; the mock has seen {seen:?}")]
pub struct WaitTimeout {
    what: String,
    waited: Duration,
    seen: Effects,
}

impl MockApi {
    /// A mock HubSpot with default options.
    pub async fn hubspot() -> io::Result<Self> {
        Self::start(Api::HubSpot, Options::default()).await
    }

    /// A mock SendGrid with default options.
    pub async fn sendgrid() -> io::Result<Self> {
        Self::start(Api::SendGrid, Options::default()).await
    }

    /// A mock that takes everything.
    pub async fn sink() -> io::Result<Self> {
        Self::start(Api::Sink, Options::default()).await
    }

    /// A mock of `api` on a free port of the loopback interface.
    pub async fn start(api: Api, options: Options) -> io::Result<Self> {
        let gate = Gate::new(api, options);
        let served = Arc::clone(&gate);
        let port = Port::open_at(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), {
            move |listener, stop| tokio::spawn(server::serve(listener, Arc::clone(&served), stop))
        })?;
        Ok(Self { gate, port })
    }

    /// Where it listens, and will listen again after [`Self::come_up`].
    pub fn address(&self) -> SocketAddr {
        self.port.address()
    }

    /// `http://127.0.0.1:PORT`
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address())
    }

    /// Replaces everything that goes wrong.
    pub fn control(&self, control: Control) -> Result<(), ControlError> {
        self.gate.house.desk.set(control)
    }

    /// Nothing goes wrong any more; requests that hang lose their connection.
    pub fn heal(&self) {
        self.gate.house.desk.heal();
    }

    /// Faults injected so far, so that a test can show that they happened.
    pub fn faults_injected(&self) -> u64 {
        self.gate.house.desk.injected()
    }

    /// Every request that is still in the log.
    pub fn log(&self) -> Vec<RequestRecord> {
        self.log_since(0)
    }

    /// Requests after a sequence number.
    pub fn log_since(&self, seq: u64) -> Vec<RequestRecord> {
        self.gate.house.log.page(seq, usize::MAX).requests
    }

    /// Forgets requests and effects; contacts and mails stay.
    pub fn clear_log(&self) {
        self.gate.house.log.clear();
    }

    /// What took effect, per idempotency key.
    pub fn effects(&self) -> Effects {
        self.gate.house.log.effects()
    }

    /// What took effect, in numbers only: cheap enough to ask often.
    pub fn totals(&self) -> Effects {
        self.gate.house.log.totals()
    }

    /// What took effect for one idempotency key.
    pub fn tally(&self, key: &str) -> KeyTally {
        self.gate.house.log.tally(key)
    }

    /// Contacts or mails, as `GET /_state` shows them.
    pub fn state(&self) -> Value {
        self.gate.house.vendor.state()
    }

    /// Refuses connections and closes the open ones, as if the API's host had gone.
    pub async fn go_down(&self) -> io::Result<()> {
        self.port.close().await
    }

    /// Listens again, on the same port and with the same state.
    pub async fn come_up(&self) -> io::Result<()> {
        self.port.open().await
    }

    /// Waits until `fact` holds, looking whenever a request arrived or ended.
    pub async fn wait_until(
        &self,
        what: &str,
        deadline: Duration,
        fact: impl Fn(&Self) -> bool,
    ) -> Result<(), WaitTimeout> {
        let fact_holds = async {
            loop {
                // Created before looking: a change between the look and the wait counts.
                let changed = self.gate.house.log.changed();
                if fact(self) {
                    return;
                }
                changed.await;
            }
        };
        timeout(deadline, fact_holds).await.map_err(|_| WaitTimeout {
            what: what.to_owned(),
            waited: deadline,
            seen: self.totals(),
        })
    }
}

impl fmt::Debug for MockApi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MockApi").field("address", &self.address()).finish_non_exhaustive()
    }
}
