//! `/access`: one's own account for everyone; users, tokens, sessions and what was done about them for admins.

use axum::response::Response;
use maud::{Markup, html};

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
    let accounts = visit.site.access().accounts();
    let is_admin = visit.caller.may(Role::Admin);
    let mut sessions = accounts.sessions().await.map_err(Problem::from)?;
    if !is_admin {
        sessions.retain(|session| is_own(&visit, session));
    }
    let own = match visit.caller.identity {
        Identity::User(_) => own_password(&visit),
        Identity::Terminal => html! {
            p { "You are signed in with a link from the terminal. Add a user below to sign in with a password." }
        },
        Identity::Token(_) => html! {},
    };
    let administration = match is_admin {
        true => {
            let users = accounts.users().await.map_err(Problem::from)?;
            let tokens = accounts.tokens().await.map_err(Problem::from)?;
            let entries = accounts.audit(AUDIT_SHOWN).await.map_err(Problem::from)?;
            html! {
                (section("Users", "They sign in with a password.", html! {
                    (users_table(&visit, &users)) (new_user(&visit))
                }))
                (section("API tokens", "Programs call the HTTP API with them.", html! {
                    (tokens_table(&visit, &tokens)) (new_token(&visit))
                }))
                (section("What was done about access", "The latest first; kept for 90 days.", audit_table(&visit, &entries)))
            }
        }
        false => html! {},
    };
    let title = if is_admin { "Sessions" } else { "Your sessions" };
    let body = html! {
        (own)
        (section(title, "Browsers that are signed in.", sessions_table(&visit, &sessions)))
        (administration)
    };
    Ok(visit.show(Page::new(Place::Access, "Access").body(body)))
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

fn own_password(visit: &Visit) -> Markup {
    let form = post(
        visit,
        "/access/password",
        html! {
            div .card .padded .fields {
                (password_field("current", "Present password", "current-password", false))
                (password_field("password", "New password", "new-password", true))
                div .buttons { button .button type="submit" { "Change it" } }
            }
        },
    );
    section("Your password", "Your other sessions end when it changes.", form)
}

/// A field for a password.
pub(super) fn password_field(id: &str, label: &str, kind: &str, is_new: bool) -> Markup {
    let field = Field::new(id, label);
    let hint = is_new.then(|| format!("{id}-hint"));
    let input = html! {
        input id=(id) name=(id) type="password" autocomplete=(kind) required aria-describedby=[hint];
    };
    if is_new {
        field.hint(html! { "12 characters or more." }).input(input)
    } else {
        field.input(input)
    }
}

/// A field for a role.
pub(super) fn role_field(id: &str, chosen: Role) -> Markup {
    let meaning = |role: Role| match role {
        Role::Viewer => "viewer: looks at everything",
        Role::Operator => "operator: also schedules and changes",
        Role::Admin => "admin: also manages access",
    };
    Field::new(id, "Role").input(html! {
        select id=(id) name="role" {
            @for role in Role::ALL {
                option value=(role.as_str()) selected[role == chosen] { (meaning(role)) }
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

fn new_user(visit: &Visit) -> Markup {
    html! {
        details .card .padded {
            summary { "Add a user" }
            (post(visit, "/access/users", html! {
                div .fields {
                    (Field::new("new-user", "Name").input(html! {
                        input #new-user name="name" required autocomplete="off" autocapitalize="none" spellcheck="false"
                            maxlength="64";
                    }))
                    (role_field("new-role", Role::Viewer))
                    (password_field("new-password", "Password", "new-password", true))
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
            .cell(post(visit, Link::to(format!("/access/tokens/{}/revoke", token.name)), html! {
                button .button .small .danger type="submit" { "Revoke" span .hidden { " " (token.name) } }
            }))
    };
    if tokens.is_empty() {
        return html! { p .muted { "There is none yet." } };
    }
    table("API tokens", &columns, &tokens.iter().map(row).collect::<Vec<_>>())
}

fn new_token(visit: &Visit) -> Markup {
    let meaning = |scope: Scope| match scope {
        Scope::Read => "read: look at everything",
        Scope::Write => "write: also schedule and change",
        Scope::Work => "work: run actions as a remote worker",
        Scope::Admin => "admin: everything",
    };
    let lifetimes =
        [("7", "7 days"), ("30", "30 days"), ("90", "90 days"), ("365", "a year"), ("", "no end")];
    html! {
        details .card .padded {
            summary { "Make a token" }
            (post(visit, "/access/tokens", html! {
                div .fields {
                    (Field::new("new-token", "Name").hint(html! { "The log calls it by this name." }).input(html! {
                        input #new-token name="name" required autocomplete="off" autocapitalize="none" spellcheck="false"
                            maxlength="64" aria-describedby="new-token-hint";
                    }))
                    fieldset {
                        legend { "What it is good for" }
                        div .choices {
                            @for scope in Scope::ALL {
                                label .choice {
                                    input type="checkbox" name=(scope.as_str()) value="yes" checked[scope == Scope::Read];
                                    (meaning(scope))
                                }
                            }
                        }
                    }
                    (Field::new("days", "How long it is good").input(html! {
                        select #days name="days" {
                            @for (days, text) in lifetimes { option value=(days) selected[days == "90"] { (text) } }
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
            .cell(post(visit, Link::to(format!("/access/sessions/{}/end", session.id)), html! {
                button .button .small .danger type="submit" {
                    "End" span .hidden { " the session of " (session.owner.to_string()) }
                }
            }))
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
