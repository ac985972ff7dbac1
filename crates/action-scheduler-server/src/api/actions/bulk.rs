//! Changes to many actions: to those named, or to all that the parameters let through.

use std::time::Instant;

use action_scheduler::scheduler::Deed;
use action_scheduler::{ActionId, Query, Scheduler};
use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::filter::Filter;
use crate::access::{Caller, Operator};
use crate::api::schedule::SentDate;
use crate::http::{Body, FromParameters, Given, OptionalBody, Parameters, Problem};
use crate::site::Site;

/// How many actions one request changes unless it says otherwise.
const LIMIT: u32 = 10_000;

/// The most that one request may ask for.
const MOST: u32 = 100_000;

/// How much is changed at once.
#[derive(Debug, Default, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Extent {
    /// Whether really all actions are meant, when no other parameter is given.
    #[param(value_type = Option<bool>)]
    all: bool,
    /// After so many the answer is given, with `more`: 10000 unless set. The last batch of 1000 is done as a whole.
    #[param(minimum = 1, maximum = 100_000)]
    limit: Option<u32>,
}

impl FromParameters for Extent {
    fn read(given: &mut Given) -> Result<Self, Problem> {
        Ok(Self { all: given.flag("all")?, limit: given.number("limit", 1..=MOST)? })
    }
}

/// Which actions are meant; without a body, all that the parameters let through.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default, expecting = "an object, such as {\"ids\": [1, 2]}")]
pub(super) struct Ids {
    /// Only these ids (and only those of them that the parameters let through).
    #[schema(value_type = Option<Vec<i64>>, max_items = 10_000)]
    ids: Option<Vec<ActionId>>,
}

/// Which actions are canceled, and why.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default, expecting = "an object, such as {\"ids\": [1, 2]}")]
pub(super) struct Cancellation {
    /// Only these ids (and only those of them that the parameters let through).
    #[schema(value_type = Option<Vec<i64>>, max_items = 10_000)]
    ids: Option<Vec<ActionId>>,
    /// Why, for the log.
    #[schema(max_length = 1000)]
    reason: Option<String>,
}

/// Which actions get another date.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, expecting = "an object, such as {\"at\": \"tomorrow 09:30\"}")]
pub(super) struct Postponement {
    /// Only these ids (and only those of them that the parameters let through).
    #[schema(value_type = Option<Vec<i64>>, max_items = 10_000)]
    ids: Option<Vec<ActionId>>,
    /// A date: `2026-12-24T18:00:00Z`, `2026-12-24 18:00`, `tomorrow 09:30`, `+2 hours`, unix seconds.
    at: String,
    /// The time zone it is read in; that of the server unless set.
    time_zone: Option<String>,
}

/// What was done.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct BulkReport {
    /// How many actions were changed.
    changed: u64,
    /// How many of those that were meant were not: they are not there, or their status does not allow it.
    passed_over: u64,
    /// Whether there is more to be done: send the same request again.
    more: bool,
}

/// Cancel many actions
///
/// All pending and in-progress ones that are meant. It takes the parameters of the list; without any, `ids` or `all`.
#[utoipa::path(
    post,
    path = "/actions/cancel",
    tag = "actions",
    params(Filter, Extent),
    request_body = Option<Cancellation>,
    responses((status = 200, description = "What was done.", body = BulkReport))
)]
pub(super) async fn cancel_actions(
    State(site): State<Site>,
    Operator(caller): Operator,
    Parameters(meant): Parameters<(Filter, Extent)>,
    OptionalBody(sent): OptionalBody<Cancellation>,
) -> Result<Json<BulkReport>, Problem> {
    if sent.reason.as_ref().is_some_and(|reason| reason.chars().count() > 1000) {
        return Err(Problem::invalid("reason", "longer than 1000 characters"));
    }
    let reason = sent.reason.filter(|reason| !reason.trim().is_empty());
    Change { site: &site, caller: &caller, meant, ids: sent.ids }.run(Deed::Cancel { reason }).await
}

/// Delete many actions
///
/// With their logs; none that is in-progress. It takes the parameters of the list; without any, `ids` or `all`.
#[utoipa::path(
    post,
    path = "/actions/delete",
    tag = "actions",
    params(Filter, Extent),
    request_body = Option<Ids>,
    responses((status = 200, description = "What was done.", body = BulkReport))
)]
pub(super) async fn delete_actions(
    State(site): State<Site>,
    Operator(caller): Operator,
    Parameters(meant): Parameters<(Filter, Extent)>,
    OptionalBody(sent): OptionalBody<Ids>,
) -> Result<Json<BulkReport>, Problem> {
    Change { site: &site, caller: &caller, meant, ids: sent.ids }.run(Deed::Delete).await
}

/// Re-run many actions
///
/// All complete, failed and canceled ones that are meant. It takes the parameters of the list; without any, `ids` or
/// `all`.
#[utoipa::path(
    post,
    path = "/actions/rerun",
    tag = "actions",
    params(Filter, Extent),
    request_body = Option<Ids>,
    responses((status = 200, description = "What was done.", body = BulkReport))
)]
pub(super) async fn rerun_actions(
    State(site): State<Site>,
    Operator(caller): Operator,
    Parameters(meant): Parameters<(Filter, Extent)>,
    OptionalBody(sent): OptionalBody<Ids>,
) -> Result<Json<BulkReport>, Problem> {
    Change { site: &site, caller: &caller, meant, ids: sent.ids }.run(Deed::Rerun).await
}

/// Run many actions now
///
/// All pending ones that are meant, and neither due nor claimed. It takes the parameters of the list; without any, `ids`
/// or `all`.
#[utoipa::path(
    post,
    path = "/actions/run",
    tag = "actions",
    params(Filter, Extent),
    request_body = Option<Ids>,
    responses((status = 200, description = "What was done.", body = BulkReport))
)]
pub(super) async fn run_actions(
    State(site): State<Site>,
    Operator(caller): Operator,
    Parameters(meant): Parameters<(Filter, Extent)>,
    OptionalBody(sent): OptionalBody<Ids>,
) -> Result<Json<BulkReport>, Problem> {
    Change { site: &site, caller: &caller, meant, ids: sent.ids }.run(Deed::RunNow).await
}

/// Reschedule many actions
///
/// All pending ones that are meant, and not claimed. It takes the parameters of the list; without any, `ids` or `all`.
#[utoipa::path(
    post,
    path = "/actions/reschedule",
    tag = "actions",
    params(Filter, Extent),
    request_body = Postponement,
    responses((status = 200, description = "What was done.", body = BulkReport))
)]
pub(super) async fn reschedule_actions(
    State(site): State<Site>,
    Operator(caller): Operator,
    Parameters(meant): Parameters<(Filter, Extent)>,
    Body(sent): Body<Postponement>,
) -> Result<Json<BulkReport>, Problem> {
    let at = SentDate::new(sent.at, sent.time_zone).read(site.scheduler())?;
    Change { site: &site, caller: &caller, meant, ids: sent.ids }.run(Deed::Reschedule(at)).await
}

/// A change to many actions, before it is known which change.
struct Change<'a> {
    site: &'a Site,
    caller: &'a Caller,
    meant: (Filter, Extent),
    ids: Option<Vec<ActionId>>,
}

impl Change<'_> {
    async fn run(self, deed: Deed) -> Result<Json<BulkReport>, Problem> {
        let begun = Instant::now();
        let (filter, extent) = &self.meant;
        let query = self.query(self.site.scheduler())?;
        let named = query.ids.as_ref().map(|ids| ids.len() as u64);
        let limit = u64::from(extent.limit.unwrap_or(LIMIT));
        // What a request may take, with room for the last batch.
        let time = self.site.config().limits.time / 2;
        let mut bulk = self.site.acting_as(self.caller).do_to_all(query, deed);
        let mut report = BulkReport { changed: 0, passed_over: 0, more: false };
        while let Some(progress) = bulk.next().await? {
            (report.changed, report.passed_over) = (progress.done, progress.passed_over);
            if report.changed + report.passed_over >= limit || begun.elapsed() >= time {
                report.more = true;
                break;
            }
        }
        if let Some(named) = named.filter(|_| !report.more && filter.is_empty()) {
            report.passed_over = named.saturating_sub(report.changed);
        }
        Ok(Json(report))
    }

    fn query(&self, scheduler: &Scheduler) -> Result<Query, Problem> {
        let (filter, extent) = &self.meant;
        let mut query = filter.query(scheduler)?;
        match &self.ids {
            Some(ids) if ids.len() > usize::try_from(LIMIT).unwrap_or(usize::MAX) => {
                let detail = format!("{} ids are more than {LIMIT}; send less at once", ids.len());
                return Err(Problem::invalid("ids", detail));
            }
            Some(ids) => {
                let mut ids = ids.clone();
                ids.sort_unstable();
                ids.dedup();
                if let Some(others) = &query.ids {
                    ids.retain(|id| others.contains(id));
                }
                query.ids = Some(ids);
            }
            None if filter.is_empty() && !extent.all => {
                let detail = "nothing says which actions are meant: send ids, a parameter of the list, or all=true";
                return Err(Problem::invalid("ids", detail));
            }
            None => {}
        }
        Ok(query)
    }
}
