//! Texts, which PostgreSQL keeps but for one character: NUL.

use std::borrow::Cow;

/// Stands before what stands for another character. It has no other use in text.
const ESCAPE: char = '\u{1a}';

/// A text as it is stored: NUL becomes the escape character and `0`, and the escape character itself is doubled.
pub(super) fn stored(text: &str) -> Cow<'_, str> {
    match text.contains(['\0', ESCAPE]) {
        false => Cow::Borrowed(text),
        true => Cow::Owned(text.replace(ESCAPE, "\u{1a}\u{1a}").replace('\0', "\u{1a}0")),
    }
}

/// The text that is stored so.
pub(super) fn read(text: String) -> String {
    if !text.contains(ESCAPE) {
        return text;
    }
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        out.push(match c {
            ESCAPE => match chars.next() {
                Some('0') => '\0',
                Some(other) => other,
                None => ESCAPE,
            },
            c => c,
        });
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_text_comes_back_and_no_nul_is_stored(text in "[\0\u{1a}0a]{0,12}") {
            let stored = super::stored(&text).into_owned();
            prop_assert!(!stored.contains('\0'));
            prop_assert_eq!(super::read(stored), text);
        }
    }
}
