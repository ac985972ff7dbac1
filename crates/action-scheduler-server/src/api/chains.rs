//! Chains: all the instances of recurring actions.

use action_scheduler::query::{Order, OrderBy};
use action_scheduler::scheduler::Ensured;
use action_scheduler::store::{Chain, ChainQuery, ChainState};
use action_scheduler::{ActionId, ChainId, Error, Group, Hook, Query, Scheduler, Status};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::actions::SentAction;
use super::shapes::{ActionShape, ChainShape, ChainStateName};
use crate::access::{Operator, Viewer};
use crate::http::{Body, FromParameters, Given, Named, OptionalBody, Parameters, Problem};
use crate::site::Site;

pub(super) fn routes() -> OpenApiRouter<Site> {
    OpenApiRouter::new()
        .routes(routes!(list_chains))
        .routes(routes!(get_chain))
        .routes(routes!(declare_chain))
        .routes(routes!(pause_chain))
        .routes(routes!(resume_chain))
        .routes(routes!(end_chain))
        .routes(routes!(run_chain))
}

/// Which chains are asked for.
#[derive(Debug, Default, IntoParams)]
#[into_params(parameter_in = Query)]
struct ChainFilter {
    /// Only this hook.
    #[param(value_type = Option<String>)]
    hook: Option<Hook>,
    /// Only this group; empty is the default group.
    #[param(value_type = Option<String>)]
    group: Option<Group>,
    /// Only the chain with this key.
    key: Option<String>,
    /// Only chains in these states; may be given more than once.
    #[param(value_type = Option<Vec<ChainStateName>>)]
    state: Vec<ChainState>,
    /// Only chains after this one: the next page.
    #[param(value_type = Option<i64>, minimum = 1)]
    after: Option<ChainId>,
    /// How many are given at most: 100 unless set.
    #[param(minimum = 1)]
    limit: Option<u32>,
}

impl FromParameters for ChainFilter {
    fn read(given: &mut Given) -> Result<Self, Problem> {
        Ok(Self {
            hook: given.one("hook")?,
            group: given.one("group")?,
            key: given.text("key")?,
            state: given.listed("state")?,
            after: given.one("after")?,
            limit: given.number("limit", 1..=given.most())?,
        })
    }
}

/// How much of a chain is given.
#[derive(Debug, Default, IntoParams)]
#[into_params(parameter_in = Query)]
struct ChainDepth {
    /// How many of the next dates are given: 5 unless set.
    #[param(minimum = 0, maximum = 100)]
    dates: Option<u32>,
    /// How many of the latest instances are given: 10 unless set.
    #[param(minimum = 0, maximum = 100)]
    history: Option<u32>,
}

impl FromParameters for ChainDepth {
    fn read(given: &mut Given) -> Result<Self, Problem> {
        Ok(Self {
            dates: given.number("dates", 0..=100)?,
            history: given.number("history", 0..=100)?,
        })
    }
}

/// Which chain.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "it describes the path for OpenAPI; `Named` reads it")]
struct ChainPath {
    /// The id of the chain.
    #[param(minimum = 1)]
    id: i64,
}

/// A page of chains.
#[derive(Debug, Serialize, ToSchema)]
struct Chains {
    /// The chains, by id.
    chains: Vec<ChainShape>,
    /// What to send as `after` for the next page; none if this is the last.
    after: Option<i64>,
}

/// A chain, with what comes and what was.
#[derive(Debug, Serialize, ToSchema)]
struct ChainInFull {
    /// The chain.
    #[serde(flatten)]
    chain: ChainShape,
    /// Its next dates, if every instance runs on time; none of a chain that is paused or ended.
    dates: Vec<Timestamp>,
    /// Its latest instances, the newest date first.
    history: Vec<ActionShape>,
}

/// Why a chain is paused.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(
    deny_unknown_fields,
    default,
    expecting = "an object, such as {\"reason\": \"the shop is closed\"}"
)]
struct Pause {
    /// The reason, for people to read.
    #[schema(max_length = 1000, default = "paused by hand")]
    reason: String,
}

impl Default for Pause {
    fn default() -> Self {
        Self { reason: "paused by hand".to_owned() }
    }
}

/// What was found and done.
#[derive(Debug, Serialize, ToSchema)]
struct Declared {
    /// What was found and done.
    outcome: Outcome,
    /// The first instance of a chain that was stored.
    action: Option<i64>,
}

/// What was found and done.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
enum Outcome {
    /// It was already as declared, or paused.
    Unchanged,
    /// It was stored for the first time.
    Created,
    /// It differed, and was replaced.
    Replaced,
    /// It differed and was ended, but an instance of it still runs: nothing new is stored yet. Send it again later.
    Running,
}

/// List chains
#[utoipa::path(
    get,
    path = "/chains",
    tag = "chains",
    params(ChainFilter),
    responses((status = 200, description = "A page of chains.", body = Chains))
)]
async fn list_chains(
    State(site): State<Site>,
    _: Viewer,
    Parameters(filter): Parameters<ChainFilter>,
) -> Result<Json<Chains>, Problem> {
    let limit = filter.limit.unwrap_or(100).min(site.config().limits.page);
    let query = ChainQuery {
        ids: None,
        hook: filter.hook,
        group: filter.group,
        key: filter.key,
        states: filter.state,
        after: filter.after,
        limit: Some(limit + 1),
    };
    let mut chains = site.scheduler().chains(query).await?;
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let has_more = chains.len() > limit;
    chains.truncate(limit);
    let after = chains.last().filter(|_| has_more).map(|chain| chain.id.get());
    Ok(Json(Chains {
        chains: chains.iter().map(|chain| ChainShape::new(&site, chain)).collect(),
        after,
    }))
}

/// Get a chain
///
/// With its next dates and its latest instances.
#[utoipa::path(
    get,
    path = "/chains/{id}",
    tag = "chains",
    params(ChainPath, ChainDepth),
    responses((status = 200, description = "The chain.", body = ChainInFull))
)]
async fn get_chain(
    State(site): State<Site>,
    _: Viewer,
    Named(id): Named<ChainId>,
    Parameters(depth): Parameters<ChainDepth>,
) -> Result<Json<ChainInFull>, Problem> {
    let scheduler = site.scheduler();
    let chain = scheduler.chain(id).await?;
    let now = scheduler.now();
    let history = match depth.history.unwrap_or(10) {
        0 => Vec::new(),
        limit => {
            let query = Query::new().chain(id).order(OrderBy::Date, Order::Descending).limit(limit);
            scheduler.query(query).await?
        }
    };
    let dates = next_dates(scheduler, &chain, depth.dates.unwrap_or(5)).await?;
    Ok(Json(ChainInFull {
        chain: ChainShape::new(&site, &chain),
        dates,
        history: history.iter().map(|action| ActionShape::new(&site, action, now)).collect(),
    }))
}

/// Declare a chain
///
/// Makes sure that exactly one chain goes under this key, as the body describes it: an older one that differs is ended, and
/// replaced. Sending it again changes nothing. It must recur, and `unique` has no meaning here.
#[utoipa::path(
    put,
    path = "/chains/keys/{key}",
    tag = "chains",
    params(("key" = String, Path, description = "The key.")),
    request_body = SentAction,
    responses((status = 200, description = "What was found and done.", body = Declared))
)]
async fn declare_chain(
    State(site): State<Site>,
    Operator(caller): Operator,
    Named(key): Named<String>,
    Body(action): Body<SentAction>,
) -> Result<Json<Declared>, Problem> {
    let scheduler = site.acting_as(&caller);
    let action = action.read_recurring(&scheduler)?;
    let (outcome, action) = match scheduler.ensure(&key, action).await? {
        Ensured::Unchanged => (Outcome::Unchanged, None),
        Ensured::Created(id) => (Outcome::Created, Some(id)),
        Ensured::Replaced(id) => (Outcome::Replaced, Some(id)),
        Ensured::Running => (Outcome::Running, None),
    };
    Ok(Json(Declared { outcome, action: action.map(ActionId::get) }))
}

/// Pause a chain
///
/// It stands still until it is resumed. Its pending instance is canceled; one in-progress is its last until then.
#[utoipa::path(
    post,
    path = "/chains/{id}/pause",
    tag = "chains",
    params(ChainPath),
    request_body = Option<Pause>,
    responses((status = 200, description = "It is paused.", body = ChainShape))
)]
async fn pause_chain(
    State(site): State<Site>,
    Operator(caller): Operator,
    Named(id): Named<ChainId>,
    OptionalBody(pause): OptionalBody<Pause>,
) -> Result<Json<ChainShape>, Problem> {
    if pause.reason.chars().count() > 1000 {
        return Err(Problem::invalid("reason", "longer than 1000 characters"));
    }
    site.acting_as(&caller).pause(id, pause.reason.trim()).await?;
    shown(&site, id).await
}

/// Resume a chain
///
/// It must be paused, and goes on at its next date, with its failures forgotten.
#[utoipa::path(
    post,
    path = "/chains/{id}/resume",
    tag = "chains",
    params(ChainPath),
    responses((status = 200, description = "It goes on.", body = ChainShape))
)]
async fn resume_chain(
    State(site): State<Site>,
    Operator(caller): Operator,
    Named(id): Named<ChainId>,
) -> Result<Json<ChainShape>, Problem> {
    site.acting_as(&caller).resume(id).await?;
    shown(&site, id).await
}

/// End a chain
///
/// For good: its pending instance is canceled; one in-progress has none after it.
#[utoipa::path(
    post,
    path = "/chains/{id}/end",
    tag = "chains",
    params(ChainPath),
    responses((status = 200, description = "It has ended.", body = ChainShape))
)]
async fn end_chain(
    State(site): State<Site>,
    Operator(caller): Operator,
    Named(id): Named<ChainId>,
) -> Result<Json<ChainShape>, Problem> {
    site.acting_as(&caller).end(id).await?;
    shown(&site, id).await
}

/// Run the next instance of a chain now
///
/// The chain must be active. The date that the instance had still holds for the one after it.
#[utoipa::path(
    post,
    path = "/chains/{id}/run",
    tag = "chains",
    params(ChainPath),
    responses((status = 202, description = "The instance is due.", body = ActionShape))
)]
async fn run_chain(
    State(site): State<Site>,
    Operator(caller): Operator,
    Named(id): Named<ChainId>,
) -> Result<(StatusCode, Json<ActionShape>), Problem> {
    let scheduler = site.acting_as(&caller);
    let head = scheduler.run_chain(id).await?;
    let action = scheduler.fetch(head).await?;
    Ok((StatusCode::ACCEPTED, Json(ActionShape::new(&site, &action, scheduler.now()))))
}

async fn shown(site: &Site, id: ChainId) -> Result<Json<ChainShape>, Problem> {
    Ok(Json(ChainShape::new(site, &site.scheduler().chain(id).await?)))
}

/// The dates of an active chain that are still to come, that of its pending instance first.
async fn next_dates(
    scheduler: &Scheduler,
    chain: &Chain,
    count: u32,
) -> Result<Vec<Timestamp>, Problem> {
    let (ChainState::Active, Some(head)) = (chain.state, chain.head) else {
        return Ok(Vec::new());
    };
    let head = match scheduler.fetch(head).await {
        Ok(head) => head,
        // It came to its end between the two questions, and was deleted.
        Err(Error::NoSuchAction(_)) => return Ok(Vec::new()),
        Err(error) => return Err(error.into()),
    };
    let own = (head.status == Status::Pending).then_some(head.scheduled_at);
    let last = own.unwrap_or_else(|| head.scheduled_at.max(scheduler.now()));
    let following = chain.recurring.dates_after(last);
    Ok(own.into_iter().chain(following).take(usize::try_from(count).unwrap_or(0)).collect())
}
