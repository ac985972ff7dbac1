//! `POST /actions` and `POST /actions/bulk`.

use action_scheduler::{ActionId, NewAction, Scheduler};
use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::new::SentAction;
use super::once::{KeyHeader, OnceKey};
use super::traced::{CallerSpan, TraceHeader};
use crate::access::Operator;
use crate::http::{JsonText, Problem, read_json};
use crate::site::Site;

/// How many faults of a list are told at most.
const FAULTS: usize = 100;

/// What became of a new action.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Created {
    /// Its id; none if one like it was pending or in-progress, and it was to be unique.
    id: Option<i64>,
}

/// Actions to be stored.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(
    deny_unknown_fields,
    expecting = "an object, such as {\"actions\": [{\"hook\": \"a\"}, {\"hook\": \"b\"}]}"
)]
pub(super) struct NewActions {
    /// The actions. Those before count for the rule of a unique one.
    #[schema(min_items = 1)]
    actions: Vec<SentAction>,
}

/// What became of new actions.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CreatedMany {
    /// Their ids, in order; none for one that was to be unique and was not.
    ids: Vec<Option<i64>>,
    /// How many were stored.
    stored: usize,
}

/// Schedule an action
///
/// It is stored durably before this answers: with 201 and a `Location`, or with 200 and no id when one like it is already
/// pending or in-progress and it was to be unique.
#[utoipa::path(
    post,
    path = "/actions",
    tag = "actions",
    params(KeyHeader, TraceHeader),
    request_body = SentAction,
    responses(
        (status = 201, description = "It is stored.", body = Created, headers(
            ("Location" = String, description = "The path of the action.")
        )),
        (status = 200, description = "One like it is there already.", body = Created),
    )
)]
pub(super) async fn create_action(
    State(site): State<Site>,
    Operator(caller): Operator,
    key: OnceKey,
    span: CallerSpan,
    json: JsonText,
) -> Result<Response, Problem> {
    let scheduler = span.calls(site.acting_as(&caller));
    let action = json.read::<SentAction>()?.read(&scheduler)?;
    let stored = key.store(&scheduler, &json, vec![action]).await?;
    let id = stored.ids.into_iter().next().flatten();
    let body = (stored.replayed, Json(Created { id: id.map(ActionId::get) }));
    Ok(match id {
        Some(id) => {
            let location = site.path(&format!("/api/v1/actions/{id}"));
            (StatusCode::CREATED, [(header::LOCATION, location)], body).into_response()
        }
        None => body.into_response(),
    })
}

/// Schedule many actions
///
/// All of them are stored or, if one is not valid, none: the problem then names each field that is at fault.
#[utoipa::path(
    post,
    path = "/actions/bulk",
    tag = "actions",
    params(KeyHeader, TraceHeader),
    request_body = NewActions,
    responses((status = 201, description = "They are stored.", body = CreatedMany))
)]
pub(super) async fn create_actions(
    State(site): State<Site>,
    Operator(caller): Operator,
    key: OnceKey,
    span: CallerSpan,
    json: JsonText,
) -> Result<impl IntoResponse, Problem> {
    let scheduler = span.calls(site.acting_as(&caller));
    let most = site.config().limits.page.saturating_mul(10);
    let actions = read_many(&json, &scheduler, most)?;
    let stored = key.store(&scheduler, &json, actions).await?;
    let ids: Vec<Option<i64>> = stored.ids.into_iter().map(|id| id.map(ActionId::get)).collect();
    let count = ids.iter().flatten().count();
    let body = Json(CreatedMany { ids, stored: count });
    Ok((StatusCode::CREATED, stored.replayed, body))
}

fn read_many(json: &JsonText, scheduler: &Scheduler, most: u32) -> Result<Vec<NewAction>, Problem> {
    let sent: NewActions = match json.read() {
        Ok(sent) => sent,
        Err(problem) => return Err(every_fault(json, scheduler).unwrap_or(problem)),
    };
    if sent.actions.is_empty() {
        return Err(Problem::invalid("actions", "expected at least one action"));
    }
    if usize::try_from(most).is_ok_and(|most| sent.actions.len() > most) {
        let detail =
            format!("{} actions are more than {most}; send less at once", sent.actions.len());
        return Err(Problem::invalid("actions", detail));
    }
    let mut actions = Vec::with_capacity(sent.actions.len());
    let mut faults = Vec::new();
    for (place, action) in sent.actions.into_iter().enumerate() {
        match action.read(scheduler) {
            Ok(action) => actions.push(action),
            Err(problem) if faults.len() < FAULTS => {
                faults.push(problem.within(format_args!("actions[{place}]")));
            }
            Err(_) => {}
        }
    }
    Problem::several(faults).map_or(Ok(actions), Err)
}

/// Looks at each action of a list that could not be read as a whole.
fn every_fault(json: &JsonText, scheduler: &Scheduler) -> Option<Problem> {
    #[derive(Deserialize)]
    struct Loose<'a> {
        #[serde(borrow)]
        actions: Vec<&'a RawValue>,
    }
    let loose: Loose<'_> = serde_json::from_slice(json.bytes()).ok()?;
    let faults = loose.actions.iter().enumerate().filter_map(|(place, action)| {
        let read: Result<SentAction, Problem> = read_json(action.get().as_bytes());
        let problem = read.and_then(|action| action.read(scheduler)).err()?;
        Some(problem.within(format_args!("actions[{place}]")))
    });
    Problem::several(faults.take(FAULTS).collect())
}
