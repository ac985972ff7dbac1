//! Who calls, and what they may do.

mod caller;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;

pub(crate) use self::caller::{Admin, Caller, Operator, Viewer, Worker};
pub use self::caller::{Identity, Role};
use crate::site::Site;

/// Signing in and out.
pub(crate) fn routes() -> Router<Site> {
    Router::new()
}

/// Finds out who calls and puts the [`Caller`] into the request's extensions; without one, handlers that want a role
/// refuse the request.
pub(crate) async fn identify(
    State(_site): State<Site>,
    mut request: Request,
    next: Next,
) -> Response {
    let (identity, role) = (Identity::Terminal, Some(Role::Admin));
    let caller = Caller { identity, role, works: true, csrf: String::new() };
    request.extensions_mut().insert(caller);
    next.run(request).await
}
