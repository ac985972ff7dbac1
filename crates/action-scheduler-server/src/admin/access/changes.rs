//! What the forms of `/access` do.

use std::collections::HashMap;
use std::time::Duration;

use axum::Extension;
use axum::extract::{Form, Path};
use axum::http::HeaderMap;
use axum::response::Response;
use maud::html;
use serde::Deserialize;

use super::page::is_own;
use crate::access::accounts::{
    NewToken, Password, Scope, Scopes, Session, SessionOwner, TokenName, UserName,
};
use crate::access::{self, Admin, Client, Identity, Role};
use crate::admin::components::icon::{Icon, icon};
use crate::admin::flash::{Deed, Flash};
use crate::admin::layout::{Page, Place};
use crate::admin::trouble::Trouble;
use crate::admin::visit::Visit;
use crate::http::Problem;

const DAY: Duration = Duration::from_secs(24 * 3600);

#[derive(Deserialize)]
pub(super) struct OwnPassword {
    current: String,
    password: String,
}

/// Changes the password of whoever asks, who stays signed in.
pub(super) async fn own_password(
    visit: Visit,
    Extension(client): Extension<Client>,
    headers: HeaderMap,
    Form(sent): Form<OwnPassword>,
) -> Result<Response, Trouble> {
    let Identity::User(name) = &visit.caller.identity else {
        return Err(Problem::forbidden("only users have a password").into());
    };
    let name: UserName = name.parse()?;
    let site = &visit.site;
    access::check_attempt(site, &client, &name)?;
    let accounts = site.access().accounts();
    let known = accounts.user_with(name.as_str(), Password::new(sent.current)).await;
    if known.map_err(Problem::from)?.is_none() {
        return Err(Problem::invalid("current", "this is not your present password").into());
    }
    let by = visit.caller.actor();
    let user = accounts.set_password(&name, Password::new(sent.password), &by).await;
    let owner = SessionOwner::user(&user.map_err(Problem::from)?);
    let cookie = access::begin_session(site, &client, &headers, owner).await?;
    Ok(access::with_cookie(done(&visit, Deed::PasswordChanged), cookie))
}

#[derive(Deserialize)]
pub(super) struct NewUser {
    name: String,
    role: String,
    #[serde(rename = "new-password")]
    password: String,
}

/// Adds a user.
pub(super) async fn add_user(
    visit: Visit,
    Admin(caller): Admin,
    Form(sent): Form<NewUser>,
) -> Result<Response, Trouble> {
    let (name, role): (UserName, Role) = (sent.name.trim().parse()?, sent.role.parse()?);
    let accounts = visit.site.access().accounts();
    let added = accounts.add_user(&name, role, Password::new(sent.password), &caller.actor()).await;
    added.map_err(Problem::from)?;
    Ok(done(&visit, Deed::UserAdded))
}

#[derive(Deserialize)]
pub(super) struct NewRole {
    role: String,
}

/// Gives a user another role.
pub(super) async fn set_role(
    visit: Visit,
    Admin(caller): Admin,
    Path(name): Path<String>,
    Form(sent): Form<NewRole>,
) -> Result<Response, Trouble> {
    let (name, role): (UserName, Role) = (name.parse()?, sent.role.parse()?);
    let changed = visit.site.access().accounts().set_role(&name, role, &caller.actor()).await;
    changed.map_err(Problem::from)?;
    Ok(done(&visit, Deed::RoleChanged))
}

#[derive(Deserialize)]
pub(super) struct NewPassword {
    password: String,
}

/// Gives a user another password.
pub(super) async fn set_password(
    visit: Visit,
    Admin(caller): Admin,
    Path(name): Path<String>,
    Form(sent): Form<NewPassword>,
) -> Result<Response, Trouble> {
    let name: UserName = name.parse()?;
    let accounts = visit.site.access().accounts();
    let changed = accounts.set_password(&name, Password::new(sent.password), &caller.actor()).await;
    changed.map_err(Problem::from)?;
    Ok(done(&visit, Deed::PasswordChanged))
}

/// Removes a user.
pub(super) async fn remove_user(
    visit: Visit,
    Admin(caller): Admin,
    Path(name): Path<String>,
) -> Result<Response, Trouble> {
    let name: UserName = name.parse()?;
    let removed = visit.site.access().accounts().remove_user(&name, &caller.actor()).await;
    removed.map_err(Problem::from)?;
    Ok(done(&visit, Deed::UserRemoved))
}

/// Makes a token, and shows it: this once, as only its hash is kept.
pub(super) async fn create_token(
    visit: Visit,
    Admin(caller): Admin,
    Form(sent): Form<HashMap<String, String>>,
) -> Result<Response, Trouble> {
    let text = |field: &str| sent.get(field).map_or("", |text| text.trim());
    let name: TokenName = text("name").parse()?;
    let scopes =
        Scopes::new(Scope::ALL.into_iter().filter(|scope| sent.contains_key(scope.as_str())))?;
    let lifetime = match text("days") {
        "" => None,
        days => {
            let days: u32 =
                days.parse().ok().filter(|days| (1..=3650).contains(days)).ok_or_else(|| {
                    Problem::invalid("days", "expected a whole number from 1 to 3650, or nothing")
                })?;
            Some(days * DAY)
        }
    };
    let token = NewToken { name: name.clone(), scopes, lifetime };
    let secret = visit.site.access().accounts().create_token(token, &caller.actor()).await;
    let secret = secret.map_err(Problem::from)?;
    visit.site.access().directory().forget();
    let body = html! {
        div .notice .good role="status" {
            (icon(Icon::Key))
            div {
                p { "The token " code { (name) } ". Copy it now: it is not shown again." }
                pre .block tabindex="0" { (secret.reveal()) }
                p { "Programs send it in a header: " code { "Authorization: Bearer …" } }
            }
        }
        p { a .button href=(visit.href("/access")) { "Done" } }
    };
    let page = Page::new(Place::Access, "A new token").below(visit.href("/access"), "Access");
    Ok(visit.show(page.body(body)))
}

/// Makes a token worthless.
pub(super) async fn revoke_token(
    visit: Visit,
    Admin(caller): Admin,
    Path(name): Path<String>,
) -> Result<Response, Trouble> {
    let name: TokenName = name.parse()?;
    let revoked = visit.site.access().accounts().revoke_token(&name, &caller.actor()).await;
    revoked.map_err(Problem::from)?;
    Ok(done(&visit, Deed::TokenRevoked))
}

/// Ends a session: one's own, or as an admin any.
pub(super) async fn end_session(visit: Visit, Path(id): Path<String>) -> Result<Response, Trouble> {
    let accounts = visit.site.access().accounts();
    let sessions = accounts.sessions().await.map_err(Problem::from)?;
    let is_meant = |session: &Session| {
        session.id.to_string() == id && (visit.caller.may(Role::Admin) || is_own(&visit, session))
    };
    let Some(session) = sessions.into_iter().find(is_meant) else {
        return Err(Problem::not_found("there is no such session; it may have ended").into());
    };
    let ended = accounts.end_session(session.id, &visit.caller.actor()).await;
    ended.map_err(Problem::from)?;
    Ok(done(&visit, Deed::SessionEnded))
}

/// What was changed counts from the next request on.
fn done(visit: &Visit, deed: Deed) -> Response {
    visit.site.access().directory().forget();
    visit.back_with("/access", Flash::plain(deed))
}
