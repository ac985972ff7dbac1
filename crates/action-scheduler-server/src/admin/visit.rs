//! A visit: who looks at a page, and how they want to see it.

use std::borrow::Cow;

use action_scheduler::time::words::Dates;
use action_scheduler::{Action, Args, Hook};
use axum::extract::{FromRequestParts, OriginalUri};
use axum::http::header::{CACHE_CONTROL, LOCATION, SET_COOKIE};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use super::flash::Flash;
use super::layout::{self, Page};
use super::link::Link;
use super::preferences::Preferences;
use crate::access::{Caller, Role, Viewer};
use crate::http::Refusal;
use crate::site::Site;

/// Who looks at a page, and how they want to see it. As an extractor it asks for the right to look.
#[derive(Clone)]
pub(super) struct Visit {
    /// The server.
    pub(super) site: Site,
    /// Who looks.
    pub(super) caller: Caller,
    /// How they want to see it.
    pub(super) preferences: Preferences,
    /// Dates in their zone, seen from now.
    pub(super) dates: Dates,
    flash: Option<Flash>,
    /// Where they are, below the base path.
    here: String,
}

impl Visit {
    /// The visit that a request makes.
    pub(super) fn of(parts: &Parts, site: &Site, caller: Caller) -> Self {
        let preferences = Preferences::read(&parts.headers);
        let zone = preferences.zone().unwrap_or_else(|| site.scheduler().time_zone().clone());
        let uri = match parts.extensions.get::<OriginalUri>() {
            Some(uri) => &uri.0,
            None => &parts.uri,
        };
        let here = uri.path_and_query().map_or("/", |whole| whole.as_str());
        let here = here.strip_prefix(site.config().base_path.as_str()).unwrap_or(here);
        Self {
            dates: Dates { zone, now: site.scheduler().now() },
            site: site.clone(),
            caller,
            preferences,
            flash: Flash::read(&parts.headers),
            here: if here.starts_with('/') { here.to_owned() } else { format!("/{here}") },
        }
    }

    /// Where they are, below the base path.
    pub(super) fn here(&self) -> &str {
        &self.here
    }

    /// The URL of a link.
    pub(super) fn href(&self, link: impl Into<Link>) -> String {
        self.site.path(link.into().as_str())
    }

    /// Whether they may change what becomes of actions: buttons that would be refused are not shown.
    pub(super) fn may_operate(&self) -> bool {
        self.caller.may(Role::Operator)
    }

    /// The args of an action as they may be shown.
    pub(super) fn args<'a>(&self, action: &'a Action) -> Cow<'a, Args> {
        self.site.shown_args(&action.hook, &action.args)
    }

    /// A text about an action, such as an entry of its log, as it may be shown.
    pub(super) fn text(&self, action: &Action, text: &str) -> String {
        self.site.shown_text(&action.hook, &action.args, text).into_owned()
    }

    /// Whether a hook is left to remote workers.
    pub(super) fn is_remote(&self, hook: &Hook) -> bool {
        self.site.scheduler().remote_hooks().iter().any(|pattern| pattern.matches(hook))
    }

    /// What the last answer left for this page.
    pub(super) fn flash(&self) -> Option<Flash> {
        self.flash
    }

    /// A page.
    pub(super) fn show(&self, page: Page) -> Response {
        self.show_as(StatusCode::OK, page)
    }

    /// A page with another status.
    pub(super) fn show_as(&self, status: StatusCode, page: Page) -> Response {
        let mut response = (status, layout::whole(self, page)).into_response();
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if self.flash.is_some() {
            response.headers_mut().append(SET_COOKIE, Flash::forget(&self.site));
        }
        response
    }

    /// The answer to a form: another page, to be asked for anew.
    pub(super) fn back_to(&self, link: impl Into<Link>) -> Response {
        let mut response = StatusCode::SEE_OTHER.into_response();
        // Links are percent-encoded; what could not stand in a header leads to the overview.
        let location = HeaderValue::try_from(self.href(link))
            .or_else(|_| HeaderValue::try_from(self.site.path("/")))
            .unwrap_or(HeaderValue::from_static("/"));
        response.headers_mut().insert(LOCATION, location);
        response
    }

    /// The answer to a form that did something: another page, which says so.
    pub(super) fn back_with(&self, link: impl Into<Link>, flash: Flash) -> Response {
        let mut response = self.back_to(link);
        response.headers_mut().append(SET_COOKIE, flash.leave(&self.site));
        response
    }
}

impl FromRequestParts<Site> for Visit {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, site: &Site) -> Result<Self, Refusal> {
        let Viewer(caller) = Viewer::from_request_parts(parts, site).await?;
        Ok(Self::of(parts, site, caller))
    }
}

/// A path to come back to that was sent in a form: only a path on this server, never another host.
pub(super) fn safe_return(path: &str) -> Option<Link> {
    let is_local = path.starts_with('/') && !path.starts_with("//") && !path.contains('\\');
    let is_plain = path.chars().all(|c| c.is_ascii_graphic());
    (is_local && is_plain).then(|| Link::to(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_comes_back_to_this_server_only() {
        assert!(safe_return("/actions?status=failed").is_some());
        for path in ["//evil.example", "https://evil.example", "/\\evil", "", "actions", "/a\nb"] {
            assert!(safe_return(path).is_none(), "{path}");
        }
    }
}
