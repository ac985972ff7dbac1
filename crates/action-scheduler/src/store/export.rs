//! Actions and chains with all that belongs to them, to be taken to another store.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Chain;
use crate::action::{Action, ActionId, ChainId, Status};
use crate::log::LogEntry;

/// What tells one store from all others, whatever URL it is reached by. Plain text of at most 100 characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StoreId(String);

impl StoreId {
    /// The identity that a store gave itself.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The whole of it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for StoreId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// What [`Store::export`](super::Store::export) is to give.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Export {
    /// A page of the actions, by id.
    Actions {
        /// Only those after this one.
        after: Option<ActionId>,
        /// Only these statuses; empty is any.
        statuses: Vec<Status>,
        /// How many at most.
        limit: u32,
    },
    /// Those of these actions that exist, by id.
    Ids(Vec<ActionId>),
    /// A page of the chains, by id, without their instances.
    Chains {
        /// Only those after this one.
        after: Option<ChainId>,
        /// How many at most.
        limit: u32,
    },
}

/// The answer to an [`Export`].
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Exported {
    /// The actions, by id.
    pub actions: Vec<ActionRecord>,
    /// The chains that were asked for, or those that the actions are instances of; each once, by id.
    pub chains: Vec<ChainRecord>,
    /// What is stored but cannot be read; it is in none of the lists above.
    pub unreadable: Vec<Unreadable>,
    /// The request for the next page; `None` when this one was the last.
    pub next: Option<Export>,
}

/// An action with all that belongs to it.
#[derive(Debug, Clone, PartialEq)]
pub struct ActionRecord {
    /// The action.
    pub action: Action,
    /// The key it was stored with, by [`crate::Unique::Key`].
    pub key: Option<String>,
    /// Its log, in order.
    pub log: Vec<LogEntry>,
}

/// A chain with all that belongs to it.
#[derive(Debug, Clone, PartialEq)]
pub struct ChainRecord {
    /// The chain.
    pub chain: Chain,
    /// The date that it owes because its head was run early.
    pub owed: Option<Timestamp>,
    /// The status of its head; `None` when there is no such action.
    pub head_status: Option<Status>,
}

/// Something that is stored but cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unreadable {
    /// What it is.
    #[serde(flatten)]
    pub what: Subject,
    /// What is wrong with it.
    pub reason: String,
}

/// An action or a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Subject {
    /// An action.
    Action(ActionId),
    /// A chain.
    Chain(ChainId),
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Subject::Action(id) => write!(f, "action {id}"),
            Subject::Chain(id) => write!(f, "chain {id}"),
        }
    }
}
