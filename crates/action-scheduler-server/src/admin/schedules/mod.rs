//! Chains: what runs again and again, how it went, and what comes next.

mod change;
mod edit;
mod line;
mod list;
mod one;

use axum::Router;
use axum::routing::{get, post};

pub(super) use self::line::in_words;
use crate::site::Site;

pub(super) fn routes() -> Router<Site> {
    Router::new()
        .route("/schedules", get(list::show))
        .route("/schedules/{chain}", get(one::show))
        .route("/schedules/{chain}/pause", post(change::pause))
        .route("/schedules/{chain}/resume", post(change::resume))
        .route("/schedules/{chain}/run", post(change::run))
        .route("/schedules/{chain}/end", get(change::ask_to_end).post(change::end))
        .route("/schedules/{chain}/edit", get(edit::show).post(edit::keep))
}
