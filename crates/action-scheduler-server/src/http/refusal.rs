//! Requests that are turned away before they reach a handler: programs get a problem document, people a page.

use axum::http::request::Parts;
use axum::response::{IntoResponse, Redirect, Response};

use super::Problem;
use crate::admin;
use crate::site::Site;

/// A request that is turned away.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// A program is told why.
    Problem(Problem),
    /// A person sees a page that says why.
    Page(Problem),
    /// A person is asked to sign in, and comes back to where they wanted to go.
    SignIn(String),
}

impl Refusal {
    /// The caller is known and may not do this. `right` completes "you may not …".
    pub(crate) fn forbidden(parts: &Parts, site: &Site, right: &str) -> Self {
        let problem = Problem::forbidden(format!("you may not {right}"));
        if is_of_api(parts, site) { Self::Problem(problem) } else { Self::Page(problem) }
    }

    /// Nobody knows who calls.
    pub(crate) fn unknown(parts: &Parts, site: &Site) -> Self {
        if is_of_api(parts, site) {
            let detail = "send an API token as `Authorization: Bearer …`; `action-scheduler token create` makes one";
            return Self::Problem(Problem::unauthorized(detail).at("Authorization"));
        }
        Self::SignIn(site.path("/sign-in"))
    }
}

/// Whether a request is for the API and not for a page.
fn is_of_api(parts: &Parts, site: &Site) -> bool {
    let path = match parts.extensions.get::<axum::extract::OriginalUri>() {
        Some(uri) => uri.0.path(),
        None => parts.uri.path(),
    };
    path.strip_prefix(site.config().base_path.as_str()).unwrap_or(path).starts_with("/api/")
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        match self {
            Refusal::Problem(problem) => problem.into_response(),
            Refusal::Page(problem) => admin::error_page(&problem),
            Refusal::SignIn(path) => Redirect::to(&path).into_response(),
        }
    }
}
