//! What every request is wrapped in: an id, a limit of time, a net for panics.

use std::any::Any;
use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::Problem;

/// The header that carries the id of a request, both ways.
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

tokio::task_local! {
    /// The id of the request that this task answers.
    static ID: String;
}

/// The id of the request that is being answered here.
pub(super) fn request_id() -> Option<String> {
    ID.try_with(String::clone).ok()
}

/// Gives each request an id (its own, if it brings a sane one), tells of it in the log, and sends it back.
pub(super) async fn with_id(request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let given = request.headers().get(REQUEST_ID).and_then(|id| id.to_str().ok());
    let id = given.filter(|id| is_sane(id)).map_or_else(new_id, str::to_owned);
    let method = request.method().clone();
    let path = shown_path(request.uri().path()).to_owned();
    let mut response = ID.scope(id.clone(), next.run(request)).await;
    let status = response.status().as_u16();
    let millis = begun.elapsed().as_millis();
    if response.status().is_server_error() {
        tracing::warn!(request = id, %method, path, status, millis, "a request failed here");
    } else {
        tracing::debug!(request = id, %method, path, status, millis, "request");
    }
    if let Ok(value) = HeaderValue::try_from(id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response
}

fn is_sane(id: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    (1..=64).contains(&id.len()) && id.chars().all(is_plain)
}

fn new_id() -> String {
    format!("{:016x}", rand::random::<u64>())
}

/// A path without what would sign somebody in.
fn shown_path(path: &str) -> &str {
    let end = path.find("/sign-in/").map_or(path.len(), |at| at + "/sign-in/".len());
    path.get(..end).unwrap_or(path)
}

/// Ends what takes too long.
pub(super) async fn in_time(
    State(limit): State<Duration>,
    request: Request,
    next: Next,
) -> Response {
    match tokio::time::timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            let detail = format!("it took longer than {} s; ask for less", limit.as_secs());
            let title = "The request took too long";
            Problem::other(StatusCode::SERVICE_UNAVAILABLE, "timeout", title, detail)
                .into_response()
        }
    }
}

/// What is answered when a handler panics: it is a fault of ours, and the server goes on.
pub(super) fn panicked(panic: Box<dyn Any + Send>) -> Response {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("a panic without a text");
    tracing::error!(request = request_id(), panic = text, "a handler panicked");
    Problem::internal().into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_ids_are_taken_over() {
        assert!(is_sane("a-1_B.2") && is_sane(&new_id()));
        for id in ["", "a b", "a\"b", "ä", &"x".repeat(65)] {
            assert!(!is_sane(id), "{id}");
        }
    }

    #[test]
    fn a_link_that_signs_in_is_not_logged() {
        assert_eq!(shown_path("/base/sign-in/secret"), "/base/sign-in/");
        assert_eq!(shown_path("/sign-in"), "/sign-in");
        assert_eq!(shown_path("/api/v1/actions"), "/api/v1/actions");
    }
}
