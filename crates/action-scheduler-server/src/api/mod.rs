//! The HTTP API, `/api/v1`, and the document that describes it.

mod actions;
mod chains;
mod document;
mod events;
mod hooks;
mod look_ups;
mod page;
mod schedule;
mod shapes;
mod workers;

use axum::Router;
use axum::extract::Request;
use axum::http::{Method, StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use utoipa::OpenApi as _;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

pub(crate) use self::schedule::SentSchedule;
pub(crate) use self::shapes::ActionShape;
use crate::http::Problem;
use crate::site::Site;

/// Everything below `/api/v1`.
pub(crate) fn routes(site: &Site) -> Router<Site> {
    let (routes, document) = described(site);
    routes
        .merge(document::routes(&document))
        .merge(page::routes(&document))
        .fallback(no_such_path)
        .method_not_allowed_fallback(no_such_method)
        .layer(from_fn(only_what_is_accepted))
}

fn described(site: &Site) -> (Router<Site>, OpenApi) {
    let outline = OpenApiRouter::with_openapi(document::Outline::openapi());
    let (routes, mut document) = outline
        .merge(actions::routes())
        .merge(chains::routes())
        .merge(schedule::routes())
        .merge(look_ups::routes())
        .merge(hooks::routes())
        .merge(events::routes())
        .merge(workers::routes())
        .split_for_parts();
    document.servers = Some(vec![utoipa::openapi::Server::new(site.path("/api/v1"))]);
    document::finish(&mut document);
    (routes, document)
}

/// Refuses callers that accept none of the kinds of answers there are here.
async fn only_what_is_accepted(request: Request, next: Next) -> Response {
    let mut accepted = request.headers().get_all(header::ACCEPT).iter().peekable();
    let accepts_any = accepted.peek().is_none() || accepted.any(|kinds| is_given(kinds.as_bytes()));
    if accepts_any {
        return next.run(request).await;
    }
    let detail = "answers are application/json (errors application/problem+json)";
    let title = "No kind of answer is accepted";
    Problem::other(StatusCode::NOT_ACCEPTABLE, "not-acceptable", title, detail)
        .at("Accept")
        .into_response()
}

fn is_given(kinds: &[u8]) -> bool {
    const GIVEN: [&str; 9] = [
        "*/*",
        "application/*",
        "application/json",
        "application/problem+json",
        "application/x-ndjson",
        "text/*",
        "text/csv",
        "text/event-stream",
        "text/html",
    ];
    let kinds = String::from_utf8_lossy(kinds);
    kinds.split(',').any(|kind| {
        let mut parts = kind.split(';').map(str::trim);
        let essence = parts.next().unwrap_or_default();
        let is_refused = parts.any(|part| matches!(part, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"));
        !is_refused && GIVEN.iter().any(|given| given.eq_ignore_ascii_case(essence))
    })
}

async fn no_such_path() -> Problem {
    Problem::not_found("there is nothing at this path; /api/v1/openapi.json lists what there is")
}

async fn no_such_method(method: Method) -> Problem {
    let detail = format!("{method} is not possible here; the header Allow lists what is");
    let title = "The method does not fit";
    Problem::other(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", title, detail)
}
