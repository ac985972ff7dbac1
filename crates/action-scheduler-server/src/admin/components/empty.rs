//! What stands where there is nothing: it says why, and what to do.

use maud::{Markup, html};

use super::icon::{Icon, icon};

/// Nothing is here: a title, what it means, and what to do about it.
pub(in crate::admin) fn empty(shape: Icon, title: &str, content: Markup) -> Markup {
    html! {
        div .empty { (icon(shape)) h2 { (title) } (content) }
    }
}
