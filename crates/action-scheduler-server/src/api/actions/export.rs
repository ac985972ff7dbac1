//! `GET /actions/export`.

use action_scheduler::query::{Order, OrderBy};
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::Response;
use utoipa::IntoParams;

use super::filter::Filter;
use crate::access::Viewer;
use crate::api::shapes::ActionShape;
use crate::export::{self, Format};
use crate::http::{FromParameters, Given, Parameters, Problem};
use crate::site::Site;

/// What kind of file, and in which order.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// What kind of file: `csv`, `json` or `ndjson` (an object on each line). Unless set, what the header `Accept` names
    /// first, else `csv`.
    #[param(value_type = Option<String>)]
    format: Option<Format>,
    /// What they are sorted by: `date` (unless set) or `id`.
    #[param(value_type = Option<String>)]
    order_by: OrderBy,
    /// Which way they are sorted: `asc` (unless set) or `desc`.
    #[param(value_type = Option<String>)]
    order: Order,
}

impl FromParameters for Wanted {
    fn read(given: &mut Given) -> Result<Self, Problem> {
        let order_by = match given.text("order_by")?.as_deref() {
            None | Some("date") => OrderBy::Date,
            Some("id") => OrderBy::Id,
            Some(other) => {
                let detail = format!("order_by {other:?}: expected date or id");
                return Err(Problem::invalid("order_by", detail));
            }
        };
        let order = given.one("order")?.unwrap_or_default();
        Ok(Self { format: given.one("format")?, order_by, order })
    }
}

/// Export actions
///
/// All that the parameters let through as one file, however many there are: it is written while they are read. It is no
/// snapshot: what changes meanwhile may be there as it was, as it is, or not at all. A file that breaks off is not whole.
#[utoipa::path(
    get,
    path = "/actions/export",
    tag = "actions",
    params(Filter, Wanted),
    responses((status = 200, description = "The actions.", content(
        (String = "text/csv"),
        (Vec<ActionShape> = "application/json"),
        (String = "application/x-ndjson"),
    ), headers(("Content-Disposition" = String, description = "A name for the file."))))
)]
pub(super) async fn export_actions(
    State(site): State<Site>,
    _: Viewer,
    headers: HeaderMap,
    Parameters((filter, wanted)): Parameters<(Filter, Wanted)>,
) -> Result<Response, Problem> {
    let format = wanted.format.or_else(|| accepted(&headers)).unwrap_or(Format::Csv);
    let query = filter.query(site.scheduler())?.order(wanted.order_by, wanted.order);
    Ok(export::file(site, query, format))
}

/// The first kind of file that a caller says it accepts.
fn accepted(headers: &HeaderMap) -> Option<Format> {
    let kinds = headers.get(header::ACCEPT)?.to_str().ok()?;
    let essences = kinds.split(',').filter_map(|kind| kind.split(';').next());
    essences.map(str::trim).find_map(Format::of_media_type)
}
