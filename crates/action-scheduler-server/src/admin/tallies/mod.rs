//! Hooks and groups: how many actions of each there are, and what is set for them.

mod figures;
mod hook;
mod list;
mod policy;

use axum::Router;
use axum::routing::get;

use crate::site::Site;

pub(super) fn routes() -> Router<Site> {
    Router::new()
        .route("/hooks", get(list::hooks))
        .route("/hooks/one", get(hook::show))
        .route("/groups", get(list::groups))
}
