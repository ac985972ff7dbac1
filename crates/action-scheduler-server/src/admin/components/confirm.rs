//! Pages that ask before something is done that cannot be undone.

use maud::{Markup, html};

use super::form::post;
use super::icon::{Icon, icon};
use crate::admin::link::Link;
use crate::admin::visit::Visit;

/// A question before a deed.
pub(in crate::admin) struct Confirm {
    /// What will happen, as a sentence or two.
    pub(in crate::admin) what: Markup,
    /// What the button says: `Delete 12 actions`.
    pub(in crate::admin) button: String,
    /// Whether it cannot be undone.
    pub(in crate::admin) is_grave: bool,
    /// Where it is posted.
    pub(in crate::admin) to: Link,
    /// Hidden fields, or fields to fill in.
    pub(in crate::admin) fields: Markup,
    /// Where one goes who does not want it.
    pub(in crate::admin) back: Link,
}

/// The question, to be the body of a page.
pub(in crate::admin) fn confirm(visit: &Visit, confirm: Confirm) -> Markup {
    let shape = if confirm.is_grave { Icon::Warning } else { Icon::Alert };
    html! {
        section .card .padded .confirm .grave[confirm.is_grave] {
            (icon(shape))
            div .lead { (confirm.what) }
            (post(visit, confirm.to, html! {
                (confirm.fields)
                div .buttons {
                    button .button .primary .danger[confirm.is_grave] type="submit" autofocus { (confirm.button) }
                    a .button .quiet href=(visit.href(confirm.back)) { "Do not" }
                }
            }))
        }
    }
}
