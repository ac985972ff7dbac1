//! For those who watch: metrics, health, alerts.

pub mod alerts;
mod health;
mod metrics;

use axum::Router;
use axum::routing::get;

pub(crate) use self::metrics::{Metrics, count_requests};
use crate::site::Site;

/// `/metrics`, `/healthz`, `/readyz`.
pub(crate) fn routes() -> Router<Site> {
    Router::new()
        .route("/metrics", get(metrics::page))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
}
