//! Who has access: signing in, and `/access`.

mod changes;
mod form;
mod page;
mod questions;
mod sign_in;
mod user;

use axum::Router;
use axum::routing::{get, post};

pub(crate) use self::sign_in::{sign_in_button, sign_in_form};
use crate::site::Site;

/// `/access` and below.
pub(super) fn routes() -> Router<Site> {
    Router::new()
        .route("/access", get(page::show))
        .route("/access/password", post(changes::own_password))
        .route("/access/users", post(changes::add_user))
        .route("/access/users/{name}", get(user::show))
        .route("/access/users/{name}/role", post(changes::set_role))
        .route("/access/users/{name}/password", post(changes::set_password))
        .route(
            "/access/users/{name}/remove",
            get(questions::remove_user).post(changes::remove_user),
        )
        .route("/access/tokens", post(changes::create_token))
        .route(
            "/access/tokens/{name}/revoke",
            get(questions::revoke_token).post(changes::revoke_token),
        )
        .route("/access/sessions/{id}/end", get(questions::end_session).post(changes::end_session))
}
