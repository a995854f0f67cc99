//! The paths that begin with an underscore: steer a mock and look into it.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::json;

use super::control::Control;
use super::gate::House;

/// Requests in one page of the log, unless asked otherwise.
const PAGE: usize = 10_000;

/// Which part of the log.
#[derive(Debug, Deserialize)]
struct Part {
    #[serde(default)]
    since: u64,
    limit: Option<usize>,
}

pub(crate) fn routes(house: Arc<House>) -> Router {
    Router::new()
        .route("/_health", get(|| async { "ok\n" }))
        .route("/_control", get(show_control).put(set_control).delete(heal))
        .route("/_log", get(show_log).delete(clear_log))
        .route("/_effects", get(show_effects))
        .route("/_totals", get(show_totals))
        .route("/_state", get(show_state))
        .with_state(house)
}

async fn show_control(State(house): State<Arc<House>>) -> Response {
    let desk = &house.desk;
    Json(json!({ "control": desk.current(), "injected": desk.injected() })).into_response()
}

async fn set_control(State(house): State<Arc<House>>, body: Bytes) -> Response {
    let control = match serde_json::from_slice::<Control>(&body) {
        Ok(control) => control,
        Err(error) => return (StatusCode::BAD_REQUEST, format!("{error}\n")).into_response(),
    };
    match house.desk.set(control) {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => (StatusCode::BAD_REQUEST, format!("{error}\n")).into_response(),
    }
}

async fn heal(State(house): State<Arc<House>>) -> StatusCode {
    house.desk.heal();
    StatusCode::NO_CONTENT
}

async fn show_log(State(house): State<Arc<House>>, Query(part): Query<Part>) -> Response {
    Json(house.log.page(part.since, part.limit.unwrap_or(PAGE))).into_response()
}

async fn clear_log(State(house): State<Arc<House>>) -> StatusCode {
    house.log.clear();
    StatusCode::NO_CONTENT
}

async fn show_effects(State(house): State<Arc<House>>) -> Response {
    Json(house.log.effects()).into_response()
}

/// Cheap enough to ask many times a second.
async fn show_totals(State(house): State<Arc<House>>) -> Response {
    Json(house.log.totals()).into_response()
}

async fn show_state(State(house): State<Arc<House>>) -> Response {
    Json(house.vendor.state()).into_response()
}
