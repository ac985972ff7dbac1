//! `/access/users/NAME`: what an admin can change about a user.

use axum::extract::Path;
use axum::response::Response;
use maud::html;

use super::form::{Form, Refused, Shown};
use super::page::{NewOrPresent, password_field, role_field};
use crate::access::Admin;
use crate::access::accounts::{User, UserName};
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
    let user = user_of(&visit, &name).await?;
    Ok(visit.show(page(&visit, &user, None)))
}

/// Shows a user again, with a form that could not be taken.
pub(super) async fn again(
    visit: &Visit,
    name: &str,
    refused: Refused,
) -> Result<Response, Trouble> {
    let user = user_of(visit, name).await?;
    let status = refused.problem.status();
    Ok(visit.show_as(status, page(visit, &user, Some(&refused))))
}

/// The user of this name.
pub(super) async fn user_of(visit: &Visit, name: &str) -> Result<User, Problem> {
    let name: UserName = name.parse()?;
    let users = visit.site.access().accounts().users().await?;
    let found = users.into_iter().find(|user| user.name == name);
    found.ok_or_else(|| Problem::not_found(format!("there is no user {name}")))
}

fn page(visit: &Visit, user: &User, refused: Option<&Refused>) -> Page {
    let name = &user.name;
    let link = |what: &str| Link::to(format!("/access/users/{name}/{what}"));
    let (role, password) = (Shown::of(Form::Role, refused), Shown::of(Form::Password, refused));
    let body = html! {
        div .card .padded {
            (facts(&[
                ("Role", html! { (user.role) }),
                ("Added", dates::date(&visit.dates, user.created_at)),
                ("Password set", dates::date(&visit.dates, user.password_set_at)),
            ]))
        }
        (post(visit, link("role"), html! {
            div .card .padded .fields {
                (role_field("role", user.role, role))
                div .buttons { button .button .primary type="submit" { "Change the role" } }
            }
        }))
        (post(visit, link("password"), html! {
            div .card .padded .fields {
                (password_field("password", "New password", NewOrPresent::New, password))
                div .buttons { button .button .primary type="submit" { "Set the password" } }
                p .muted { "All sessions of this user end." }
            }
        }))
        div .card .padded .fields {
            p { "Whoever is removed cannot sign in any more, and all their sessions end. What they did stays in the logs." }
            div .buttons { a .button .danger href=(visit.href(link("remove"))) { "Remove the user" } }
        }
    };
    Page::new(Place::Access, name.as_str()).below(visit.href("/access"), "Access").body(body)
}
