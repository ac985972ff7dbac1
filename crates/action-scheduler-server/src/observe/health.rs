//! `/healthz` says that the process answers, `/readyz` that its store does too. Both tell anyone, and nothing else.

use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;

use crate::site::Site;

/// How long the store may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// The process answers.
pub(crate) async fn alive() -> &'static str {
    "ok\n"
}

/// The store answers as well.
pub(crate) async fn ready(State(site): State<Site>) -> (StatusCode, &'static str) {
    match tokio::time::timeout(PATIENCE, site.scheduler().store().ping()).await {
        Ok(Ok(())) => (StatusCode::OK, "ready\n"),
        Ok(Err(error)) => {
            tracing::warn!(%error, "not ready: the store failed");
            (StatusCode::SERVICE_UNAVAILABLE, "the store failed; the server's log says more\n")
        }
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "the store does not answer\n"),
    }
}
