//! `/actions`: the list of actions, one action, and what can be done to them.

mod bulk;
mod change;
mod columns;
mod diagnosis;
mod filters;
mod list;
mod next;
mod one;
mod timeline;
mod view;

use axum::Router;
use axum::routing::{get, post};

#[allow(unused_imports, reason = "the overview and the export use them")]
pub(super) use self::{diagnosis::is_alive, view::View};
use crate::site::Site;

/// `/actions` and what is below it.
pub(super) fn routes() -> Router<Site> {
    Router::new()
        .route("/actions", get(list::show))
        .route("/actions/columns", post(list::keep_columns))
        .route("/actions/bulk", post(bulk::ask))
        .route("/actions/bulk/start", post(bulk::start))
        .route("/actions/{id}", get(one::show))
        .route("/actions/{id}/cancel", get(change::ask_cancel).post(change::cancel))
        .route("/actions/{id}/delete", get(change::ask_delete).post(change::delete))
        .route("/actions/{id}/reschedule", get(change::ask_reschedule).post(change::reschedule))
        .route("/actions/{id}/run", post(change::run))
        .route("/actions/{id}/rerun", post(change::rerun))
        .route("/actions/{id}/notes", post(change::note))
        .route("/jobs/{id}", get(bulk::progress))
        .route("/jobs/{id}/stop", post(bulk::stop))
}
