//! Statements as text: values quoted by the driver, lists of ids, dates.
//!
//! Everything goes over the text protocol. Lists of ids have any length, which would make each of them a prepared
//! statement of its own, and several statements can then share one round trip.

use std::fmt::{self, Write};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use mysql_async::Value;

/// A text as a literal, for [`format!`]. The session is set to utf8mb4 and backslash escapes, on which the quoting
/// depends.
pub(super) struct Text<'a>(pub(super) &'a str);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&Value::from(self.0).as_sql(false))
    }
}

/// A text as a literal, or NULL.
pub(super) struct TextOrNull<'a>(pub(super) Option<&'a str>);

impl fmt::Display for TextOrNull<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(text) => Text(text).fmt(f),
            None => f.write_str("NULL"),
        }
    }
}

/// Bytes as a literal.
pub(super) struct Blob<'a>(pub(super) &'a [u8]);

impl fmt::Display for Blob<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match str::from_utf8(self.0) {
            Ok(text) => Text(text).fmt(f),
            Err(_) => {
                f.write_str("x'")?;
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
                f.write_str("'")
            }
        }
    }
}

/// A number, or NULL.
pub(super) struct OrNull<T>(pub(super) Option<T>);

impl<T: fmt::Display> fmt::Display for OrNull<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(value) => value.fmt(f),
            None => f.write_str("NULL"),
        }
    }
}

/// `(1,2,3)`; of nothing, `(NULL)`, which nothing is in.
pub(super) struct List<I>(pub(super) I);

impl<T: fmt::Display, I: Clone + IntoIterator<Item = T>> fmt::Display for List<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut open = '(';
        for item in self.0.clone() {
            write!(f, "{open}{item}")?;
            open = ',';
        }
        f.write_str(if open == '(' { "(NULL)" } else { ")" })
    }
}

/// A date of our own tables, with its microseconds.
pub(super) struct Micros(pub(super) Timestamp);

impl fmt::Display for Micros {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let date = TimeZone::UTC.to_datetime(self.0);
        write!(
            f,
            "'{:04}-{:02}-{:02} {:02}:{:02}:{:02}.{:06}'",
            date.year(),
            date.month(),
            date.day(),
            date.hour(),
            date.minute(),
            date.second(),
            date.subsec_nanosecond() / 1000
        )
    }
}

/// The rows of an `INSERT … VALUES`, one after another.
pub(super) struct Rows {
    text: String,
    count: usize,
}

impl Rows {
    /// Begins a statement; `head` ends before `VALUES`.
    pub(super) fn new(head: fmt::Arguments<'_>) -> Self {
        Self { text: format!("{head} VALUES "), count: 0 }
    }

    /// Adds a row: what stands between its brackets.
    pub(super) fn push(&mut self, row: fmt::Arguments<'_>) {
        self.text.push_str(if self.count == 0 { "(" } else { ",(" });
        // Writing to a String cannot fail.
        let _ = self.text.write_fmt(row);
        self.text.push(')');
        self.count += 1;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The statement, with what follows the rows.
    pub(super) fn end(mut self, tail: &str) -> String {
        self.text.push_str(tail);
        self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_quoted_so_that_nothing_in_them_ends_the_literal() {
        assert_eq!(Text(r#"it's a "\" "#).to_string(), r#"'it\'s a \"\\\" '"#);
        assert_eq!(TextOrNull(None).to_string(), "NULL");
        assert_eq!(Blob(b"\xff\0").to_string(), "x'ff00'");
    }

    #[test]
    fn a_list_of_nothing_is_still_a_list() {
        assert_eq!(List([1, 2, 3]).to_string(), "(1,2,3)");
        assert_eq!(List(Vec::<i64>::new()).to_string(), "(NULL)");
    }

    #[test]
    fn dates_keep_their_microseconds() {
        let date: Timestamp = "2026-03-04T05:06:07.000009Z".parse().unwrap();
        assert_eq!(Micros(date).to_string(), "'2026-03-04 05:06:07.000009'");
    }
}
