//! Records: small documents that programs around the engine keep in the store, such as users, sessions or incidents.
//! The store knows no more of them than their key, their version and when they expire.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::Serialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use crate::error::{Invalid, Result, StoreError, StoreErrorKind};
use crate::time::whole_micros;

/// The longest kind.
const LONGEST_KIND: usize = 32;

/// The longest key.
const LONGEST_KEY: usize = 255;

/// The longest body.
const LONGEST_BODY: usize = 1024 * 1024;

/// What a record is about, such as `user` or `session`: 1 to 32 characters, each `a` to `z`, a digit, `-` or `_`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordKind(Cow<'static, str>);

impl RecordKind {
    /// Checks and takes a kind.
    pub fn new(text: impl AsRef<str>) -> Result<Self, Invalid> {
        let text = text.as_ref();
        match is_kind(text) {
            true => Ok(Self(Cow::Owned(text.to_owned()))),
            false => {
                let expected = "expected 1 to 32 characters, each a to z, a digit, - or _";
                Err(Invalid::new("record kind", text, expected))
            }
        }
    }

    /// A kind that stands in the program: `const USER: RecordKind = RecordKind::constant("user")`.
    ///
    /// # Panics
    /// When it is none, which for a constant is an error of the compiler.
    pub const fn constant(text: &'static str) -> Self {
        assert!(
            is_kind(text),
            "a record kind has 1 to 32 characters, each a to z, a digit, - or _"
        );
        Self(Cow::Borrowed(text))
    }

    /// The kind as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

const fn is_kind(text: &str) -> bool {
    let mut rest = text.as_bytes();
    if rest.is_empty() || rest.len() > LONGEST_KIND {
        return false;
    }
    while let [first, others @ ..] = rest {
        if !matches!(first, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_') {
            return false;
        }
        rest = others;
    }
    true
}

impl FromStr for RecordKind {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        Self::new(text)
    }
}

impl fmt::Display for RecordKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// A small document.
#[derive(Clone, PartialEq, Eq)]
pub struct Record {
    /// What it is about.
    pub kind: RecordKind,
    /// What tells it from others of its kind.
    pub key: String,
    /// What it says: JSON.
    pub body: String,
    /// Counts the puts of it, from 1. One that was deleted begins again.
    pub version: u64,
    /// From this date on there is no such record.
    pub expires_at: Option<Timestamp>,
}

impl Record {
    /// The body as a value.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_str(&self.body).map_err(|error| {
            let message = format!("the {} {:?} cannot be read: {error}", self.kind, self.key);
            StoreError::new(StoreErrorKind::Corrupt, message).into()
        })
    }
}

/// Without the body, which may be a secret.
impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, key, body: _, version, expires_at } = self;
        let mut text = f.debug_struct("Record");
        text.field("kind", kind).field("key", key).field("version", version);
        text.field("expires_at", expires_at).finish_non_exhaustive()
    }
}

/// What must hold for a record to be put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// Nothing: it is put whether there is one or not.
    Any,
    /// There is none with this key.
    Absent,
    /// There is one, and it has this version.
    Version(u64),
}

/// A record to be put, in the place of the one that has its kind and key.
#[derive(Clone, PartialEq, Eq)]
pub struct PutRecord {
    /// What it is about.
    pub kind: RecordKind,
    /// What tells it from others of its kind: 1 to 255 bytes, none of them a control character.
    pub key: String,
    /// What it says: JSON, of at most 1 MiB.
    pub body: String,
    /// From this date on it is gone.
    pub expires_at: Option<Timestamp>,
    /// What must hold.
    pub expected: Expected,
}

impl PutRecord {
    /// A record that does not expire, to be put whatever was there.
    pub fn new(kind: RecordKind, key: impl Into<String>, body: impl Into<String>) -> Self {
        let (key, body) = (key.into(), body.into());
        Self { kind, key, body, expires_at: None, expected: Expected::Any }
    }

    /// The same, of a value.
    pub fn of(kind: RecordKind, key: impl Into<String>, value: &impl Serialize) -> Result<Self> {
        let key = key.into();
        let body = serde_json::to_string(value).map_err(|error| {
            Invalid::new("record key", &key, format_args!("its body is no JSON: {error}"))
        })?;
        Ok(Self::new(kind, key, body))
    }

    /// From this date on it is gone.
    pub fn expires_at(self, at: Timestamp) -> Self {
        Self { expires_at: Some(at), ..self }
    }

    /// What must hold for it to be put.
    pub fn expected(self, expected: Expected) -> Self {
        Self { expected, ..self }
    }

    /// The date from which it is gone, as it is stored.
    pub(in crate::store) fn expiry(&self) -> Option<i64> {
        self.expires_at.map(|at| whole_micros(at).as_microsecond())
    }

    fn check(&self) -> Result<(), Invalid> {
        let Self { kind, key, body, .. } = self;
        check_key("record key", key)?;
        if body.len() > LONGEST_BODY {
            let problem = format!("the body of this {kind} is longer than {LONGEST_BODY} bytes");
            return Err(Invalid::new("record key", key, problem));
        }
        serde_json::from_str::<IgnoredAny>(body).map(drop).map_err(|error| {
            Invalid::new(
                "record key",
                key,
                format_args!("the body of this {kind} is no JSON: {error}"),
            )
        })
    }
}

/// Without the body, which may be a secret.
impl fmt::Debug for PutRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, key, body: _, expires_at, expected } = self;
        let mut text = f.debug_struct("PutRecord");
        text.field("kind", kind).field("key", key).field("expires_at", expires_at);
        text.field("expected", expected).finish_non_exhaustive()
    }
}

/// Refuses what no store could keep. Every store asks this before it puts anything.
pub fn check_records(puts: &[PutRecord]) -> Result<(), Invalid> {
    puts.iter().try_for_each(PutRecord::check)
}

/// Refuses a key that not every store could keep to the letter.
pub(in crate::store) fn check_key(what: &'static str, key: &str) -> Result<(), Invalid> {
    let problem = match key.len() {
        0 => "expected a text",
        length if length > LONGEST_KEY => "longer than 255 bytes",
        _ if key.chars().any(char::is_control) => "has a control character",
        _ => return Ok(()),
    };
    Err(Invalid::new(what, key, problem))
}

/// The answer to a [`PutRecord`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// It was put, and has this version.
    Done(u64),
    /// What was expected does not hold.
    Refused,
}

/// Which records are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordsQuery {
    /// Of this kind.
    pub kind: RecordKind,
    /// Only these keys.
    pub keys: Option<Vec<String>>,
    /// Only keys after this one.
    pub after: Option<String>,
    /// How many at most.
    pub limit: Option<u32>,
}

impl RecordsQuery {
    /// All of a kind.
    pub fn new(kind: RecordKind) -> Self {
        Self { kind, keys: None, after: None, limit: None }
    }

    /// Only these keys.
    pub fn keys<K: Into<String>>(self, keys: impl IntoIterator<Item = K>) -> Self {
        Self { keys: Some(keys.into_iter().map(Into::into).collect()), ..self }
    }

    /// Only keys after this one: where the page before ended.
    pub fn after(self, key: impl Into<String>) -> Self {
        Self { after: Some(key.into()), ..self }
    }

    /// At most so many.
    pub fn limit(self, limit: u32) -> Self {
        Self { limit: Some(limit), ..self }
    }
}

/// The places of a list in the order of some key of its items; equals keep their order. Whoever writes several rows does it
/// in this order, so that none waits for one that waits for it.
pub(in crate::store) fn places_in_order<T, K: Ord>(
    list: &[T],
    key: impl Fn(&T) -> K,
) -> Vec<usize> {
    let mut places: Vec<(K, usize)> =
        list.iter().enumerate().map(|(place, item)| (key(item), place)).collect();
    places.sort();
    places.into_iter().map(|(_, place)| place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const USER: RecordKind = RecordKind::constant("user");

    #[test]
    fn kinds_are_short_plain_names() {
        assert_eq!(RecordKind::new("sign-in_link2").unwrap().as_str(), "sign-in_link2");
        for bad in ["", "User", "a b", "é", "a\0", &"x".repeat(33)] {
            let error = RecordKind::new(bad).unwrap_err().to_string();
            assert!(error.contains("expected 1 to 32 characters"), "{error}");
        }
    }

    #[test]
    fn what_no_store_could_keep_is_refused() {
        let refused = |key: &str, body: &str| {
            let put = PutRecord::new(USER, key, body);
            check_records(&[put]).unwrap_err().to_string()
        };
        assert!(refused("", "1").contains("expected a text"));
        assert!(refused("a\0b", "1").contains("control character"));
        assert!(refused(&"x".repeat(256), "1").contains("longer than 255 bytes"));
        assert!(refused("a", "{").contains("is no JSON"));
        assert!(refused("a", "").contains("is no JSON"));
        let long = format!("\"{}\"", "x".repeat(LONGEST_BODY));
        assert!(refused("a", &long).contains("longer than 1048576 bytes"));
        let fine = PutRecord::of(USER, "x".repeat(255), &"\0\u{1a}").unwrap();
        assert_eq!(check_records(&[fine]), Ok(()));
    }

    #[test]
    fn a_body_is_read_and_never_shown() {
        let body = r#"{"secret":"xyzzy"}"#.to_owned();
        let record = Record { kind: USER, key: "a".into(), body, version: 1, expires_at: None };
        let read: std::collections::BTreeMap<String, String> = record.read().unwrap();
        assert_eq!(read["secret"], "xyzzy");
        assert!(!format!("{record:?}").contains("xyzzy"));
        let error = record.read::<u8>().unwrap_err().to_string();
        assert!(error.starts_with("the user \"a\" cannot be read"), "{error}");
    }
}
