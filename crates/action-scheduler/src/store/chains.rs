//! Chains: all the instances of one recurring action.

use std::str::FromStr;

use jiff::Timestamp;
use serde::Serialize;

use crate::action::{ActionId, ChainId, Group, Hook, Priority};
use crate::args::Args;
use crate::error::{Invalid, Result};
use crate::schedule::{Recurrence, Recurring};

/// Which chains are asked for.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ChainQuery {
    /// Only these ids.
    pub ids: Option<Vec<ChainId>>,
    /// Only this hook.
    pub hook: Option<Hook>,
    /// Only this group.
    pub group: Option<Group>,
    /// Only this key, set by [`crate::Unique::Key`].
    pub key: Option<String>,
    /// Only chains in these states; empty is any.
    pub states: Vec<ChainState>,
    /// Only chains after this one.
    pub after: Option<ChainId>,
    /// How many at most.
    pub limit: Option<u32>,
}

/// All the instances of one recurring action.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Chain {
    /// Its id.
    pub id: ChainId,
    /// What happens.
    pub hook: Hook,
    /// The group of its instances.
    pub group: Group,
    /// What their handlers are called with.
    pub args: Args,
    /// How urgent they are.
    pub priority: Priority,
    /// When they run.
    #[serde(serialize_with = "serialize_recurring")]
    pub recurring: Recurring,
    /// The caller's key, if it was scheduled with one.
    pub key: Option<String>,
    /// Whether it goes on.
    pub state: ChainState,
    /// Why it is paused.
    pub reason: Option<String>,
    /// How many instances in a row have failed up to now.
    pub failures: u32,
    /// The instance that is pending or in-progress, or was the last.
    pub head: Option<ActionId>,
    /// When it was stored.
    pub created_at: Timestamp,
}

fn serialize_recurring<S: serde::Serializer>(
    recurring: &Recurring,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    crate::schedule::Schedule::Recurring(recurring.clone()).serialize(serializer)
}

/// Whether a chain goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChainState {
    /// It has an instance that is pending or in-progress.
    Active,
    /// It stands still until it is resumed.
    Paused,
    /// It was canceled, or its schedule has no further date.
    Ended,
}

impl ChainState {
    /// `active`, `paused` or `ended`.
    pub fn as_str(self) -> &'static str {
        match self {
            ChainState::Active => "active",
            ChainState::Paused => "paused",
            ChainState::Ended => "ended",
        }
    }
}

impl FromStr for ChainState {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        [ChainState::Active, ChainState::Paused, ChainState::Ended]
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or_else(|| Invalid::new("chain state", text, "expected active, paused or ended"))
    }
}

impl std::fmt::Display for ChainState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// A change to a chain.
#[derive(Debug, Clone, PartialEq)]
pub enum ChainChange {
    /// An active chain stands still: its pending instance is canceled; one in-progress ends, with none after it.
    Pause {
        /// Why, for people to read.
        reason: String,
    },
    /// A paused chain goes on at this date, with its failures forgotten.
    Resume {
        /// The date of the next instance.
        next: Timestamp,
    },
    /// A chain that has not ended gets another schedule, which all its instances show from now on. An active one goes on at this date with a new instance: what was
    /// pending is canceled, what is in-progress ends with none after it, and failures are forgotten. A paused one stays
    /// so.
    Reschedule {
        /// The schedule from now on.
        recurring: Box<Recurring>,
        /// The date of the next instance.
        next: Timestamp,
    },
    /// A chain that has not ended does so: its pending instance is canceled; one in-progress ends, with none after it.
    End,
}

/// What the log says of a chain that got this schedule.
pub(super) fn rescheduled_note(recurrence: &Recurrence) -> String {
    format!("its chain now runs by this schedule: {recurrence}")
}

/// The answer to a [`ChainChange`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChainChanged {
    /// It was done; when a chain is resumed, or goes on by another schedule, this is the next instance.
    Done(Option<ActionId>),
    /// There is no such chain.
    Missing,
    /// Its state does not allow it.
    Refused(ChainState),
}
