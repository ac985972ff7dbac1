//! Chains: how a recurring action goes on, stands still, and ends.

use action_scheduler::action::{Action, ActionId, ChainId, NewAction, Status, Unique};
use action_scheduler::log::Step;
use action_scheduler::schedule::Recurring;
use action_scheduler::store::{
    Chain, ChainChange, ChainChanged, ChainQuery, ChainState, Outcome, Succession,
};
use action_scheduler::{Context, Schedule};
use jiff::Timestamp;

use super::state::{Row, State};

/// A chain, with what is not to be seen from outside.
#[derive(Debug)]
pub(super) struct ChainRow {
    pub(super) chain: Chain,
    pub(super) unique: Unique,
    /// The date its head had before it was run early.
    pub(super) owed: Option<Timestamp>,
}

/// An instance that came to its end.
#[derive(Debug, Clone, Copy)]
pub(super) struct End {
    pub(super) action: ActionId,
    pub(super) outcome: Outcome,
    /// Whether it had been marked as timed out before.
    pub(super) was_timed_out: bool,
    /// Whether its end went into the log.
    pub(super) is_logged: bool,
}

impl State {
    pub(super) fn new_chain(&mut self, action: &NewAction, now: Timestamp) -> Option<ChainId> {
        let Schedule::Recurring(recurring) = &action.schedule else { return None };
        let id = ChainId::new(self.new_id())?;
        let chain = Chain {
            id,
            hook: action.hook.clone(),
            group: action.group.clone(),
            args: action.args.clone(),
            priority: action.priority,
            recurring: recurring.clone(),
            key: match &action.unique {
                Unique::Key(key) => Some(key.clone()),
                Unique::No | Unique::Args | Unique::Hook => None,
            },
            state: ChainState::Active,
            reason: None,
            failures: 0,
            head: None,
            created_at: now,
        };
        self.chains.insert(id, ChainRow { chain, unique: action.unique.clone(), owed: None });
        Some(id)
    }

    /// Continues, pauses or ends a chain whose head came to its end. Whatever is not its head leaves it as it is, but
    /// for one that succeeds after its timeout: that breaks the row of failures.
    ///
    /// Gives the next instance, and the chain if it was paused.
    pub(super) fn continue_chain(
        &mut self,
        succession: Succession,
        end: End,
        now: Timestamp,
    ) -> (Option<ActionId>, Option<ChainId>) {
        let id = succession.chain;
        let row = self.actions.get(&end.action);
        let is_instance = row.is_some_and(|row| row.action.chain == Some(id));
        let Some(ChainRow { chain, .. }) = self.chains.get_mut(&id) else { return (None, None) };
        if chain.state != ChainState::Active || !is_instance {
            return (None, None);
        }
        let has_failed = end.outcome.status() == Status::Failed;
        if chain.head != Some(end.action) {
            if end.was_timed_out && !has_failed {
                chain.failures = 0;
            }
            return (None, None);
        }
        chain.failures = if has_failed { chain.failures + 1 } else { 0 };
        if has_failed
            && let Some(threshold) = succession.failure_threshold
            && chain.failures >= threshold
        {
            chain.state = ChainState::Paused;
            chain.reason = Some(format!("{} failures in a row", chain.failures));
            return (None, Some(id));
        }
        let Some(next) = succession.next else {
            chain.state = ChainState::Ended;
            return (None, None);
        };
        let next = self.store_next(id, next, now);
        if let Some(next) = next.filter(|_| end.is_logged) {
            self.log(next, Step::Created, None, None, None, now);
        }
        (next, None)
    }

    fn store_next(&mut self, id: ChainId, at: Timestamp, now: Timestamp) -> Option<ActionId> {
        let ChainRow { chain, unique, .. } = self.chains.get(&id)?;
        let action = NewAction {
            hook: chain.hook.clone(),
            args: chain.args.clone(),
            group: chain.group.clone(),
            schedule: Schedule::Recurring(chain.recurring.clone()),
            priority: chain.priority,
            unique: unique.clone(),
        };
        self.store(action, at, Some(id), now)
    }

    /// The active chain that this action is the head of.
    pub(super) fn chain_headed_by(&mut self, id: ActionId) -> Option<&mut ChainRow> {
        let chain = self.actions.get(&id)?.action.chain?;
        self.chains
            .get_mut(&chain)
            .filter(|row| row.chain.head == Some(id) && row.chain.state == ChainState::Active)
    }

    /// Ends the active chain that this action is the head of.
    pub(super) fn end_chain_of(&mut self, id: ActionId) {
        if let Some(row) = self.chain_headed_by(id) {
            row.chain.state = ChainState::Ended;
        }
    }

    pub(super) fn reason_of(&self, id: ChainId) -> Option<String> {
        self.chains.get(&id)?.chain.reason.clone()
    }

    pub(super) fn change_chain(
        &mut self,
        id: ChainId,
        change: ChainChange,
        context: &Context,
        now: Timestamp,
    ) -> ChainChanged {
        let Some(ChainRow { chain, .. }) = self.chains.get_mut(&id) else {
            return ChainChanged::Missing;
        };
        match (change, chain.state) {
            (ChainChange::Pause { reason }, ChainState::Active) => {
                chain.state = ChainState::Paused;
                chain.reason = Some(reason.clone());
                let Some(head) = chain.head else { return ChainChanged::Done(None) };
                let status = self.actions.get(&head).map(|row| row.action.status);
                self.log(head, Step::Paused, Some(reason), None, Some(context), now);
                if status == Some(Status::Pending) {
                    self.cancel_one(head, None, context, now);
                }
                ChainChanged::Done(None)
            }
            (ChainChange::Resume { next }, ChainState::Paused) => {
                chain.state = ChainState::Active;
                chain.reason = None;
                chain.failures = 0;
                // An instance that is still under way goes on being the head, and is followed as ever.
                let head =
                    chain.head.filter(|head| self.actions.get(head).is_some_and(Row::is_live));
                if let Some(chain) = self.chains.get_mut(&id) {
                    chain.owed = None;
                }
                let next = match head {
                    Some(head) => Some(head),
                    None => {
                        let next = self.store_next(id, next, now);
                        next.inspect(|next| self.log(*next, Step::Created, None, None, None, now))
                    }
                };
                if let Some(next) = next {
                    self.log(next, Step::Resumed, None, None, Some(context), now);
                }
                ChainChanged::Done(next)
            }
            (
                ChainChange::Reschedule { recurring, next },
                ChainState::Active | ChainState::Paused,
            ) => {
                let schedule = Schedule::Recurring(Recurring::clone(&recurring));
                chain.recurring = *recurring;
                let note =
                    format!("its chain now runs by this schedule: {}", chain.recurring.recurrence);
                let (state, head) = (chain.state, chain.head);
                let instances = self.actions.values_mut().map(|row| &mut row.action);
                for instance in instances.filter(|action| action.chain == Some(id)) {
                    instance.schedule = schedule.clone();
                }
                if state == ChainState::Paused {
                    // What is under way was set off by the old schedule, which must not bring the next.
                    let is_live =
                        head.is_some_and(|head| self.actions.get(&head).is_some_and(Row::is_live));
                    if let Some(row) = self.chains.get_mut(&id) {
                        row.chain.head = head.filter(|_| !is_live);
                        row.owed = None;
                    }
                    if let Some(head) = head {
                        self.log(head, Step::Rescheduled, Some(note), None, Some(context), now);
                    }
                    return ChainChanged::Done(None);
                }
                let next = self.store_next(id, next, now);
                if let Some(row) = self.chains.get_mut(&id) {
                    (row.owed, row.chain.failures) = (None, 0);
                }
                if let Some(next) = next {
                    self.log(next, Step::Created, None, None, None, now);
                }
                let is_pending = |id: &ActionId| {
                    self.actions.get(id).is_some_and(|row| row.action.status == Status::Pending)
                };
                if let Some(head) = head.filter(is_pending) {
                    self.cancel_one(head, None, context, now);
                }
                if let Some(next) = next {
                    self.log(next, Step::Rescheduled, Some(note), None, Some(context), now);
                }
                ChainChanged::Done(next)
            }
            (ChainChange::End, ChainState::Active | ChainState::Paused) => {
                chain.state = ChainState::Ended;
                chain.reason = None;
                let head = chain.head;
                let is_pending = |id: &ActionId| {
                    self.actions.get(id).is_some_and(|row| row.action.status == Status::Pending)
                };
                if let Some(head) = head.filter(is_pending) {
                    self.cancel_one(head, None, context, now);
                }
                ChainChanged::Done(None)
            }
            (_, state) => ChainChanged::Refused(state),
        }
    }

    pub(super) fn chains(&self, query: &ChainQuery) -> Vec<Chain> {
        let is_wanted = |chain: &&Chain| {
            query.ids.as_ref().is_none_or(|ids| ids.contains(&chain.id))
                && query.hook.as_ref().is_none_or(|hook| *hook == chain.hook)
                && query.group.as_ref().is_none_or(|group| *group == chain.group)
                && query.key.as_ref().is_none_or(|key| Some(key) == chain.key.as_ref())
                && (query.states.is_empty() || query.states.contains(&chain.state))
                && query.after.is_none_or(|after| chain.id > after)
        };
        let limit = query.limit.map_or(usize::MAX, |limit| limit as usize);
        let all = self.chains.values().map(|row| &row.chain);
        all.filter(is_wanted).take(limit).cloned().collect()
    }

    pub(super) fn latest_instances(&self, chains: &[ChainId], each: u32) -> Vec<Action> {
        let latest = |chain: &ChainId| {
            let instances = self.actions.values().map(|row| &row.action);
            let mut instances: Vec<Action> =
                instances.filter(|action| action.chain == Some(*chain)).cloned().collect();
            instances.sort_by_key(|action| std::cmp::Reverse(action.id));
            instances.truncate(each as usize);
            instances
        };
        chains.iter().flat_map(latest).collect()
    }

    /// Deletes ended chains of which no instance is left. Nothing else is ever left over here: logs go with their
    /// action, and claims as they are closed.
    pub(super) fn clean_orphans(&mut self, limit: u32) -> u64 {
        let is_left = |id: &ChainId| self.actions.values().any(|row| row.action.chain == Some(*id));
        let orphans: Vec<ChainId> = self
            .chains
            .iter()
            .filter(|(id, row)| row.chain.state == ChainState::Ended && !is_left(id))
            .filter(|(id, _)| !self.is_held_chain(**id))
            .map(|(id, _)| *id)
            .take(limit as usize)
            .collect();
        orphans.iter().for_each(|id| drop(self.chains.remove(id)));
        orphans.len() as u64
    }
}
