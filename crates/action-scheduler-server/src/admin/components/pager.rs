//! Steps through a list, page by page.

use maud::{Markup, html};

use super::icon::{Icon, icon};

/// Where the pages beside this one are; what is not there is not offered.
#[derive(Debug, Clone)]
pub(in crate::admin) struct Pager {
    /// The first page; none on the first page.
    pub(in crate::admin) first: Option<String>,
    /// The page before this one.
    pub(in crate::admin) previous: Option<String>,
    /// The page after this one.
    pub(in crate::admin) next: Option<String>,
    /// What is shown of what: `50 of 1,234`.
    pub(in crate::admin) shown: Markup,
}

/// The steps.
pub(in crate::admin) fn pager(pager: &Pager) -> Markup {
    let step = |href: &Option<String>, rel: &str, content: Markup| match href {
        Some(href) => html! { a .button href=(href) rel=(rel) { (content) } },
        None => html! {},
    };
    html! {
        nav .pager aria-label="Pages" {
            p .shown { (pager.shown) }
            div .steps {
                @if let Some(first) = &pager.first { a .button href=(first) { "First" } }
                (step(&pager.previous, "prev", html! { (icon(Icon::ChevronLeft)) "Previous" }))
                (step(&pager.next, "next", html! { "Next" (icon(Icon::ChevronRight)) }))
            }
        }
    }
}
