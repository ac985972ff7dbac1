//! What else there is to see: groups, claims, runners, the state of the whole.

use std::collections::BTreeMap;

use action_scheduler::store::{ClaimsQuery, Stats, Tally, TallyBy};
use action_scheduler::{Group, RunnerId, Status};
use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::shapes::{ClaimShape, RunnerShape};
use crate::access::Viewer;
use crate::http::{FromParameters, Given, Parameters, Problem};
use crate::site::Site;

pub(super) fn routes() -> OpenApiRouter<Site> {
    OpenApiRouter::new()
        .routes(routes!(get_status))
        .routes(routes!(list_groups))
        .routes(routes!(list_claims))
        .routes(routes!(list_runners))
}

/// The state of the whole.
#[derive(Debug, Serialize, ToSchema)]
struct StatusReport {
    /// The time by the store's clock.
    now: Timestamp,
    /// When all of this was counted: now, or a short while ago if the store is large.
    counted_at: Timestamp,
    /// How many actions have each status.
    actions: BTreeMap<&'static str, StatusFigures>,
    /// How many are pending and due.
    past_due: u64,
    /// How many claims are open.
    claims: u64,
    /// How many runners are known.
    runners: u64,
    /// How many chains are in each state.
    chains: BTreeMap<&'static str, u64>,
}

/// The actions of one status.
#[derive(Debug, Serialize, ToSchema)]
struct StatusFigures {
    /// How many there are.
    count: u64,
    /// The oldest scheduled date among them.
    oldest: Option<Timestamp>,
    /// The newest scheduled date among them.
    newest: Option<Timestamp>,
}

/// Groups.
#[derive(Debug, Serialize, ToSchema)]
struct Groups {
    /// The groups that actions have or had, by name.
    groups: Vec<GroupReport>,
}

/// A group.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Group)]
struct GroupReport {
    /// Its name; the default group is the empty text.
    group: String,
    /// How many of its actions have each status, as of a short while ago if the store is large.
    actions: BTreeMap<&'static str, u64>,
}

/// Which claims are asked for.
#[derive(Debug, Default, IntoParams)]
#[into_params(parameter_in = Query)]
struct ClaimFilter {
    /// Only those of this runner.
    #[param(value_type = Option<i64>, minimum = 1)]
    runner: Option<RunnerId>,
    /// How many are given at most: 100 unless set.
    #[param(minimum = 1)]
    limit: Option<u32>,
}

impl FromParameters for ClaimFilter {
    fn read(given: &mut Given) -> Result<Self, Problem> {
        Ok(Self { runner: given.one("runner")?, limit: given.number("limit", 1..=given.most())? })
    }
}

/// Open claims.
#[derive(Debug, Serialize, ToSchema)]
struct Claims {
    /// The claims, by id.
    claims: Vec<ClaimShape>,
}

/// Runners.
#[derive(Debug, Serialize, ToSchema)]
struct Runners {
    /// The runners that are known, by id.
    runners: Vec<RunnerShape>,
}

/// Get the state of the whole
#[utoipa::path(
    get,
    path = "/status",
    tag = "status",
    responses((status = 200, description = "Counts of all kinds.", body = StatusReport))
)]
async fn get_status(
    State(site): State<Site>,
    _: Viewer,
    Parameters(()): Parameters<()>,
) -> Result<Json<StatusReport>, Problem> {
    let scheduler = site.scheduler();
    let counted = site.stats().await?;
    let stats = &counted.value;
    Ok(Json(StatusReport {
        now: scheduler.now(),
        counted_at: counted.taken_at,
        actions: Status::ALL.into_iter().map(|status| figures(stats, status)).collect(),
        past_due: stats.past_due,
        claims: stats.claims,
        runners: stats.runners,
        chains: stats.chains.iter().map(|(state, count)| (state.as_str(), *count)).collect(),
    }))
}

/// How many actions of this name have each status.
pub(super) fn counts(tallies: &[Tally], name: &str) -> BTreeMap<&'static str, u64> {
    let tally = tallies.iter().find(|tally| tally.name == name);
    let count = |status| tally.map_or(0, |tally| tally.count(status));
    Status::ALL.into_iter().map(|status| (status.as_str(), count(status))).collect()
}

fn figures(stats: &Stats, status: Status) -> (&'static str, StatusFigures) {
    let name = status.as_str();
    let dates = stats.dates.get(name);
    let figures = StatusFigures {
        count: stats.counts.get(name).copied().unwrap_or_default(),
        oldest: dates.map(|(oldest, _)| *oldest),
        newest: dates.map(|(_, newest)| *newest),
    };
    (name, figures)
}

/// List groups
#[utoipa::path(
    get,
    path = "/groups",
    tag = "status",
    responses((status = 200, description = "The groups.", body = Groups))
)]
async fn list_groups(
    State(site): State<Site>,
    _: Viewer,
    Parameters(()): Parameters<()>,
) -> Result<Json<Groups>, Problem> {
    let groups = site.scheduler().groups().await?;
    let tallies = site.tallies(TallyBy::Group).await?;
    let report = |group: &Group| GroupReport {
        actions: counts(&tallies, group.as_str()),
        group: group.to_string(),
    };
    let groups = groups.iter().map(report).collect();
    Ok(Json(Groups { groups }))
}

/// List open claims
///
/// Those that still hold something pending or in-progress.
#[utoipa::path(
    get,
    path = "/claims",
    tag = "status",
    params(ClaimFilter),
    responses((status = 200, description = "The claims.", body = Claims))
)]
async fn list_claims(
    State(site): State<Site>,
    _: Viewer,
    Parameters(filter): Parameters<ClaimFilter>,
) -> Result<Json<Claims>, Problem> {
    let limit = filter.limit.unwrap_or(100).min(site.config().limits.page);
    let query = ClaimsQuery { runner: filter.runner, limit: Some(limit) };
    let claims = site.scheduler().open_claims(query).await?;
    Ok(Json(Claims { claims: claims.iter().map(ClaimShape::from).collect() }))
}

/// List runners
#[utoipa::path(
    get,
    path = "/runners",
    tag = "status",
    responses((status = 200, description = "The runners.", body = Runners))
)]
async fn list_runners(
    State(site): State<Site>,
    _: Viewer,
    Parameters(()): Parameters<()>,
) -> Result<Json<Runners>, Problem> {
    let scheduler = site.scheduler();
    let runners = scheduler.runners().await?;
    let now = scheduler.now();
    let runners = runners.iter().map(|runner| RunnerShape::new(runner, now)).collect();
    Ok(Json(Runners { runners }))
}
