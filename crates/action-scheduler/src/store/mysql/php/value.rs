//! A PHP value as a plain tree.

use std::borrow::Cow;

/// A value that PHP's `serialize` writes. Texts are bytes: PHP knows no encoding.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value<'a> {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    String(Cow<'a, [u8]>),
    /// A list or a map, in its order.
    Array(Vec<(Key<'a>, Value<'a>)>),
    Object(Object<'a>),
    /// `r:4;`: the same object as the one in that slot.
    SameObject(usize),
    /// `R:4;`: a PHP reference to what is in that slot.
    Reference(usize),
}

/// The key of an array's entry, or the name of a property.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Key<'a> {
    Int(i64),
    String(Cow<'a, [u8]>),
}

/// An object as data: the name of its class, and its properties.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Object<'a> {
    pub(crate) class: Cow<'a, [u8]>,
    /// Names as they stand: `\0*\0name` if protected, `\0Class\0name` if private.
    pub(crate) properties: Vec<(Key<'a>, Value<'a>)>,
}

impl<'a> Value<'a> {
    /// A string.
    pub(crate) fn string(text: impl Into<Cow<'a, str>>) -> Self {
        Value::String(bytes(text.into()))
    }

    /// The value that a reference means. `self` is the outermost value; slots are counted from 1 in order of
    /// appearance, and every value has one but [`Value::Reference`].
    pub(crate) fn slot(&self, number: usize) -> Option<&Value<'a>> {
        let mut rest = vec![self];
        let mut passed = 0;
        while let Some(value) = rest.pop() {
            if !matches!(value, Value::Reference(_)) {
                passed += 1;
                if passed == number {
                    return Some(value);
                }
            }
            if let Value::Array(entries) | Value::Object(Object { properties: entries, .. }) = value
            {
                rest.extend(entries.iter().rev().map(|(_, value)| value));
            }
        }
        None
    }
}

impl<'a> Key<'a> {
    /// A key that is text.
    pub(crate) fn string(text: impl Into<Cow<'a, str>>) -> Self {
        Key::String(bytes(text.into()))
    }
}

fn bytes(text: Cow<'_, str>) -> Cow<'_, [u8]> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
        Cow::Owned(text) => Cow::Owned(text.into_bytes()),
    }
}
