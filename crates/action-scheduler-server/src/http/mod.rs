//! What all answers have in common.

mod around;
mod cookies;
mod headers;
mod json;
mod parameters;
mod problem;
mod rate;
mod refusal;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{DefaultPredicate, NotForContentType, Predicate as _};

pub(crate) use self::cookies::{Keep, cookie, plain_cookie};
pub(crate) use self::headers::security_headers;
pub(crate) use self::json::{Body, JsonText, OptionalBody, read as read_json};
pub(crate) use self::parameters::{FromParameters, Given, Named, Parameters};
pub(crate) use self::problem::{Fault, Problem};
use self::rate::Rate;
pub(crate) use self::refusal::Refusal;
use crate::site::Site;

/// What every route is wrapped in, from the outside in.
pub(crate) fn layers(routes: Router<Site>, site: &Site) -> Router<Site> {
    let limits = &site.config().limits;
    // Pages are not compressed: beside what others make them contain, they have secrets, whose length would tell.
    let is_worth_it = DefaultPredicate::new().and(NotForContentType::const_new("text/html"));
    let routes = routes
        .layer(DefaultBodyLimit::max(limits.body))
        .layer(CompressionLayer::new().compress_when(is_worth_it))
        .layer(from_fn_with_state(limits.time * 2, around::in_time))
        .layer(CatchPanicLayer::custom(around::panicked));
    let routes = match limits.rate {
        Some(rate) => {
            let state = (site.clone(), Rate::new(rate));
            routes.layer(from_fn_with_state(state, rate::limited))
        }
        None => routes,
    };
    routes.layer(from_fn(around::with_id))
}
