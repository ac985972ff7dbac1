//! PHP's `serialize` format to values, strictly, and without building an object.
//!
//! PHP's own `unserialize` builds the objects that the text names and calls their code, so whoever can write the
//! column runs code of their choice. Here a text yields a tree of data and nothing else.
//!
//! Counts and lengths in the text are never trusted: what is kept grows with the bytes that are really there. What is
//! read is written back to the same bytes, except for floats with more digits than they need, as PHP before 7.1
//! wrote them.

use std::borrow::Cow;
use std::fmt::Display;
use std::str::FromStr;

use super::value::{Key, Object, Value};

/// The longest text that is read.
pub(crate) const MAX_BYTES: usize = 1 << 20;

/// How deep arrays and objects may stand in each other; the plugin's schedules come to four.
pub(crate) const MAX_DEPTH: usize = 100;

/// What is wrong with a serialized text, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("byte {offset}: {problem}")]
pub(crate) struct Malformed {
    /// Where it is wrong, in bytes from the beginning.
    pub(crate) offset: usize,
    problem: String,
}

/// Reads one value, which has to be all of the text.
pub(crate) fn unserialize(bytes: &[u8]) -> Result<Value<'_>, Malformed> {
    if bytes.len() > MAX_BYTES {
        let problem = format!("expected at most {MAX_BYTES} bytes, found {}", bytes.len());
        return Err(Malformed { offset: MAX_BYTES, problem });
    }
    let mut parser = Parser { bytes, at: 0, slots: 0 };
    let value = parser.value(MAX_DEPTH)?;
    match parser.rest() {
        [] => Ok(value),
        _ => Err(parser.expected("the end")),
    }
}

struct Parser<'a> {
    bytes: &'a [u8],
    at: usize,
    /// How many values so far a reference could mean.
    slots: usize,
}

impl<'a> Parser<'a> {
    fn value(&mut self, depth: usize) -> Result<Value<'a>, Malformed> {
        let kind = match self.rest() {
            [kind @ (b'b' | b'i' | b'd' | b's' | b'a' | b'O' | b'r' | b'R'), b':', ..] => *kind,
            [b'N', b';', ..] => b'N',
            [b'C', b':', ..] => {
                return Err(self.refused("an object that serializes itself (C:) is not read"));
            }
            [b'E', b':', ..] => return Err(self.refused("an enum (E:) is not read")),
            _ => return Err(self.expected("a value (N; b: i: d: s: a: O: r: or R:)")),
        };
        if matches!(kind, b'a' | b'O') && depth == 0 {
            return Err(self.refused(format_args!("nested deeper than {MAX_DEPTH} levels")));
        }
        let earlier = self.slots;
        if kind != b'R' {
            self.slots += 1;
        }
        self.at += 2;
        Ok(match kind {
            b'b' => Value::Bool(self.bool()?),
            b'i' => Value::Int(self.number("a whole number of 64 bits", ";")?),
            b'd' => Value::Float(self.float()?),
            b's' => Value::String(Cow::Borrowed(self.string()?)),
            b'a' => Value::Array(self.entries(depth)?),
            b'O' => Value::Object(self.object(depth)?),
            b'r' => Value::SameObject(self.slot(earlier)?),
            b'R' => Value::Reference(self.slot(earlier)?),
            _ => Value::Null,
        })
    }

    fn bool(&mut self) -> Result<bool, Malformed> {
        let value = match self.rest() {
            [b'0', b';', ..] => false,
            [b'1', b';', ..] => true,
            _ => return Err(self.expected("0; or 1;")),
        };
        self.at += 2;
        Ok(value)
    }

    fn float(&mut self) -> Result<f64, Malformed> {
        let text = self.ahead(|byte| byte != b';');
        let is_number = |text: &&str| text.bytes().all(|b| b"0123456789+-.eE".contains(&b));
        let number = match text {
            "INF" => Some(f64::INFINITY),
            "-INF" => Some(f64::NEG_INFINITY),
            "NAN" => Some(f64::NAN),
            text => Some(text).filter(is_number).and_then(|text| text.parse().ok()),
        };
        let number = number.ok_or_else(|| self.expected("a number, INF, -INF or NAN"))?;
        self.at += text.len();
        self.literal(";")?;
        Ok(number)
    }

    /// `5:"bytes"`, after which comes `end`.
    fn counted(&mut self, what: &str, end: &str) -> Result<&'a [u8], Malformed> {
        let length: usize = self.number("a length", ":")?;
        self.literal("\"")?;
        let found = self.rest().get(..length).ok_or_else(|| {
            let left = self.rest().len();
            self.refused(format_args!("expected {what} of {length} bytes, found {left} to the end"))
        })?;
        self.at += length;
        self.literal(end)?;
        Ok(found)
    }

    fn string(&mut self) -> Result<&'a [u8], Malformed> {
        self.counted("a string", "\";")
    }

    fn object(&mut self, depth: usize) -> Result<Object<'a>, Malformed> {
        let start = self.at;
        let class = self.counted("a class name", "\":")?;
        let in_name = |b: &u8| b.is_ascii_alphanumeric() || b"_\\".contains(b) || !b.is_ascii();
        if class.is_empty() || !class.iter().all(in_name) {
            self.at = start;
            return Err(self.expected("the name of a class"));
        }
        Ok(Object { class: Cow::Borrowed(class), properties: self.entries(depth)? })
    }

    /// `2:{` and so many keys and values, and `}`.
    fn entries(&mut self, depth: usize) -> Result<Vec<(Key<'a>, Value<'a>)>, Malformed> {
        let count: usize = self.number("a number of elements", ":")?;
        self.literal("{")?;
        let mut entries = Vec::new();
        for _ in 0..count {
            let key = self.key()?;
            entries.push((key, self.value(depth.saturating_sub(1))?));
        }
        self.literal("}")?;
        Ok(entries)
    }

    fn key(&mut self) -> Result<Key<'a>, Malformed> {
        let is_int = match self.rest() {
            [b'i', b':', ..] => true,
            [b's', b':', ..] => false,
            _ => return Err(self.expected("a key (i: or s:)")),
        };
        self.at += 2;
        Ok(if is_int {
            Key::Int(self.number("a whole number of 64 bits", ";")?)
        } else {
            Key::String(Cow::Borrowed(self.string()?))
        })
    }

    fn slot(&mut self, earlier: usize) -> Result<usize, Malformed> {
        let start = self.at;
        let slot: usize = self.number("the number of a value", ";")?;
        if !(1..=earlier).contains(&slot) {
            self.at = start;
            return Err(self
                .expected(format_args!("the number of a value before this one (1 to {earlier})")));
        }
        Ok(slot)
    }

    /// A whole number as PHP writes it, without needless signs and zeros, and what follows it.
    fn number<T: FromStr + Display>(&mut self, what: &str, end: &str) -> Result<T, Malformed> {
        let text = self.ahead(|byte| byte.is_ascii_digit() || byte == b'-');
        let number = text.parse().ok().filter(|number: &T| number.to_string() == text);
        let number = number.ok_or_else(|| self.expected(what))?;
        self.at += text.len();
        self.literal(end)?;
        Ok(number)
    }

    fn literal(&mut self, literal: &str) -> Result<(), Malformed> {
        if !self.rest().starts_with(literal.as_bytes()) {
            return Err(self.expected(format_args!("{literal:?}")));
        }
        self.at += literal.len();
        Ok(())
    }

    /// The text ahead for as long as its bytes are wanted; empty if it is not UTF-8.
    fn ahead(&self, wanted: impl Fn(u8) -> bool) -> &'a str {
        let rest = self.rest();
        let length = rest.iter().position(|byte| !wanted(*byte)).unwrap_or(rest.len());
        rest.get(..length).and_then(|text| str::from_utf8(text).ok()).unwrap_or_default()
    }

    fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    fn expected(&self, what: impl Display) -> Malformed {
        const SHOWN: usize = 24;
        match self.rest() {
            [] => self.refused(format_args!("expected {what}, found the end")),
            rest => {
                let found = rest.get(..SHOWN).unwrap_or(rest).escape_ascii();
                self.refused(format_args!("expected {what}, found '{found}'"))
            }
        }
    }

    fn refused(&self, problem: impl Display) -> Malformed {
        Malformed { offset: self.at, problem: problem.to_string() }
    }
}
#[cfg(test)]
mod tests;
