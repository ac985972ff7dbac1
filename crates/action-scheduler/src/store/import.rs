//! Taking in what another store exported.
//!
//! The store keeps a journal of what it took in: which action (or chain) of which other store became which of its own,
//! and how far it has come. That is what makes a move between two stores one that can be broken off at any moment and
//! taken up again.

use serde::Serialize;

use super::{ActionRecord, ChainRecord, StoreId};
use crate::action::{ActionId, ChainId, Status};
use crate::error::Invalid;

/// Where records come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The store's identity, under which the journal is kept.
    pub id: StoreId,
    /// Its name for people: its URL without the password.
    pub name: String,
}

impl Origin {
    /// What the log of an admitted action says; `action` is its id over there.
    pub fn note(&self, action: ActionId) -> String {
        format!("moved from {}, where it was action {action}", self.name)
    }
}

/// Records to be taken in. Ids in them, those of heads and chains too, are those of the origin.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ImportBatch {
    /// Chains. They are taken in before the actions.
    pub chains: Vec<ChainRecord>,
    /// Actions; none of them in-progress.
    pub actions: Vec<ActionRecord>,
    /// Where an id is taken, the new one is above this (and above all that were ever given out).
    pub new_ids_above: Option<ActionId>,
}

impl ImportBatch {
    /// Refuses what is in-progress: it belongs to where it runs.
    pub(super) fn check(&self) -> Result<(), Invalid> {
        let is_running = |record: &&ActionRecord| record.action.status == Status::InProgress;
        match self.actions.iter().find(is_running) {
            Some(record) => {
                let id = record.action.id.to_string();
                Err(Invalid::new("import of action", id, "it is in-progress"))
            }
            None => Ok(()),
        }
    }
}

/// How far something that was taken in has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ImportState {
    /// It is history: finished actions, ended chains.
    Copied,
    /// It waits to be admitted. A held action shows as canceled, a held chain as ended.
    Held,
    /// It has a life of its own here.
    Admitted,
}

/// A row of the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub struct Imported<Id> {
    /// Its id at the origin.
    pub source: Id,
    /// Its id here.
    pub target: Id,
    /// How far it has come.
    pub state: ImportState,
}

/// Rows of the journal.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Imports {
    /// Those about actions.
    pub actions: Vec<Imported<ActionId>>,
    /// Those about chains.
    pub chains: Vec<Imported<ChainId>>,
}

/// Which rows of the journal are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImportsQuery {
    /// About what, and after which place.
    pub of: ImportsOf,
    /// Only those that have come so far; `None` is any.
    pub state: Option<ImportState>,
    /// How many at most.
    pub limit: u32,
}

/// What rows of the journal are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImportsOf {
    /// Actions, by their id at the origin.
    Actions {
        /// Only those after this one.
        after: Option<ActionId>,
    },
    /// Chains, by their id at the origin.
    Chains {
        /// Only those after this one.
        after: Option<ChainId>,
    },
}

/// What is to be admitted, by the ids of the origin.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Admission {
    /// Actions. The active chain that an action is the head of is admitted with it.
    pub actions: Vec<ActionId>,
    /// Other chains: those without a head that is still to run.
    pub chains: Vec<ChainId>,
}
