//! The HTTP API, `/api/v1`, and the document that describes it.

use axum::Router;

use crate::site::Site;

/// Everything below `/api/v1`.
pub(crate) fn routes(_site: &Site) -> Router<Site> {
    Router::new()
}
