//! The pages for people. Rendered here, usable without JavaScript; what they need is inside the binary.

mod layout;

use axum::Router;
use axum::response::{IntoResponse, Response};
use maud::html;

use crate::http::Problem;
use crate::site::Site;

/// All pages, and the assets they use.
pub(crate) fn routes() -> Router<Site> {
    Router::new()
}

/// A page that says what went wrong, for someone who may not be signed in.
pub(crate) fn error_page(problem: &Problem) -> Response {
    let content = html! { p { (problem.detail()) } };
    (problem.status(), layout::bare("Not possible", content)).into_response()
}
