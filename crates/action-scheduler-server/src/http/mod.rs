//! What all answers have in common.

mod cookies;
mod headers;
mod json;
mod parameters;
mod problem;
mod refusal;

use axum::Router;
use axum::extract::DefaultBodyLimit;

pub(crate) use self::cookies::{Keep, cookie, plain_cookie};
pub(crate) use self::headers::security_headers;
pub(crate) use self::json::{Body, JsonText, OptionalBody, read as read_json};
pub(crate) use self::parameters::{FromParameters, Given, Named, Parameters};
pub(crate) use self::problem::{Fault, Problem};
pub(crate) use self::refusal::Refusal;
use crate::site::Site;

/// What every route is wrapped in, from the outside in.
pub(crate) fn layers(routes: Router<Site>, site: &Site) -> Router<Site> {
    routes.layer(DefaultBodyLimit::max(site.config().limits.body))
}
