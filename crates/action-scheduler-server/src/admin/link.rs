//! Links within the admin.

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What stands for itself in a query; all else is percent-encoded.
const ENCODED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b':').remove(b',');

/// A path below the base path, with a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Link {
    text: String,
    has_query: bool,
}

impl Link {
    /// A link to a path, such as `/actions`.
    pub(super) fn to(path: impl Into<String>) -> Self {
        Self { text: path.into(), has_query: false }
    }

    /// The same, with this key in its query.
    pub(super) fn with(mut self, key: &str, value: impl fmt::Display) -> Self {
        self.text.push(if self.has_query { '&' } else { '?' });
        self.has_query = true;
        self.text.push_str(key);
        self.text.push('=');
        self.text.extend(utf8_percent_encode(&value.to_string(), ENCODED));
        self
    }

    /// The same, with all of these in its query.
    pub(super) fn with_all<K: AsRef<str>, V: fmt::Display>(
        self,
        pairs: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        pairs.into_iter().fold(self, |link, (key, value)| link.with(key.as_ref(), value))
    }

    /// The link as text, below the base path.
    pub(super) fn as_str(&self) -> &str {
        &self.text
    }
}

impl From<&str> for Link {
    fn from(path: &str) -> Self {
        Self::to(path)
    }
}

impl From<String> for Link {
    fn from(path: String) -> Self {
        Self::to(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_encoded() {
        let link = Link::to("/actions").with("hook", "a&b=c d/ü").with("rows", 20);
        assert_eq!(link.as_str(), "/actions?hook=a%26b%3Dc%20d%2F%C3%BC&rows=20");
    }
}
