//! One action: look at it, and change what becomes of it.

use action_scheduler::ActionId;
use action_scheduler::scheduler::Deed;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::access::{Caller, Operator, Viewer};
use crate::api::schedule::SentDate;
use crate::api::shapes::{ActionShape, LogEntryShape};
use crate::http::{Body, Named, Problem};
use crate::site::Site;

/// Which action.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "it describes the path for OpenAPI; `Named` reads it")]
pub(super) struct ActionPath {
    /// The id of the action.
    #[param(minimum = 1)]
    id: i64,
}

/// The log of an action.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Log {
    /// Its entries, in order.
    entries: Vec<LogEntryShape>,
}

/// A note.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, expecting = "an object, such as {\"text\": \"looked at\"}")]
pub(super) struct Note {
    /// The text.
    #[schema(min_length = 1, max_length = 10_000)]
    text: String,
}

/// Get an action
#[utoipa::path(
    get,
    path = "/actions/{id}",
    tag = "actions",
    params(ActionPath),
    responses((status = 200, description = "The action.", body = ActionShape))
)]
pub(super) async fn get_action(
    State(site): State<Site>,
    _: Viewer,
    Named(id): Named<ActionId>,
) -> Result<Json<ActionShape>, Problem> {
    shown(&site, id).await
}

/// Delete an action
///
/// With its log. One that is in-progress is not deleted; the chain of one that is pending ends.
#[utoipa::path(
    delete,
    path = "/actions/{id}",
    tag = "actions",
    params(ActionPath),
    responses((status = 204, description = "It is deleted."))
)]
pub(super) async fn delete_action(
    State(site): State<Site>,
    Operator(caller): Operator,
    Named(id): Named<ActionId>,
) -> Result<StatusCode, Problem> {
    site.acting_as(&caller).do_to(id, &Deed::Delete).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Get the log of an action
#[utoipa::path(
    get,
    path = "/actions/{id}/logs",
    tag = "actions",
    params(ActionPath),
    responses((status = 200, description = "Its log.", body = Log))
)]
pub(super) async fn list_logs(
    State(site): State<Site>,
    _: Viewer,
    Named(id): Named<ActionId>,
) -> Result<Json<Log>, Problem> {
    let action = site.scheduler().fetch(id).await?;
    let entries = site.scheduler().logs(id).await?;
    let entries = entries.iter().map(|entry| LogEntryShape::new(&site, &action, entry));
    Ok(Json(Log { entries: entries.collect() }))
}

/// Add a note to the log of an action
#[utoipa::path(
    post,
    path = "/actions/{id}/notes",
    tag = "actions",
    params(ActionPath),
    request_body = Note,
    responses((status = 204, description = "It is in the log."))
)]
pub(super) async fn add_note(
    State(site): State<Site>,
    Operator(caller): Operator,
    Named(id): Named<ActionId>,
    Body(note): Body<Note>,
) -> Result<StatusCode, Problem> {
    let text = note.text.trim();
    if text.is_empty() {
        return Err(Problem::invalid("text", "expected a text that is not empty"));
    }
    if text.chars().count() > 10_000 {
        return Err(Problem::invalid("text", "longer than 10000 characters"));
    }
    site.acting_as(&caller).note(id, text).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Cancel an action
///
/// It must be pending or in-progress. A handler that is running is not interrupted, but what it reports changes nothing
/// any more. The chain of a pending instance ends.
#[utoipa::path(
    post,
    path = "/actions/{id}/cancel",
    tag = "actions",
    params(ActionPath),
    responses((status = 200, description = "It is canceled.", body = ActionShape))
)]
pub(super) async fn cancel_action(
    State(site): State<Site>,
    Operator(caller): Operator,
    Named(id): Named<ActionId>,
) -> Result<Json<ActionShape>, Problem> {
    changed(&site, &caller, id, &Deed::Cancel { reason: None }).await
}

/// Re-run an action
///
/// It must be complete, failed or canceled, and gets a new attempt, due now.
#[utoipa::path(
    post,
    path = "/actions/{id}/rerun",
    tag = "actions",
    params(ActionPath),
    responses((status = 200, description = "It is pending again.", body = ActionShape))
)]
pub(super) async fn rerun_action(
    State(site): State<Site>,
    Operator(caller): Operator,
    Named(id): Named<ActionId>,
) -> Result<Json<ActionShape>, Problem> {
    changed(&site, &caller, id, &Deed::Rerun).await
}

/// Run an action now
///
/// It must be pending, and is due now. The date it had still holds for the next instance of a recurring one.
#[utoipa::path(
    post,
    path = "/actions/{id}/run",
    tag = "actions",
    params(ActionPath),
    responses((status = 200, description = "It is due.", body = ActionShape))
)]
pub(super) async fn run_action(
    State(site): State<Site>,
    Operator(caller): Operator,
    Named(id): Named<ActionId>,
) -> Result<Json<ActionShape>, Problem> {
    changed(&site, &caller, id, &Deed::RunNow).await
}

/// Reschedule an action
///
/// It must be pending, and gets another date.
#[utoipa::path(
    post,
    path = "/actions/{id}/reschedule",
    tag = "actions",
    params(ActionPath),
    request_body = SentDate,
    responses((status = 200, description = "It has another date.", body = ActionShape))
)]
pub(super) async fn reschedule_action(
    State(site): State<Site>,
    Operator(caller): Operator,
    Named(id): Named<ActionId>,
    Body(date): Body<SentDate>,
) -> Result<Json<ActionShape>, Problem> {
    let at = date.read(site.scheduler())?;
    changed(&site, &caller, id, &Deed::Reschedule(at)).await
}

/// Does something to an action, and shows it as it is then.
async fn changed(
    site: &Site,
    caller: &Caller,
    id: ActionId,
    deed: &Deed,
) -> Result<Json<ActionShape>, Problem> {
    site.acting_as(caller).do_to(id, deed).await?;
    shown(site, id).await
}

async fn shown(site: &Site, id: ActionId) -> Result<Json<ActionShape>, Problem> {
    let action = site.scheduler().fetch(id).await?;
    Ok(Json(ActionShape::new(site, &action, site.scheduler().now())))
}
