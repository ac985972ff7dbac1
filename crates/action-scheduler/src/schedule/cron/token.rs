//! A piece of an expression that knows where it stands.

use std::ops::Range;

use super::error::{CronField, Fault};

#[derive(Debug, Clone, Copy)]
pub(super) struct Token<'a> {
    pub(super) text: &'a str,
    start: usize,
}

impl<'a> Token<'a> {
    /// The words of an expression.
    pub(super) fn words(text: &'a str) -> Vec<Token<'a>> {
        Token { text, start: 0 }
            .split(|c| c.is_ascii_whitespace())
            .filter(|word| !word.text.is_empty())
            .collect()
    }

    /// The pieces between separators of one byte.
    pub(super) fn split(
        self,
        is_separator: impl Fn(char) -> bool,
    ) -> impl Iterator<Item = Token<'a>> {
        let mut start = self.start;
        self.text.split(is_separator).map(move |text| {
            let piece = Token { text, start };
            start += text.len() + 1;
            piece
        })
    }

    pub(super) fn split_once(self, separator: char) -> Option<(Token<'a>, Token<'a>)> {
        let (left, right) = self.text.split_once(separator)?;
        let right_start = self.start + left.len() + separator.len_utf8();
        Some((Token { text: left, start: self.start }, Token { text: right, start: right_start }))
    }

    pub(super) fn strip_prefix(self, prefix: &str) -> Option<Token<'a>> {
        let text = self.text.strip_prefix(prefix)?;
        Some(Token { text, start: self.start + prefix.len() })
    }

    pub(super) fn strip_suffix(self, suffix: char) -> Option<Token<'a>> {
        Some(Token { text: self.text.strip_suffix(suffix)?, start: self.start })
    }

    /// The value of decimal digits and nothing else. What is too large for a number is larger than all limits.
    pub(super) fn number(self) -> Option<u32> {
        let is_number = !self.text.is_empty() && self.text.bytes().all(|b| b.is_ascii_digit());
        is_number.then(|| self.text.parse().unwrap_or(u32::MAX))
    }

    pub(super) fn span(self) -> Range<usize> {
        self.start..self.start + self.text.len()
    }

    /// The fault that `field` has this token in it, which `is_wrong` in some way.
    pub(super) fn fault(self, field: CronField, is_wrong: impl std::fmt::Display) -> Fault {
        let problem = format!("{field} {:?} {is_wrong}", self.text);
        Fault { field: Some(field), span: self.span(), problem }
    }

    /// A fault that is not in one of the fields.
    pub(super) fn fault_outside_fields(self, problem: impl Into<String>) -> Fault {
        Fault { field: None, span: self.span(), problem: problem.into() }
    }
}
