//! For those who watch: metrics, health, alerts.

use axum::Router;

use crate::site::Site;

/// `/metrics`, `/healthz`, `/readyz`.
pub(crate) fn routes() -> Router<Site> {
    Router::new()
}
