//! How far something has come.

use action_scheduler::text::thousands;
use maud::{Markup, html};

/// A bar and the same in words: `400 of 1,000 actions`.
pub(in crate::admin) fn progress(label: &str, done: u64, all: u64, what: &str) -> Markup {
    html! {
        div .progress {
            progress max=(all.max(1)) value=(done.min(all)) aria-label=(label) {}
            p { (thousands(done)) " of " (thousands(all)) " " (what) }
        }
    }
}
