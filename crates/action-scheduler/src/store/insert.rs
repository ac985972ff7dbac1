//! What [`Store::insert`](super::Store::insert) takes and gives.

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
    /// The text, with placeholders `?1`, `?2`, … as SQLite has them.
    pub sql: &'static str,
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
