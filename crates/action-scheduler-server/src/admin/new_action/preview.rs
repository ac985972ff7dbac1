//! What a draft means, while it is typed.

use axum::extract::Query;
use axum::response::{IntoResponse, Response};
use maud::html;

use super::draft::Draft;
use crate::access::Operator;
use crate::admin::visit::Visit;
use crate::admin::when::preview_of;

/// A part of a page: what the schedule means, and what is wrong with the args.
pub(super) async fn show(visit: Visit, _: Operator, Query(draft): Query<Draft>) -> Response {
    let scheduler = visit.site.scheduler();
    let when = draft.when.read(&visit, scheduler);
    let args = match draft.args.trim() {
        "" => None,
        text => text.parse::<action_scheduler::Args>().err(),
    };
    html! {
        (preview_of(&visit, &when))
        @if let Some(problem) = args { p .problem { (problem) } }
    }
    .into_response()
}
