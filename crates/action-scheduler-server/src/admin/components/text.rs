//! Texts that others wrote, and numbers.

use action_scheduler::text::{safe, safe_lines, thousands};
use maud::{Markup, html};

/// A text on one line: escaped, with characters that would not show, or turn the text around, spelled out.
pub(in crate::admin) fn plain(text: &str) -> Markup {
    html! { (safe(text)) }
}

/// A name such as a hook's, in the letters of code.
pub(in crate::admin) fn name(text: &str) -> Markup {
    html! { span .name { (safe(text)) } }
}

/// The name of a group; the default one has none.
pub(in crate::admin) fn group(group: &action_scheduler::Group) -> Markup {
    match group.as_str() {
        "" => html! { span .none { "–" span .hidden { "no group" } } },
        name => html! { span .name { (safe(name)) } },
    }
}

/// What is not there.
pub(in crate::admin) fn none() -> Markup {
    html! { span .none { "–" } }
}

/// A text shown as a block, as it is: what a handler printed. What is long is folded.
pub(in crate::admin) fn block(text: &str) -> Markup {
    const SHOWN: usize = 1_200;
    const LINES: usize = 12;
    let text = safe_lines(text.trim_end_matches('\n'));
    let cut = text.char_indices().nth(SHOWN).map_or(text.len(), |(end, _)| end);
    let cut = text.match_indices('\n').nth(LINES - 1).map_or(cut, |(end, _)| end.min(cut));
    match text.split_at_checked(cut) {
        Some((_, "")) | None => html! { pre .block tabindex="0" { (text) } },
        Some((start, rest)) => {
            let more = rest.lines().filter(|line| !line.is_empty()).count();
            html! {
                details .long data-key="long" {
                    summary {
                        pre .block { (start) "…" }
                        span .more { "Show all, " (number(more as u64)) " more lines" }
                    }
                    pre .block tabindex="0" { (text) }
                }
            }
        }
    }
}

/// A number with a comma after each thousand.
pub(in crate::admin) fn number(number: u64) -> Markup {
    html! { (thousands(number)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_wrote_stays_text() {
        let shown = plain("<script>alert(1)</script>\u{202e}\u{1b}[2J").into_string();
        assert_eq!(shown, r"&lt;script&gt;alert(1)&lt;/script&gt;\u{202e}\u{1b}[2J");
    }

    #[test]
    fn a_long_output_is_folded_and_still_whole() {
        let text: String = (0..100).map(|line| format!("line {line}\n")).collect();
        let shown = block(&text).into_string();
        assert!(shown.contains("<details") && shown.contains("line 99"), "{shown}");
        assert!(!block("short\n").into_string().contains("<details"));
    }
}
