//! What all pages have around them.

use maud::{DOCTYPE, Markup, html};

/// A page without navigation: for people who are not signed in.
pub(super) fn bare(title: &str, content: Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) " · Action Scheduler" }
            }
            body { main { h1 { (title) } (content) } }
        }
    }
}
