//! Requests that are turned away before they reach a handler: programs get a problem document, people a page.

use axum::extract::OriginalUri;
use axum::http::request::Parts;
use axum::http::{Method, Uri};
use axum::response::{IntoResponse, Redirect, Response};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

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
        Self::because(parts, site, Problem::forbidden(format!("you may not {right}")))
    }

    /// Something about the request forbids to go on with it.
    pub(crate) fn because(parts: &Parts, site: &Site, problem: Problem) -> Self {
        if is_of_api(parts, site) { Self::Problem(problem) } else { Self::Page(problem) }
    }

    /// Nobody knows who calls.
    pub(crate) fn unknown(parts: &Parts, site: &Site) -> Self {
        if is_of_api(parts, site) {
            let detail = "send an API token as `Authorization: Bearer …`; `action-scheduler token create` makes one";
            return Self::Problem(Problem::unauthorized(detail).at("Authorization"));
        }
        // What was to be changed is lost with the request; a page can be asked for again.
        let wanted = own_uri(parts).path_and_query().filter(|_| parts.method == Method::GET);
        let to = wanted.map(|wanted| utf8_percent_encode(wanted.as_str(), NON_ALPHANUMERIC));
        let query = to.map(|to| format!("?to={to}")).unwrap_or_default();
        Self::SignIn(format!("{}{query}", site.path("/sign-in")))
    }
}

/// Whether a request is for the API and not for a page.
fn is_of_api(parts: &Parts, site: &Site) -> bool {
    let path = own_uri(parts).path();
    path.strip_prefix(site.config().base_path.as_str()).unwrap_or(path).starts_with("/api/")
}

/// The URI as it was sent, whatever routers took away from it.
fn own_uri(parts: &Parts) -> &Uri {
    parts.extensions.get::<OriginalUri>().map_or(&parts.uri, |uri| &uri.0)
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
