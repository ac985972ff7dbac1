//! `/access/users/NAME`: what an admin can change about a user.

use axum::extract::Path;
use axum::response::Response;
use maud::html;

use super::page::{password_field, role_field};
use crate::access::Admin;
use crate::access::accounts::UserName;
use crate::admin::components::dates;
use crate::admin::components::form::post;
use crate::admin::components::table::facts;
use crate::admin::layout::{Page, Place};
use crate::admin::link::Link;
use crate::admin::trouble::Trouble;
use crate::admin::visit::Visit;
use crate::http::Problem;

/// Shows a user.
pub(super) async fn show(
    visit: Visit,
    _admin: Admin,
    Path(name): Path<String>,
) -> Result<Response, Trouble> {
    let name: UserName = name.parse()?;
    let users = visit.site.access().accounts().users().await.map_err(Problem::from)?;
    let Some(user) = users.into_iter().find(|user| user.name == name) else {
        return Err(Problem::not_found(format!("there is no user {name}")).into());
    };
    let link = |what: &str| Link::to(format!("/access/users/{name}/{what}"));
    let body = html! {
        div .card .padded {
            (facts(&[
                ("Role", html! { (user.role) }),
                ("Added", dates::date(&visit.dates, user.created_at)),
                ("Password set", dates::date(&visit.dates, user.password_set_at)),
            ]))
        }
        (post(&visit, link("role"), html! {
            div .card .padded .fields {
                (role_field("role", user.role))
                div .buttons { button .button .primary type="submit" { "Change the role" } }
            }
        }))
        (post(&visit, link("password"), html! {
            div .card .padded .fields {
                (password_field("password", "New password", "new-password", true))
                div .buttons { button .button .primary type="submit" { "Set the password" } }
                p .muted { "All sessions of this user end." }
            }
        }))
        (post(&visit, link("remove"), html! {
            div .card .padded .fields {
                p { "Whoever is removed cannot sign in any more, and all their sessions end. What they did stays in the logs." }
                div .buttons { button .button .danger type="submit" { "Remove the user" } }
            }
        }))
    };
    let page = Page::new(Place::Access, name.as_str()).below(visit.href("/access"), "Access");
    Ok(visit.show(page.body(body)))
}
