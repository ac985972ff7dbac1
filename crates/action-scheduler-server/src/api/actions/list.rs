//! `GET /actions`.

use action_scheduler::query::{Cursor, Order, OrderBy};
use axum::Json;
use axum::extract::{OriginalUri, State};
use axum::http::{HeaderName, header};
use axum::response::IntoResponse;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use super::filter::Filter;
use crate::access::Viewer;
use crate::api::shapes::ActionShape;
use crate::http::{FromParameters, Given, Parameters, Problem};
use crate::site::Site;

/// How many actions are looked at unless a request says otherwise, so that no list takes long.
const WITHIN: u32 = 10_000;

/// In which order, and how many at once.
#[derive(Debug, Default, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Paging {
    /// What they are sorted by: `date` (unless set), `hook`, `group`, `modified`, `started`, `finished`, `claim_id`,
    /// `log_entries`, `id` or `none`.
    #[param(value_type = Option<String>)]
    order_by: OrderBy,
    /// Which way they are sorted: `asc` (unless set) or `desc`.
    #[param(value_type = Option<String>)]
    order: Order,
    /// How many are given at most: 100 unless set.
    #[param(minimum = 1)]
    limit: Option<u32>,
    /// How many actions are looked at, at most: 10000 unless set. What an index finds by `id`, `chain`, `hook`, `group`,
    /// `status` and `scheduled` is looked at in order of its date (the newest first in any order but `date`); all else is
    /// searched, and sorted, within these.
    #[param(minimum = 1, maximum = 1_000_000)]
    within: Option<u32>,
    /// Whether the answer says how many there are in all, of those that are looked at.
    #[param(value_type = Option<bool>)]
    count: bool,
    /// The next page: the `cursor` of the page before it.
    #[param(value_type = Option<String>)]
    cursor: Option<Cursor>,
}

impl FromParameters for Paging {
    fn read(given: &mut Given) -> Result<Self, Problem> {
        Ok(Self {
            order_by: given.one("order_by")?.unwrap_or_default(),
            order: given.one("order")?.unwrap_or_default(),
            limit: given.number("limit", 1..=given.most())?,
            within: given.number("within", 1..=1_000_000)?,
            count: given.flag("count")?,
            cursor: given.one("cursor")?,
        })
    }
}

/// A page of actions.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Actions {
    /// The actions.
    actions: Vec<ActionShape>,
    /// The `cursor` of the next page; none if this is the last.
    cursor: Option<String>,
    /// The path of the next page; none if this is the last.
    next: Option<String>,
    /// How many there are in all, where that was asked for; `within` means so many or more.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    count: Option<u64>,
}

/// List actions
///
/// In pages: each names the `next`. Following that is as fast at the end of a long list as at its beginning.
#[utoipa::path(
    get,
    path = "/actions",
    tag = "actions",
    params(Filter, Paging),
    responses((status = 200, description = "A page of actions.", body = Actions, headers(
        ("Link" = Option<String>, description = "The path of the next page, with rel=\"next\".")
    )))
)]
pub(super) async fn list_actions(
    State(site): State<Site>,
    _: Viewer,
    OriginalUri(uri): OriginalUri,
    Parameters((filter, paging)): Parameters<(Filter, Paging)>,
) -> Result<impl IntoResponse, Problem> {
    let scheduler = site.scheduler();
    let limit = paging.limit.unwrap_or(100).min(site.config().limits.page);
    // One more than is given, so that a full page knows whether it is the last.
    let mut query = filter
        .query(scheduler)?
        .order(paging.order_by, paging.order)
        .within(paging.within.unwrap_or(WITHIN))
        .limit(limit + 1);
    query.after = paging.cursor;
    query.check().map_err(|error| Problem::invalid("cursor", error.to_string()))?;
    let mut actions = scheduler.query(query.clone()).await?;
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let has_more = actions.len() > limit;
    actions.truncate(limit);
    let cursor = actions.last().filter(|_| has_more).map(|last| query.cursor(last).to_string());
    let next = cursor.as_ref().map(|cursor| next_page(uri.path(), uri.query(), cursor));
    let link: Option<[(HeaderName, String); 1]> =
        next.as_ref().map(|next| [(header::LINK, format!("<{next}>; rel=\"next\""))]);
    let now = scheduler.now();
    let actions = actions.iter().map(|action| ActionShape::new(&site, action, now)).collect();
    let count = if paging.count { Some(scheduler.count(query).await?) } else { None };
    Ok((link, Json(Actions { actions, cursor, next, count })))
}

/// The same path and parameters with another cursor.
fn next_page(path: &str, query: Option<&str>, cursor: &str) -> String {
    let kept = query.unwrap_or_default().split('&');
    let kept = kept.filter(|part| !part.is_empty() && !part.starts_with("cursor="));
    let cursor = format!("cursor={}", utf8_percent_encode(cursor, NON_ALPHANUMERIC));
    let parts: Vec<&str> = kept.chain([cursor.as_str()]).collect();
    format!("{path}?{}", parts.join("&"))
}
