//! Hooks: what is done for each, what holds for it, what it did lately.

use std::collections::BTreeMap;

use action_scheduler::Hook;
use action_scheduler::store::{Tally, TallyBy};
use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::look_ups::counts;
use super::shapes::{FiguresShape, PolicyShape};
use crate::access::Viewer;
use crate::http::{Named, Parameters, Problem};
use crate::site::Site;
use crate::site::lately::{self, Lately};

pub(super) fn routes() -> OpenApiRouter<Site> {
    OpenApiRouter::new().routes(routes!(list_hooks)).routes(routes!(get_hook))
}

/// Hooks.
#[derive(Debug, Serialize, ToSchema)]
struct Hooks {
    /// The hooks that actions have or had.
    hooks: Vec<HookReport>,
}

/// A hook.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Hook)]
struct HookReport {
    /// Its name.
    hook: String,
    /// How many of its actions have each status, as of a short while ago if the store is large.
    actions: BTreeMap<&'static str, u64>,
    /// Whether this server has a handler for it.
    handled: bool,
    /// The settings that hold for it here.
    policy: PolicyShape,
    /// What it did lately; none in a list of too many hooks to tell, though each hook by itself has them.
    figures: Option<FiguresShape>,
}

impl HookReport {
    fn new(site: &Site, tallies: &[Tally], hook: &Hook, lately: Option<&Lately>) -> Self {
        let scheduler = site.scheduler();
        Self {
            hook: hook.to_string(),
            actions: counts(tallies, hook.as_str()),
            handled: !scheduler.handlers_of(hook).is_empty(),
            policy: PolicyShape::from(&scheduler.policies().of(hook)),
            figures: lately.map(FiguresShape::from),
        }
    }
}

/// List hooks
///
/// With the policy that holds for each, and what it did in the last hour and day.
#[utoipa::path(
    get,
    path = "/hooks",
    tag = "status",
    responses((status = 200, description = "The hooks.", body = Hooks))
)]
async fn list_hooks(
    State(site): State<Site>,
    _: Viewer,
    Parameters(()): Parameters<()>,
) -> Result<Json<Hooks>, Problem> {
    let hooks = site.scheduler().hooks().await?;
    let lately = lately::of_each_hook(site.scheduler()).await?;
    let tallies = site.tallies(TallyBy::Hook).await?;
    let nothing = Lately::default();
    let report = |hook: &Hook| {
        let lately = lately.as_ref().map(|hooks| hooks.get(hook).unwrap_or(&nothing));
        HookReport::new(&site, &tallies, hook, lately)
    };
    Ok(Json(Hooks { hooks: hooks.iter().map(report).collect() }))
}

/// Get a hook
///
/// One that actions have or had, or that this server has a handler for.
#[utoipa::path(
    get,
    path = "/hooks/{hook}",
    tag = "status",
    params(("hook" = String, Path, description = "Its name.")),
    responses((status = 200, description = "The hook.", body = HookReport))
)]
async fn get_hook(
    State(site): State<Site>,
    _: Viewer,
    Named(hook): Named<Hook>,
    Parameters(()): Parameters<()>,
) -> Result<Json<HookReport>, Problem> {
    let scheduler = site.scheduler();
    if scheduler.handlers_of(&hook).is_empty() && !scheduler.hooks().await?.contains(&hook) {
        let detail =
            format!("no action has the hook {:?}, and nothing here handles it", hook.as_str());
        return Err(Problem::not_found(detail));
    }
    let lately = lately::of_hook(scheduler, &hook).await?;
    let tallies = site.tallies(TallyBy::Hook).await?;
    Ok(Json(HookReport::new(&site, &tallies, &hook, Some(&lately))))
}
