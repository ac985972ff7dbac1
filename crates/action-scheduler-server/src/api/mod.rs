//! The HTTP API, `/api/v1`, and the document that describes it.

mod actions;
mod chains;
mod document;
mod look_ups;
mod schedule;
mod shapes;

use axum::Router;
use axum::http::{Method, StatusCode};
use utoipa::OpenApi as _;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

pub(crate) use self::schedule::SentSchedule;
use crate::http::Problem;
use crate::site::Site;

/// Everything below `/api/v1`.
pub(crate) fn routes(site: &Site) -> Router<Site> {
    let (routes, document) = described(site);
    routes
        .merge(document::routes(&document))
        .fallback(no_such_path)
        .method_not_allowed_fallback(no_such_method)
}

fn described(site: &Site) -> (Router<Site>, OpenApi) {
    let outline = OpenApiRouter::with_openapi(document::Outline::openapi());
    let (routes, mut document) = outline
        .merge(actions::routes())
        .merge(chains::routes())
        .merge(schedule::routes())
        .merge(look_ups::routes())
        .split_for_parts();
    document.servers = Some(vec![utoipa::openapi::Server::new(site.path("/api/v1"))]);
    document::finish(&mut document);
    (routes, document)
}

async fn no_such_path() -> Problem {
    Problem::not_found("there is nothing at this path; /api/v1/openapi.json lists what there is")
}

async fn no_such_method(method: Method) -> Problem {
    let detail = format!("{method} is not possible here; the header Allow lists what is");
    let title = "The method does not fit";
    Problem::other(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", title, detail)
}
