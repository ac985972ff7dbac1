//! What the forms of `/access` do.

use std::time::Duration;

use axum::Extension;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;
use maud::html;

use super::form::{Form, Refused, Sent};
use super::{page, user};
use crate::access::accounts::{
    AccountError, NewToken, Password, Scope, Scopes, Secret, Session, SessionOwner, TokenName,
    UserName,
};
use crate::access::{self, Admin, Caller, Client, Identity, Role};
use crate::admin::components::icon::{Icon, icon};
use crate::admin::flash::{Deed, Flash};
use crate::admin::layout::{Page, Place};
use crate::admin::trouble::Trouble;
use crate::admin::visit::Visit;
use crate::http::Problem;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// Changes the password of whoever asks, who stays signed in.
pub(super) async fn own_password(
    visit: Visit,
    Extension(client): Extension<Client>,
    headers: HeaderMap,
    sent: Sent,
) -> Result<Response, Trouble> {
    match changed_own_password(&visit, &client, &headers, &sent).await {
        Ok(cookie) => Ok(access::with_cookie(done(&visit, Deed::PasswordChanged), cookie)),
        Err(problem) => page::again(&visit, Refused::new(Form::OwnPassword, sent, problem)?).await,
    }
}

/// The cookie of the new session.
async fn changed_own_password(
    visit: &Visit,
    client: &Client,
    headers: &HeaderMap,
    sent: &Sent,
) -> Result<HeaderValue, Problem> {
    let Identity::User(name) = &visit.caller.identity else {
        return Err(Problem::forbidden("only users have a password"));
    };
    let name: UserName = name.parse()?;
    let (current, password) = (sent.whole("current")?, sent.whole("password")?);
    let site = &visit.site;
    access::check_attempt(site, client, &name)?;
    let accounts = site.access().accounts();
    if accounts.user_with(name.as_str(), Password::new(current)).await?.is_none() {
        return Err(Problem::invalid("current", "this is not your present password"));
    }
    let by = visit.caller.actor();
    let user = accounts.set_password(&name, Password::new(password), &by).await?;
    access::begin_session(site, client, headers, SessionOwner::user(&user)).await
}

/// Adds a user.
pub(super) async fn add_user(
    visit: Visit,
    Admin(caller): Admin,
    sent: Sent,
) -> Result<Response, Trouble> {
    match added_user(&visit, &caller, &sent).await {
        Ok(()) => Ok(done(&visit, Deed::UserAdded)),
        Err(problem) => page::again(&visit, Refused::new(Form::NewUser, sent, problem)?).await,
    }
}

async fn added_user(visit: &Visit, caller: &Caller, sent: &Sent) -> Result<(), Problem> {
    let (name, role): (UserName, Role) = (sent.read("name")?, sent.read("role")?);
    let password = Password::new(sent.whole("new-password")?);
    let accounts = visit.site.access().accounts();
    match accounts.add_user(&name, role, password, &caller.actor()).await {
        Ok(_) => Ok(()),
        Err(error @ AccountError::Exists { .. }) => Err(Problem::from(error).at("name")),
        Err(error @ AccountError::Password(_)) => Err(Problem::from(error).at("new-password")),
        Err(error) => Err(error.into()),
    }
}

/// Gives a user another role.
pub(super) async fn set_role(
    visit: Visit,
    Admin(caller): Admin,
    Path(name): Path<String>,
    sent: Sent,
) -> Result<Response, Trouble> {
    let user: UserName = name.parse()?;
    let role: Role = match sent.read("role") {
        Ok(role) => role,
        Err(problem) => {
            return user::again(&visit, &name, Refused::new(Form::Role, sent, problem)?).await;
        }
    };
    let changed = visit.site.access().accounts().set_role(&user, role, &caller.actor()).await;
    changed.map_err(Problem::from)?;
    Ok(done(&visit, Deed::RoleChanged))
}

/// Gives a user another password.
pub(super) async fn set_password(
    visit: Visit,
    Admin(caller): Admin,
    Path(name): Path<String>,
    sent: Sent,
) -> Result<Response, Trouble> {
    let user: UserName = name.parse()?;
    match changed_password(&visit, &caller, &user, &sent).await {
        Ok(()) => Ok(done(&visit, Deed::PasswordChanged)),
        Err(problem) => {
            user::again(&visit, &name, Refused::new(Form::Password, sent, problem)?).await
        }
    }
}

async fn changed_password(
    visit: &Visit,
    caller: &Caller,
    user: &UserName,
    sent: &Sent,
) -> Result<(), Problem> {
    let password = Password::new(sent.whole("password")?);
    visit.site.access().accounts().set_password(user, password, &caller.actor()).await?;
    Ok(())
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
    sent: Sent,
) -> Result<Response, Trouble> {
    match made_token(&visit, &caller, &sent).await {
        Ok((name, secret)) => Ok(new_token(&visit, &name, &secret)),
        Err(problem) => page::again(&visit, Refused::new(Form::NewToken, sent, problem)?).await,
    }
}

async fn made_token(
    visit: &Visit,
    caller: &Caller,
    sent: &Sent,
) -> Result<(TokenName, Secret), Problem> {
    let name: TokenName = sent.read("name")?;
    let scopes = Scopes::new(Scope::ALL.into_iter().filter(|scope| sent.has(scope.as_str())))
        .map_err(|_| Problem::invalid("scopes", "choose at least one"))?;
    let lifetime = match sent.text("days") {
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
    match visit.site.access().accounts().create_token(token, &caller.actor()).await {
        Ok(secret) => Ok((name, secret)),
        Err(error @ AccountError::Exists { .. }) => Err(Problem::from(error).at("name")),
        Err(error) => Err(error.into()),
    }
}

fn new_token(visit: &Visit, name: &TokenName, secret: &Secret) -> Response {
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
    visit.show(page.body(body))
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
    let session = session_of(&visit, &id).await?;
    let ended = visit.site.access().accounts().end_session(session.id, &visit.caller.actor()).await;
    ended.map_err(Problem::from)?;
    Ok(done(&visit, Deed::SessionEnded))
}

/// The session of this id, if it is the visitor's to end.
pub(super) async fn session_of(visit: &Visit, id: &str) -> Result<Session, Problem> {
    let sessions = visit.site.access().accounts().sessions().await?;
    let is_meant = |session: &Session| {
        let may_end = visit.caller.may(Role::Admin) || page::is_own(visit, session);
        session.id.to_string() == id && may_end
    };
    let found = sessions.into_iter().find(is_meant);
    found.ok_or_else(|| Problem::not_found("there is no such session; it may have ended"))
}

/// What was changed counts from the next request on.
fn done(visit: &Visit, deed: Deed) -> Response {
    visit.site.access().directory().forget();
    visit.back_with("/access", Flash::plain(deed))
}
