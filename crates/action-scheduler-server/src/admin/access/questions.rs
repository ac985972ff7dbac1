//! The questions before access is taken away.

use axum::extract::Path;
use axum::response::Response;
use maud::{Markup, html};

use super::changes::session_of;
use super::user::user_of;
use crate::access::Admin;
use crate::access::accounts::TokenName;
use crate::admin::components::confirm::{Confirm, confirm};
use crate::admin::components::dates;
use crate::admin::components::text::{name as shown_name, plain};
use crate::admin::layout::{Page, Place};
use crate::admin::link::Link;
use crate::admin::trouble::Trouble;
use crate::admin::visit::Visit;
use crate::http::Problem;

/// Asks whether to remove a user.
pub(super) async fn remove_user(
    visit: Visit,
    _: Admin,
    Path(name): Path<String>,
) -> Result<Response, Trouble> {
    let user = user_of(&visit, &name).await?;
    let link = format!("/access/users/{}", user.name);
    let question = Confirm {
        what: html! {
            p { "User " (shown_name(user.name.as_str())) " (" (user.role) ") cannot sign in any more, and all their sessions end." }
            p { "What they did stays in the logs. The same name can be added again, with a new password." }
        },
        button: format!("Remove {}", user.name),
        is_grave: true,
        to: Link::to(format!("{link}/remove")),
        fields: html! {},
        back: Link::to(link),
    };
    Ok(asked(&visit, "Remove this user?", question))
}

/// Asks whether to revoke a token.
pub(super) async fn revoke_token(
    visit: Visit,
    _: Admin,
    Path(name): Path<String>,
) -> Result<Response, Trouble> {
    let name: TokenName = name.parse()?;
    let tokens = visit.site.access().accounts().tokens().await.map_err(Problem::from)?;
    let Some(token) = tokens.into_iter().find(|token| token.name == name) else {
        return Err(Problem::not_found(format!("there is no token {name}")).into());
    };
    let question = Confirm {
        what: html! {
            p { "Token " (shown_name(token.name.as_str())) " (" (token.scopes) ") is worthless from now on: programs that send it \
                 are refused. This cannot be undone." }
            p { @match token.used_at {
                Some(at) => { "It was last used " (dates::relative(&visit.dates, at)) "." }
                None => { "It was never used." }
            } }
        },
        button: format!("Revoke {name}"),
        is_grave: true,
        to: Link::to(format!("/access/tokens/{name}/revoke")),
        fields: html! {},
        back: Link::to("/access"),
    };
    Ok(asked(&visit, "Revoke this token?", question))
}

/// Asks whether to end a session.
pub(super) async fn end_session(visit: Visit, Path(id): Path<String>) -> Result<Response, Trouble> {
    let session = session_of(&visit, &id).await?;
    let consequence: Markup = match visit.caller.session == Some(session.id) {
        true => html! { p { "It is the one you look at this page with: you are signed out." } },
        false => html! { p { "Whoever uses it has to sign in again." } },
    };
    let question = Confirm {
        what: html! {
            p { "The session of " (plain(&session.owner.to_string())) " from " (session.address) ", last used "
                (dates::relative(&visit.dates, session.seen_at)) "." }
            (consequence)
        },
        button: "End the session".to_owned(),
        is_grave: false,
        to: Link::to(format!("/access/sessions/{}/end", session.id)),
        fields: html! {},
        back: Link::to("/access"),
    };
    Ok(asked(&visit, "End this session?", question))
}

fn asked(visit: &Visit, title: &str, question: Confirm) -> Response {
    let page = Page::new(Place::Access, title).below(visit.href("/access"), "Access");
    visit.show(page.body(confirm(visit, question)))
}
