//! Text from a database or a handler, made safe to show; numbers as people read them.

use std::borrow::Cow;

/// The text with every character that a terminal would act on, or that would turn the text around, spelled out.
///
/// A hook named `\u{1b}[2J` must not clear the screen of whoever lists it, nor one with an U+202E make a page lie.
pub fn safe(text: &str) -> Cow<'_, str> {
    if text.chars().any(is_unsafe) {
        Cow::Owned(text.chars().fold(String::with_capacity(text.len() + 8), |mut out, c| {
            if is_unsafe(c) {
                out.extend(c.escape_default());
            } else {
                out.push(c);
            }
            out
        }))
    } else {
        Cow::Borrowed(text)
    }
}

/// As [`safe`], but line breaks and tabs stay: for the output of a handler, shown as a block.
pub fn safe_lines(text: &str) -> String {
    text.split('\n')
        .map(|line| line.split('\t').map(safe).collect::<Vec<_>>().join("\t"))
        .collect::<Vec<_>>()
        .join("\n")
}

/// JSON text with the same characters as `\u` escapes: the same value, whoever reads it.
pub fn safe_json(json: &str) -> Cow<'_, str> {
    if json.chars().any(|c| is_unsafe(c) && c != '\n') {
        Cow::Owned(json.chars().fold(String::with_capacity(json.len() + 8), |mut out, c| {
            if is_unsafe(c) && c != '\n' {
                let mut units = [0; 2];
                for unit in c.encode_utf16(&mut units) {
                    out.push_str(&format!("\\u{unit:04x}"));
                }
            } else {
                out.push(c);
            }
            out
        }))
    } else {
        Cow::Borrowed(json)
    }
}

fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        || matches!(c, '\u{2028}' | '\u{2029}')
}

/// `1 action`, `2 actions`, `12,345 actions`.
pub fn count(number: u64, what: &str) -> String {
    format!("{} {what}{}", thousands(number), if number == 1 { "" } else { "s" })
}

/// A number with a comma after each thousand.
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_a_terminal_would_act_on_is_spelled_out() {
        assert_eq!(safe("a\u{1b}[2Jb\n\u{9b}1m\u{202e}x"), r"a\u{1b}[2Jb\n\u{9b}1m\u{202e}x");
        assert_eq!(safe("Zoë – 日本"), "Zoë – 日本");
        assert_eq!(safe_lines("a\tb\nc\u{7}"), "a\tb\nc\\u{7}");
    }

    #[test]
    fn numbers_are_readable() {
        assert_eq!(thousands(0), "0");
        assert_eq!(thousands(999), "999");
        assert_eq!(thousands(1_234_567), "1,234,567");
        assert_eq!(count(1, "action"), "1 action");
        assert_eq!(count(1000, "action"), "1,000 actions");
    }

    proptest! {
        #[test]
        fn nothing_unsafe_is_left(text in any::<String>()) {
            prop_assert!(!safe(&text).chars().any(is_unsafe));
        }

        #[test]
        fn json_keeps_its_value(text in any::<String>()) {
            let json = serde_json::to_string(&text).unwrap();
            prop_assert_eq!(serde_json::from_str::<String>(&safe_json(&json)).unwrap(), text);
        }
    }
}
