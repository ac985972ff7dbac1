//! `/actions/export`: what the list of actions shows, as a file.

use axum::Router;
use axum::extract::Query as UrlQuery;
use axum::response::Response;
use axum::routing::get;

use super::actions::View;
use super::trouble::Trouble;
use super::visit::Visit;
use crate::export::{self, Format};
use crate::site::Site;

pub(super) fn routes() -> Router<Site> {
    Router::new().route("/actions/export", get(download))
}

/// Which file: `?format=csv`, with the keys of the list of actions.
async fn download(
    visit: Visit,
    UrlQuery(pairs): UrlQuery<Vec<(String, String)>>,
) -> Result<Response, Trouble> {
    let format = pairs.iter().find(|(key, _)| key == "format").map(|(_, format)| format.as_str());
    let format: Format = format.unwrap_or("csv").parse()?;
    let query = View::read(&pairs)?.query(&visit.dates)?;
    Ok(export::file(visit.site.clone(), query, format))
}
