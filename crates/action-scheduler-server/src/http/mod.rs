//! What all answers have in common.

mod cookies;
mod headers;
mod problem;
mod refusal;

use axum::Router;

pub(crate) use self::cookies::{Keep, cookie, plain_cookie};
pub(crate) use self::headers::security_headers;
pub(crate) use self::problem::Problem;
pub(crate) use self::refusal::Refusal;
use crate::site::Site;

/// What every route is wrapped in, from the outside in.
pub(crate) fn layers(routes: Router<Site>, _site: &Site) -> Router<Site> {
    routes
}
