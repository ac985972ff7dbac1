//! Batches: what claims, starts and hands out work.

use std::sync::Arc;

use jiff::Timestamp;

use crate::action::{ActionId, Attempt, ChainId, ClaimId, Group, Hook, Priority, RunnerId};
use crate::args::Args;
use crate::error::Result;
use crate::policy::HookPattern;
use crate::schedule::Recurring;

/// Which actions a runner takes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct ClaimFilter {
    /// Only these hooks; empty is any.
    pub hooks: Vec<Hook>,
    /// Only this group.
    pub group: Option<Group>,
    /// None of these groups; does not count when `group` is set (reference, section 2).
    pub exclude_groups: Vec<Group>,
    /// None of the hooks that one of these patterns stands for, such as those that remote workers serve.
    pub exclude_hooks: Vec<HookPattern>,
}

impl ClaimFilter {
    /// Whether an action of this hook and group is let through.
    pub fn lets_through(&self, hook: &Hook, group: &Group) -> bool {
        (self.hooks.is_empty() || self.hooks.contains(hook))
            && !self.exclude_hooks.iter().any(|pattern| pattern.matches(hook))
            && match &self.group {
                Some(only) => only == group,
                None => !self.exclude_groups.contains(group),
            }
    }
}

/// A request for a batch.
#[derive(Debug, Clone)]
pub struct ClaimRequest {
    /// Who asks.
    pub runner: RunnerId,
    /// The largest batch wanted.
    pub limit: u32,
    /// What may be in it.
    pub pick: Pick,
    /// How many claims may have something left to start at once, over all runners; `None` is any number. What is
    /// in-progress does not count: a few long actions must not keep idle workers from the rest.
    pub open_claims: Option<u32>,
}

/// What a batch is picked from.
#[derive(Debug, Clone)]
pub enum Pick {
    /// The actions that are due.
    Due(ClaimFilter),
    /// These pending actions, due or not.
    Ids(Vec<ActionId>),
}

/// The answer to a [`ClaimRequest`].
#[derive(Debug, Clone)]
pub enum Claiming {
    /// A batch; it has at least one action.
    Claimed(Claim),
    /// Nothing is due.
    Nothing,
    /// As many claims have something left to start as may be.
    Full,
}

/// A batch of actions set aside for a runner.
#[derive(Debug, Clone)]
pub struct Claim {
    /// Its id.
    pub id: ClaimId,
    /// What it holds, in claim order.
    pub actions: Vec<ClaimedAction>,
}

/// What a runner needs to know of an action to run it.
#[derive(Debug, Clone, PartialEq)]
pub struct ClaimedAction {
    /// Its id.
    pub id: ActionId,
    /// What is to happen.
    pub hook: Hook,
    /// The group it belongs to.
    pub group: Group,
    /// What its handlers are called with.
    pub args: Args,
    /// How urgent it is.
    pub priority: Priority,
    /// How often it has been started so far.
    pub attempts: Attempt,
    /// When it was due.
    pub scheduled_at: Timestamp,
    /// The chain it continues, if it does.
    pub chain: Option<ClaimedChain>,
}

/// What a runner needs to know of a chain to continue it.
#[derive(Debug, Clone, PartialEq)]
pub struct ClaimedChain {
    /// Its id.
    pub id: ChainId,
    /// Its schedule; what is wrong with it, if the database holds one that cannot be read.
    pub recurring: Result<Arc<Recurring>, String>,
    /// The date that the chain owes because this instance was run early.
    pub owed: Option<Timestamp>,
}

/// An action to be marked as in-progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Start {
    /// The action.
    pub action: ActionId,
    /// The claim it is held by.
    pub claim: ClaimId,
    /// Whether `action started` goes into the log.
    pub log: bool,
}

/// The answer to a [`Start`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Started {
    /// It is in-progress, and this is its attempt.
    Yes(Attempt),
    /// It is no longer pending, or no longer held by that claim; that was logged if the action still exists.
    Ignored,
}
