//! The pages for people who are not signed in.

use maud::{Markup, html};

use crate::admin::components::form::{Field, hidden};
use crate::admin::layout;
use crate::site::Site;

/// Asks for a name and a password; `to` is where one wanted to go, `problem` why it was not right the last time.
pub(crate) fn sign_in_form(site: &Site, to: &str, name: &str, problem: Option<&str>) -> Markup {
    let is_first = problem.is_none();
    let content = html! {
        form .fields method="post" action=(site.path("/sign-in")) {
            (hidden("to", to))
            (Field::new("user", "Name").input(html! {
                input #user name="user" value=(name) autocomplete="username" autocapitalize="none" spellcheck="false"
                    required autofocus[is_first];
            }))
            (Field::new("password", "Password").problem(problem.map(|problem| html! { (problem) })).input(html! {
                input #password name="password" type="password" autocomplete="current-password" required
                    autofocus[!is_first] aria-invalid=[problem.map(|_| "true")]
                    aria-describedby=[problem.map(|_| "password-problem")];
            }))
            div .buttons { button .button .primary type="submit" { "Sign in" } }
        }
        p .muted {
            "No password yet? On the machine of the server, " code { "action-scheduler sign-in-link" }
            " prints a link that signs you in once."
        }
    };
    layout::bare(site, "Sign in", content)
}

/// What a link to sign in with shows to whoever does not follow it by hand.
pub(crate) fn sign_in_button(site: &Site, csrf: &str) -> Markup {
    let content = html! {
        form method="post" {
            (hidden("csrf", csrf))
            div .buttons { button .button .primary type="submit" { "Sign in" } }
        }
        p .muted { "The link signs you in once." }
    };
    layout::bare(site, "Sign in", content)
}
