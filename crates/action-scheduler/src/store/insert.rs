//! What [`Store::insert`](super::Store::insert) takes and gives.

use std::borrow::Cow;

use crate::action::NewAction;

/// An action to be stored, and whether its creation is logged.
#[derive(Debug, Clone)]
pub struct Insert {
    /// The action.
    pub action: NewAction,
    /// Whether `action created` goes into the log.
    pub log_created: bool,
}

/// A statement with its parameters, to be run by a driver of the caller's.
#[derive(Debug, Clone, PartialEq)]
pub struct Statement {
    /// The text, with placeholders as the store's database has them: `?1`, `?2`, … for SQLite, `$1`, `$2`, … for
    /// PostgreSQL, which takes integers as `bigint`, and `?` for MySQL and MariaDB.
    pub sql: Cow<'static, str>,
    /// The parameters, in order.
    pub parameters: Vec<Parameter>,
}

/// A parameter of a [`Statement`].
#[derive(Debug, Clone, PartialEq)]
pub enum Parameter {
    /// NULL.
    Null,
    /// A 64-bit integer.
    Integer(i64),
    /// A text.
    Text(String),
}

impl From<Option<String>> for Parameter {
    fn from(text: Option<String>) -> Self {
        text.map_or(Parameter::Null, Parameter::Text)
    }
}

impl From<Option<i64>> for Parameter {
    fn from(number: Option<i64>) -> Self {
        number.map_or(Parameter::Null, Parameter::Integer)
    }
}
