//! `/access`: one's own account for everyone; users, tokens, sessions and what was done about them for admins.

use axum::response::Response;
use maud::{Markup, html};

use super::form::{Form, Refused, Shown};
use crate::access::accounts::{AuditEntry, Scope, Session, SessionOwner, Token, User};
use crate::access::{Identity, Role};
use crate::admin::components::dates;
use crate::admin::components::form::{Field, post};
use crate::admin::components::table::{Column, Row, table};
use crate::admin::components::text::{name, none, plain};
use crate::admin::layout::{Page, Place};
use crate::admin::link::Link;
use crate::admin::trouble::Trouble;
use crate::admin::visit::Visit;
use crate::http::Problem;

/// How many entries of the audit are shown.
const AUDIT_SHOWN: u32 = 100;

/// Shows who has access.
pub(super) async fn show(visit: Visit) -> Result<Response, Trouble> {
    let page = page(&visit, None).await?;
    Ok(visit.show(page))
}

/// Shows it again, with a form that could not be taken.
pub(super) async fn again(visit: &Visit, refused: Refused) -> Result<Response, Trouble> {
    let page = page(visit, Some(&refused)).await?;
    Ok(visit.show_as(refused.problem.status(), page))
}

async fn page(visit: &Visit, refused: Option<&Refused>) -> Result<Page, Problem> {
    let accounts = visit.site.access().accounts();
    let is_admin = visit.caller.may(Role::Admin);
    let mut sessions = accounts.sessions().await?;
    if !is_admin {
        sessions.retain(|session| is_own(visit, session));
    }
    let own = match visit.caller.identity {
        Identity::User(_) => own_password(visit, Shown::of(Form::OwnPassword, refused)),
        Identity::Terminal => html! {
            p { "You are signed in with a link from the terminal. Add a user below to sign in with a password." }
        },
        Identity::Token(_) => html! {},
    };
    let administration = match is_admin {
        true => {
            let users = accounts.users().await?;
            let tokens = accounts.tokens().await?;
            let entries = accounts.audit(AUDIT_SHOWN).await?;
            html! {
                (section("Users", "They sign in with a password.", html! {
                    (users_table(visit, &users)) (new_user(visit, Shown::of(Form::NewUser, refused)))
                }))
                (section("API tokens", "Programs call the HTTP API with them.", html! {
                    (tokens_table(visit, &tokens)) (new_token(visit, Shown::of(Form::NewToken, refused)))
                }))
                (section("What was done about access", "The latest first; kept for 90 days.", audit_table(visit, &entries)))
            }
        }
        false => html! {},
    };
    let title = if is_admin { "Sessions" } else { "Your sessions" };
    let body = html! {
        (own)
        (section(title, "Browsers that are signed in.", sessions_table(visit, &sessions)))
        (administration)
    };
    Ok(Page::new(Place::Access, "Access").body(body))
}

/// Whether a session belongs to whoever looks.
pub(super) fn is_own(visit: &Visit, session: &Session) -> bool {
    match (&session.owner, &visit.caller.identity) {
        (SessionOwner::User { name, .. }, Identity::User(own)) => name.as_str() == own,
        (SessionOwner::Terminal, Identity::Terminal) => true,
        _ => false,
    }
}

fn section(title: &str, detail: &str, content: Markup) -> Markup {
    html! {
        section .stack {
            div .section-head { h2 { (title) } span .muted { (detail) } }
            (content)
        }
    }
}

fn own_password(visit: &Visit, shown: Shown<'_>) -> Markup {
    let form = post(
        visit,
        "/access/password",
        html! {
            div .card .padded .fields {
                (password_field("current", "Present password", NewOrPresent::Present, shown))
                (password_field("password", "New password", NewOrPresent::New, shown))
                div .buttons { button .button type="submit" { "Change it" } }
            }
        },
    );
    section("Your password", "Your other sessions end when it changes.", form)
}

/// Which password is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NewOrPresent {
    /// The one that holds.
    Present,
    /// One that is to hold from now on.
    New,
}

/// A field for a password. It is never filled in.
pub(super) fn password_field(
    id: &str,
    label: &str,
    which: NewOrPresent,
    shown: Shown<'_>,
) -> Markup {
    let field = Field::new(id, label).problem(shown.problem(id));
    let (kind, field) = match which {
        NewOrPresent::Present => ("current-password", field),
        NewOrPresent::New => ("new-password", field.hint(html! { "12 characters or more." })),
    };
    let described = field.description();
    field.input(html! {
        input id=(id) name=(id) type="password" autocomplete=(kind) required aria-describedby=[described];
    })
}

/// A field for a role.
pub(super) fn role_field(id: &str, usual: Role, shown: Shown<'_>) -> Markup {
    let meaning = |role: Role| match role {
        Role::Viewer => "viewer: looks at everything",
        Role::Operator => "operator: also schedules and changes",
        Role::Admin => "admin: also manages access",
    };
    let chosen = shown.value("role").unwrap_or(usual.as_str());
    let field = Field::new(id, "Role").problem(shown.problem("role"));
    let described = field.description();
    field.input(html! {
        select id=(id) name="role" aria-describedby=[described] {
            @for role in Role::ALL {
                option value=(role.as_str()) selected[role.as_str() == chosen] { (meaning(role)) }
            }
        }
    })
}

fn users_table(visit: &Visit, users: &[User]) -> Markup {
    let columns = [
        Column::new("Name"),
        Column::new("Role"),
        Column::new("Added"),
        Column::new("Password set"),
        Column::silent("Change", "tools"),
    ];
    let row = |user: &User| {
        let link = visit.href(Link::to(format!("/access/users/{}", user.name)));
        Row::new(&user.name)
            .cell(name(user.name.as_str()))
            .cell(html! { (user.role) })
            .cell(dates::date(&visit.dates, user.created_at))
            .cell(dates::date(&visit.dates, user.password_set_at))
            .cell(html! {
                a .button .small href=(link) { "Change" span .hidden { " " (user.name) } }
            })
    };
    if users.is_empty() {
        return html! { p .muted { "There is none yet." } };
    }
    table("Users", &columns, &users.iter().map(row).collect::<Vec<_>>())
}

/// A field for the name of something new.
fn name_field(id: &str, hint: Option<Markup>, shown: Shown<'_>) -> Markup {
    let field = Field::new(id, "Name").problem(shown.problem("name"));
    let field = match hint {
        Some(hint) => field.hint(hint),
        None => field,
    };
    let described = field.description();
    field.input(html! {
        input id=(id) name="name" value=[shown.value("name")] required autocomplete="off" autocapitalize="none"
            spellcheck="false" maxlength="64" aria-describedby=[described];
    })
}

fn new_user(visit: &Visit, shown: Shown<'_>) -> Markup {
    html! {
        details .card .padded open[shown.is_refused()] {
            summary { "Add a user" }
            (post(visit, "/access/users", html! {
                div .fields {
                    (name_field("new-user", None, shown))
                    (role_field("new-role", Role::Viewer, shown))
                    (password_field("new-password", "Password", NewOrPresent::New, shown))
                    div .buttons { button .button .primary type="submit" { "Add the user" } }
                }
            }))
        }
    }
}

fn tokens_table(visit: &Visit, tokens: &[Token]) -> Markup {
    let columns = [
        Column::new("Name"),
        Column::new("Scopes"),
        Column::new("Made"),
        Column::new("By"),
        Column::new("Expires"),
        Column::new("Last used"),
        Column::silent("Revoke", "tools"),
    ];
    let date = |at| match at {
        Some(at) => dates::date(&visit.dates, at),
        None => none(),
    };
    let row = |token: &Token| {
        Row::new(&token.name)
            .cell(name(token.name.as_str()))
            .cell(html! { (token.scopes) })
            .cell(dates::date(&visit.dates, token.created_at))
            .cell(plain(&token.created_by))
            .cell(date(token.expires_at))
            .cell(date(token.used_at))
            .cell(html! {
                a .button .small .danger href=(visit.href(format!("/access/tokens/{}/revoke", token.name))) {
                    "Revoke" span .hidden { " " (token.name) }
                }
            })
    };
    if tokens.is_empty() {
        return html! { p .muted { "There is none yet." } };
    }
    table("API tokens", &columns, &tokens.iter().map(row).collect::<Vec<_>>())
}

fn new_token(visit: &Visit, shown: Shown<'_>) -> Markup {
    let meaning = |scope: Scope| match scope {
        Scope::Read => "read: look at everything",
        Scope::Write => "write: also schedule and change",
        Scope::Work => "work: run actions as a remote worker",
        Scope::Admin => "admin: everything",
    };
    let lifetimes =
        [("7", "7 days"), ("30", "30 days"), ("90", "90 days"), ("365", "a year"), ("", "no end")];
    let days = shown.value("days").unwrap_or("90");
    let lifetime = Field::new("days", "How long it is good").problem(shown.problem("days"));
    let described = lifetime.description();
    html! {
        details .card .padded open[shown.is_refused()] {
            summary { "Make a token" }
            (post(visit, "/access/tokens", html! {
                div .fields {
                    (name_field("new-token", Some(html! { "The log calls it by this name." }), shown))
                    fieldset .wrong[shown.problem("scopes").is_some()] {
                        legend { "What it is good for" }
                        div .choices {
                            @for scope in Scope::ALL {
                                label .choice {
                                    input type="checkbox" name=(scope.as_str()) value="yes"
                                        checked[shown.is_checked(scope.as_str(), scope == Scope::Read)];
                                    (meaning(scope))
                                }
                            }
                        }
                        @if let Some(problem) = shown.problem("scopes") { p .problem #scopes-problem { (problem) } }
                    }
                    (lifetime.input(html! {
                        select #days name="days" aria-describedby=[described] {
                            @for (count, text) in lifetimes { option value=(count) selected[count == days] { (text) } }
                        }
                    }))
                    div .buttons { button .button .primary type="submit" { "Make the token" } }
                }
            }))
        }
    }
}

fn sessions_table(visit: &Visit, sessions: &[Session]) -> Markup {
    let columns = [
        Column::new("Who"),
        Column::new("From"),
        Column::new("Browser"),
        Column::new("Signed in"),
        Column::new("Last used"),
        Column::new("Ends"),
        Column::silent("End", "tools"),
    ];
    let row = |session: &Session| {
        let is_this = visit.caller.session == Some(session.id);
        Row::new(session.id.short())
            .cell(html! { (plain(&session.owner.to_string())) @if is_this { " " span .tag { "this one" } } })
            .cell(html! { (session.address) })
            .cell(plain(&session.browser))
            .cell(dates::date(&visit.dates, session.created_at))
            .cell(dates::date(&visit.dates, session.seen_at))
            .cell(dates::date(&visit.dates, session.expires_at))
            .cell(html! {
                a .button .small .danger href=(visit.href(format!("/access/sessions/{}/end", session.id))) {
                    "End" span .hidden { " the session of " (session.owner.to_string()) }
                }
            })
    };
    if sessions.is_empty() {
        return html! { p .muted { "There is none." } };
    }
    table("Sessions", &columns, &sessions.iter().map(row).collect::<Vec<_>>())
}

fn audit_table(visit: &Visit, entries: &[AuditEntry]) -> Markup {
    let columns = [
        Column::new("When"),
        Column::new("Who"),
        Column::new("What"),
        Column::new("About"),
        Column::new("From"),
    ];
    let row = |(place, entry): (usize, &AuditEntry)| {
        Row::new(place)
            .cell(dates::date(&visit.dates, entry.at))
            .cell(plain(&entry.who))
            .cell(html! { (entry.event) })
            .cell(plain(&entry.about))
            .cell(entry.address.map_or_else(none, |address| html! { (address) }))
    };
    table(
        "What was done about access",
        &columns,
        &entries.iter().enumerate().map(row).collect::<Vec<_>>(),
    )
}
