//! The args of an action.

use action_scheduler::text::{safe, safe_json};
use maud::{Markup, html};
use serde_json::value::RawValue;

/// Args on one line, cut when they are long. What is shown has gone through the masks of the config before.
pub(in crate::admin) fn line(args: &str) -> Markup {
    const SHOWN: usize = 80;
    match args {
        "[]" | "{}" => html! { span .none { "–" span .hidden { "no args" } } },
        args => match args.char_indices().nth(SHOWN) {
            Some((end, _)) => {
                html! { code .args { (safe(args.get(..end).unwrap_or(args))) "…" } }
            }
            None => html! { code .args { (safe(args)) } },
        },
    }
}

/// Args as indented JSON; what is not JSON as it stands.
pub(in crate::admin) fn pretty(args: &str) -> Markup {
    let indented = indent(args);
    let text = match &indented {
        Some(json) => safe_json(json),
        None => safe(args),
    };
    html! { pre .block .json tabindex="0" { (text) } }
}

/// JSON with line breaks and indents, its numbers and key order kept to the letter.
fn indent(json: &str) -> Option<String> {
    serde_json::from_str::<&RawValue>(json).ok()?;
    let mut out = String::with_capacity(json.len() * 2);
    let (mut depth, mut in_string, mut escaped) = (0usize, false, false);
    let mut letters = json.chars().peekable();
    while let Some(letter) = letters.next() {
        if in_string {
            out.push(letter);
            (in_string, escaped) = (letter != '"' || escaped, letter == '\\' && !escaped);
            continue;
        }
        match letter {
            '"' => {
                in_string = true;
                out.push(letter);
            }
            '[' | '{' => {
                out.push(letter);
                if !matches!(letters.peek(), Some(']' | '}')) {
                    depth += 1;
                    line_break(&mut out, depth);
                } else if let Some(end) = letters.next() {
                    out.push(end);
                }
            }
            ']' | '}' => {
                depth = depth.saturating_sub(1);
                line_break(&mut out, depth);
                out.push(letter);
            }
            ',' => {
                out.push(letter);
                line_break(&mut out, depth);
            }
            ':' => out.push_str(": "),
            other if other.is_ascii_whitespace() => {}
            other => out.push(other),
        }
    }
    Some(out)
}

fn line_break(out: &mut String, depth: usize) {
    // Nested beyond any reader's patience, further indents only cost room.
    const DEEPEST: usize = 40;
    out.push('\n');
    (0..depth.min(DEEPEST)).for_each(|_| out.push_str("  "));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn args_are_indented_and_else_as_they_were() {
        let shown = indent(r#"{"a":[1.50,{}],"b\"{":"x: [1, 2]"}"#).unwrap();
        assert_eq!(shown, "{\n  \"a\": [\n    1.50,\n    {}\n  ],\n  \"b\\\"{\": \"x: [1, 2]\"\n}");
    }

    #[test]
    fn what_is_not_json_is_shown_as_it_is() {
        assert!(pretty("a:1:{<b>").into_string().contains("a:1:{&lt;b&gt;"));
    }
}
