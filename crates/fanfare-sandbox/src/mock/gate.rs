//! Every request passes here: logged, made to fail if so decided, else handed to the vendor.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::DefaultBodyLimit;
use axum::http::request::Parts;
use axum::http::{Request, StatusCode};
use axum::response::Response;
use bytes::Bytes;
use hyper::body::Incoming;
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;
use thiserror::Error;

use super::desk::{ControlDesk, Verdict};
use super::fault::Fault;
use super::hubspot::HubSpot;
use super::log::{RequestLog, Visit};
use super::options::{Api, Options};
use super::sendgrid::SendGrid;
use super::sink::Sink;
use super::vendor::{Carried, Identity, Vendor, WholeBatches};
use super::{admin, answer};

/// One mock: the vendor's API behind its control and its log.
pub(crate) struct Gate {
    pub(crate) house: Arc<House>,
    routes: TowerToHyperService<Router>,
    admin: TowerToHyperService<Router>,
}

/// What the API side and the control side of a mock share.
pub(crate) struct House {
    pub(crate) vendor: Arc<dyn Vendor>,
    pub(crate) desk: ControlDesk,
    pub(crate) log: RequestLog,
}

/// A connection that ends without an answer, on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum Cut {
    #[error("the control asked for a reset")]
    Reset,
    #[error("the control asked for no answer, and was healed")]
    Closed,
}

impl Gate {
    pub(crate) fn new(api: Api, options: Options) -> Arc<Self> {
        let log = RequestLog::new(&options);
        let vendor: Arc<dyn Vendor> = match api {
            Api::HubSpot => Arc::new(HubSpot::new(options)),
            Api::SendGrid => Arc::new(SendGrid::new(options)),
            Api::Sink => Arc::new(Sink),
        };
        // The gate reads bodies itself, up to the vendor's limit.
        let routes = Arc::clone(&vendor).routes().layer(DefaultBodyLimit::disable());
        let house = Arc::new(House { vendor, desk: ControlDesk::new(), log });
        Arc::new(Self {
            routes: TowerToHyperService::new(routes),
            admin: TowerToHyperService::new(admin::routes(Arc::clone(&house))),
            house,
        })
    }

    pub(crate) async fn answer(&self, request: Request<Incoming>) -> Result<Response, Cut> {
        if request.uri().path().starts_with("/_") {
            return Ok(infallible(self.admin.call(request.map(Body::new)).await));
        }
        let House { desk, log, vendor } = &*self.house;
        let visit = log.arrived(request.method().as_str(), request.uri().path());
        let (parts, body) = request.into_parts();

        let mut early = (!desk.reads_bodies()).then(|| desk.decide(&[]));
        if let Some(verdict) = &mut early {
            begin(verdict, desk, &visit).await;
            if verdict.fault.stops_before_read() {
                return Err(self.withhold(&verdict.fault).await);
            }
        }
        let Ok(body) = to_bytes(Body::new(body), vendor.max_body()).await else {
            visit.answered(StatusCode::PAYLOAD_TOO_LARGE.as_u16(), None);
            return Ok(vendor.refuse(StatusCode::PAYLOAD_TOO_LARGE));
        };
        let identity = if log.enabled() {
            vendor.identify(&parts.headers, &body)
        } else {
            Identity::default()
        };
        visit.identified(&identity, &body);
        let verdict = match early {
            Some(verdict) => verdict,
            None => {
                let mut verdict = desk.decide(&body);
                begin(&mut verdict, desk, &visit).await;
                verdict
            }
        };
        self.finish(verdict, parts, body, &identity, &visit).await
    }

    async fn finish(
        &self,
        verdict: Verdict,
        parts: Parts,
        body: Bytes,
        identity: &Identity,
        visit: &Visit<'_>,
    ) -> Result<Response, Cut> {
        let fault = &verdict.fault;
        if fault.stops_before_read() {
            return Err(self.withhold(fault).await);
        }
        let answer = match fault.refusal().and_then(|status| StatusCode::from_u16(status).ok()) {
            Some(status) => self.house.vendor.refuse(status),
            None => {
                let mut request = Request::from_parts(parts, Body::from(body));
                if verdict.whole_batches {
                    request.extensions_mut().insert(WholeBatches);
                }
                self.carry_out(request, identity, visit).await
            }
        };
        if fault.hang.is_some() || fault.reset.is_some() {
            return Err(self.withhold(fault).await);
        }
        visit.answered(answer.status().as_u16(), fault.asks_to_wait());
        Ok(answer::disturbed(answer, &verdict).await)
    }

    async fn carry_out(
        &self,
        request: Request<Body>,
        identity: &Identity,
        visit: &Visit<'_>,
    ) -> Response {
        let mut answer = infallible(self.routes.call(request).await);
        if let Some(carried) = answer.extensions_mut().remove::<Carried>() {
            visit.carried(&carried, identity);
        }
        answer
    }

    async fn withhold(&self, fault: &Fault) -> Cut {
        if fault.hang.is_none() {
            return Cut::Reset;
        }
        self.house.desk.healed().cancelled().await;
        Cut::Closed
    }
}

async fn begin(verdict: &mut Verdict, desk: &ControlDesk, visit: &Visit<'_>) {
    if let Some(name) = verdict.fault.name() {
        visit.faulted(name);
    }
    if verdict.latency.is_zero() {
        return;
    }
    let place = match verdict.beyond.take() {
        None => desk.capacity.place().await,
        Some(beyond) => match desk.capacity.free_place() {
            Some(place) => place,
            None => {
                desk.count(&beyond);
                beyond.name().into_iter().for_each(|name| visit.faulted(name));
                verdict.fault = beyond;
                return;
            }
        },
    };
    tokio::time::sleep(verdict.latency).await;
    drop(place);
}

fn infallible(answer: Result<Response, Infallible>) -> Response {
    match answer {
        Ok(answer) => answer,
        Err(never) => match never {},
    }
}
