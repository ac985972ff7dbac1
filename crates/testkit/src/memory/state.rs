//! What the store holds, and the rules of an action's life.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use action_scheduler::action::{
    Action, ActionId, Attempt, ChainId, ClaimId, NewAction, RunnerId, Status, Unique,
};
use action_scheduler::log::{LogEntry, NewLogEntry, Step};
use action_scheduler::store::{
    Change, ClaimFilter, CleanBatch, CleanCursor, CleanMode, Cleaned, FigureCounts, HookScope,
    Insert, Receipt, Record, RecordKind, Requeue, Resolution, Runner, Stats, StoreId, Tally,
    TallyBy, Target,
};
use action_scheduler::{Context, Group, Hook, Query, Result, Schedule};
use jiff::Timestamp;

use super::chains::ChainRow;
use super::matching;
use super::moves::Journal;

/// Everything that is stored.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) actions: BTreeMap<ActionId, Row>,
    pub(super) chains: BTreeMap<ChainId, ChainRow>,
    /// The claims that are open, and who asked for them. That runner may be gone.
    pub(super) claims: BTreeMap<ClaimId, Holder>,
    /// `claims` and `in_progress` of these are worked out when asked for.
    pub(super) runners: BTreeMap<RunnerId, Runner>,
    pub(super) logs: BTreeMap<ActionId, Vec<LogEntry>>,
    pub(super) hooks: BTreeSet<Hook>,
    pub(super) groups: BTreeSet<Group>,
    /// What was taken in, by the store it came from.
    pub(super) journals: HashMap<StoreId, Journal>,
    /// The records, also those that have expired.
    pub(super) records: BTreeMap<(RecordKind, String), Record>,
    /// What was stored once, by the caller's key, also what is past its date.
    pub(super) receipts: BTreeMap<String, (Receipt, Vec<Option<ActionId>>)>,
    /// What happened in each period, by date; without a hook it is all together.
    pub(super) figures: BTreeMap<(Resolution, Timestamp, Option<Hook>), FigureCounts>,
    /// How often there was new work.
    pub(super) wakes: u64,
    last_id: i64,
}

/// Who asked for a claim, and when.
#[derive(Debug, Clone, Copy)]
pub(super) struct Holder {
    pub(super) runner: RunnerId,
    pub(super) claimed_at: Timestamp,
}

/// An action, with what is not to be seen from outside.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) action: Action,
    pub(super) unique: Unique,
    /// Whether it is failed because it ran too long, and its handler may still succeed.
    pub(super) timed_out: bool,
}

impl Row {
    /// Whether it stands in the way of a unique action, and keeps its claim open.
    pub(super) fn is_live(&self) -> bool {
        matches!(self.action.status, Status::Pending | Status::InProgress)
    }

    /// Sets the date. That of a single action is its schedule; a recurring one keeps its first.
    pub(super) fn move_to(&mut self, date: Timestamp) {
        self.action.scheduled_at = whole_micros(date);
        if let Schedule::Single(at) = &mut self.action.schedule {
            *at = self.action.scheduled_at;
        }
    }

    pub(super) fn is_free(&self) -> bool {
        self.action.status == Status::Pending && self.action.claim.is_none()
    }
}

impl State {
    pub(super) fn new_id(&mut self) -> i64 {
        self.last_id += 1;
        self.last_id
    }

    /// Sees to it that new ids are higher than this.
    pub(super) fn raise_ids(&mut self, id: i64) {
        self.last_id = self.last_id.max(id);
    }

    pub(super) fn insert(&mut self, insert: Insert, now: Timestamp) -> Option<ActionId> {
        let Insert { action, log_created } = insert;
        let is_in_the_way = |row: &Row| row.is_live() && stands_in_the_way(row, &action);
        if action.unique != Unique::No && self.actions.values().any(is_in_the_way) {
            return None;
        }
        let chain = self.new_chain(&action, now);
        let at = action.schedule.first_date(now);
        let id = self.store(action, at, chain, now)?;
        if log_created {
            self.log(id, Step::Created, None, None, None, now);
        }
        Some(id)
    }

    /// Stores an action, whatever else there is, as the head of its chain.
    pub(super) fn store(
        &mut self,
        new: NewAction,
        at: Timestamp,
        chain: Option<ChainId>,
        now: Timestamp,
    ) -> Option<ActionId> {
        let id = ActionId::new(self.new_id())?;
        let action = Action {
            id,
            hook: new.hook,
            args: new.args,
            group: new.group,
            status: Status::Pending,
            priority: new.priority,
            schedule: new.schedule,
            scheduled_at: whole_micros(at),
            attempts: Attempt(0),
            created_at: now,
            started_at: None,
            finished_at: None,
            claim: None,
            chain,
            log_entries: 0,
        };
        self.hooks.insert(action.hook.clone());
        self.groups.insert(action.group.clone());
        let mut row = Row { action, unique: new.unique, timed_out: false };
        row.move_to(at);
        self.actions.insert(id, row);
        if let Some(chain) = chain.and_then(|chain| self.chains.get_mut(&chain)) {
            chain.chain.head = Some(id);
            chain.owed = None;
        }
        self.wakes += 1;
        Some(id)
    }

    // The log.

    pub(super) fn log(
        &mut self,
        action: ActionId,
        step: Step,
        message: Option<String>,
        attempt: Option<Attempt>,
        context: Option<&Context>,
        now: Timestamp,
    ) {
        if !self.actions.contains_key(&action) {
            return;
        }
        let log = self.logs.entry(action).or_default();
        let seq = u32::try_from(log.len() + 1).unwrap_or(u32::MAX);
        let at = whole_micros(now);
        log.push(LogEntry { action, seq, at, step, attempt, context: context.cloned(), message });
    }

    /// Adds an entry of someone else's. It belongs to the attempt that is in-progress, if one is.
    pub(super) fn note(
        &mut self,
        action: ActionId,
        entry: NewLogEntry,
        context: &Context,
        now: Timestamp,
    ) {
        let attempt = self.attempt_in_progress(action);
        let at = entry.at.unwrap_or(now);
        self.log(action, entry.step, entry.message, attempt, Some(context), at);
    }

    fn attempt_in_progress(&self, id: ActionId) -> Option<Attempt> {
        let action = &self.actions.get(&id)?.action;
        (action.status == Status::InProgress).then_some(action.attempts)
    }

    pub(super) fn logs(&self, ids: Vec<ActionId>) -> Vec<LogEntry> {
        let ids: BTreeSet<ActionId> = ids.into_iter().collect();
        ids.iter().filter_map(|id| self.logs.get(id)).flatten().cloned().collect()
    }

    // Looking.

    /// An action as it is seen from outside: with the length of its log, which is not kept.
    pub(super) fn seen(&self, row: &Row) -> Action {
        let entries = self.logs.get(&row.action.id).map_or(0, Vec::len);
        Action { log_entries: u32::try_from(entries).unwrap_or(u32::MAX), ..row.action.clone() }
    }

    pub(super) fn fetch(&self, ids: &[ActionId]) -> Vec<Action> {
        ids.iter().filter_map(|id| Some(self.seen(self.actions.get(id)?))).collect()
    }

    pub(super) fn query(&self, query: &Query) -> Result<Vec<Action>> {
        query.check()?;
        let place = |action: &Action| query.cursor(action);
        let compare = |left: &_, right: &_| matching::compare(query.order, left, right);
        let ids = query.ids.as_ref().map(|ids| ids.iter().collect::<BTreeSet<_>>());
        let window = query.window().map(|window| self.query(&window)).transpose()?;
        let reach: Option<BTreeSet<ActionId>> =
            window.map(|window| window.iter().map(|action| action.id).collect());
        let is_in_reach = |row: &Row| {
            reach.as_ref().is_none_or(|reach| reach.contains(&row.action.id))
                || matching::is_named(query, &row.action)
        };
        let mut found: Vec<Action> = self
            .actions
            .values()
            .filter(|row| is_in_reach(row))
            .map(|row| self.seen(row))
            .filter(|action| ids.as_ref().is_none_or(|ids| ids.contains(&action.id)))
            .filter(|action| matching::matches(query, action))
            .filter(|action| {
                let after = |after| compare(&place(action), after) == Ordering::Greater;
                query.after.as_ref().is_none_or(after)
            })
            .collect();
        found.sort_by(|left, right| compare(&place(left), &place(right)));
        let limit = query.limit.map_or(usize::MAX, |limit| limit as usize);
        Ok(found.into_iter().skip(query.offset as usize).take(limit).collect())
    }

    pub(super) fn next_due(&self, filter: &ClaimFilter) -> Option<Timestamp> {
        self.actions
            .values()
            .filter(|row| row.is_free())
            .filter(|row| filter.lets_through(&row.action.hook, &row.action.group))
            .map(|row| row.action.scheduled_at)
            .min()
    }

    pub(super) fn hooks(&self) -> Vec<Hook> {
        self.hooks.iter().cloned().collect()
    }

    pub(super) fn groups(&self) -> Vec<Group> {
        self.groups.iter().cloned().collect()
    }

    pub(super) fn tally(&self, by: TallyBy) -> Vec<Tally> {
        let mut tallies: BTreeMap<&str, BTreeMap<Status, u64>> = BTreeMap::new();
        for Row { action, .. } in self.actions.values() {
            let name = match by {
                TallyBy::Hook => action.hook.as_str(),
                TallyBy::Group => action.group.as_str(),
            };
            *tallies.entry(name).or_default().entry(action.status).or_default() += 1;
        }
        let tally = |(name, counts): (&str, _)| Tally { name: name.to_owned(), counts };
        tallies.into_iter().map(tally).collect()
    }

    pub(super) fn stats(&self, now: Timestamp) -> Stats {
        let mut stats = Stats {
            counts: Status::ALL.iter().map(|status| (status.as_str(), 0)).collect(),
            past_due: 0,
            dates: BTreeMap::new(),
            claims: self.claims.len() as u64,
            runners: self.runners.len() as u64,
            chains: BTreeMap::new(),
        };
        for Row { action, .. } in self.actions.values() {
            let (status, date) = (action.status.as_str(), action.scheduled_at);
            *stats.counts.entry(status).or_default() += 1;
            stats.past_due += u64::from(action.is_past_due(now));
            let (oldest, newest) = stats.dates.entry(status).or_insert((date, date));
            (*oldest, *newest) = ((*oldest).min(date), (*newest).max(date));
        }
        for chain in self.chains.values() {
            *stats.chains.entry(chain.chain.state).or_default() += 1;
        }
        stats
    }

    // Changing.

    pub(super) fn cancel(
        &mut self,
        target: Target,
        reason: Option<&str>,
        context: &Context,
        now: Timestamp,
    ) -> Result<Vec<Change>> {
        let allowed = [Status::Pending, Status::InProgress];
        self.change_each(target, &allowed, |state, id| {
            state.cancel_one(id, reason.map(str::to_owned), context, now);
            state.end_chain_of(id);
        })
    }

    /// Cancels an action that is pending or in-progress; its claim stays on record.
    pub(super) fn cancel_one(
        &mut self,
        id: ActionId,
        reason: Option<String>,
        context: &Context,
        now: Timestamp,
    ) {
        let attempt = self.attempt_in_progress(id);
        let Some(row) = self.actions.get_mut(&id) else { return };
        row.action.status = Status::Canceled;
        row.action.finished_at = Some(now);
        self.log(id, Step::Canceled, reason, attempt, Some(context), now);
    }

    pub(super) fn delete(&mut self, target: Target) -> Result<Vec<Change>> {
        let allowed = [Status::Pending, Status::Complete, Status::Failed, Status::Canceled];
        self.change_each(target, &allowed, |state, id| {
            state.end_chain_of(id);
            state.delete_one(id);
        })
    }

    pub(super) fn delete_one(&mut self, id: ActionId) {
        self.actions.remove(&id);
        self.logs.remove(&id);
    }

    /// Does something to each action of a target whose status allows it.
    fn change_each(
        &mut self,
        target: Target,
        allowed: &[Status],
        mut change: impl FnMut(&mut Self, ActionId),
    ) -> Result<Vec<Change>> {
        let ids = match target {
            Target::Ids(ids) => ids,
            Target::Matching(mut query) => {
                // Passed over before the limit counts.
                query.statuses = allowed
                    .iter()
                    .filter(|status| query.statuses.is_empty() || query.statuses.contains(status))
                    .copied()
                    .collect();
                if query.statuses.is_empty() {
                    return Ok(Vec::new());
                }
                self.query(&query)?.into_iter().map(|action| action.id).collect()
            }
        };
        let one = |id: ActionId| match self.actions.get(&id).map(|row| row.action.status) {
            None => Change::Missing(id),
            Some(status) if !allowed.contains(&status) || self.is_held(id) => {
                Change::Refused(id, status)
            }
            Some(_) => {
                change(self, id);
                Change::Done(id)
            }
        };
        Ok(ids.into_iter().map(one).collect())
    }

    pub(super) fn requeue(
        &mut self,
        target: Target,
        to: Requeue,
        context: &Context,
        now: Timestamp,
    ) -> Result<Vec<Change>> {
        let ids = match target {
            Target::Ids(ids) => ids,
            Target::Matching(mut query) => {
                // Passed over before the limit counts.
                query.statuses = to
                    .allowed()
                    .iter()
                    .filter(|status| query.statuses.is_empty() || query.statuses.contains(status))
                    .copied()
                    .collect();
                if query.statuses.is_empty() {
                    return Ok(Vec::new());
                }
                let all = Query { limit: None, offset: 0, ..(*query).clone() };
                let limit = query.limit.map_or(usize::MAX, |limit| limit as usize);
                let found = self.query(&all)?.into_iter();
                let allowed = found.filter(|action| to == Requeue::Rerun || action.claim.is_none());
                allowed.skip(query.offset as usize).take(limit).map(|action| action.id).collect()
            }
        };
        Ok(ids.into_iter().map(|id| self.requeue_one(id, to, context, now)).collect())
    }

    fn requeue_one(
        &mut self,
        id: ActionId,
        to: Requeue,
        context: &Context,
        now: Timestamp,
    ) -> Change {
        let is_held = self.is_held(id);
        let Some(row) = self.actions.get_mut(&id) else { return Change::Missing(id) };
        let is_allowed = match to {
            Requeue::Rerun => row.action.status.is_finished() && !is_held,
            Requeue::RunNow | Requeue::At(_) => row.is_free(),
        };
        if !is_allowed {
            return Change::Refused(id, row.action.status);
        }
        let had = row.action.scheduled_at;
        let date = match to {
            Requeue::Rerun | Requeue::RunNow => now,
            Requeue::At(date) => date,
        };
        row.action.status = Status::Pending;
        row.move_to(date);
        row.action.finished_at = None;
        row.action.claim = None;
        row.timed_out = false;
        let step = match to {
            Requeue::Rerun => Step::Rerun,
            Requeue::RunNow | Requeue::At(_) => Step::Rescheduled,
        };
        if let Some(chain) = self.chain_headed_by(id) {
            match to {
                Requeue::Rerun => {}
                Requeue::RunNow if had > now => chain.owed = chain.owed.or(Some(had)),
                Requeue::RunNow => {}
                // Whoever sets a date of their own means the date of this instance.
                Requeue::At(_) => chain.owed = None,
            }
        }
        let message = (step == Step::Rescheduled).then(|| format!("from {had} to {date}"));
        self.log(id, step, message, None, Some(context), now);
        self.wakes += 1;
        Change::Done(id)
    }

    // Cleaning.

    pub(super) fn clean(&mut self, batch: &CleanBatch) -> Cleaned {
        let place = |action: &Action| (action.scheduled_at, action.id);
        let after = batch.after.map(|cursor| (cursor.scheduled_at, cursor.id));
        let mut all: Vec<&Action> = self
            .actions
            .values()
            .map(|row| &row.action)
            .filter(|action| batch.status.is_finished() && action.status == batch.status)
            .filter(|action| after.is_none_or(|after| place(action) > after))
            .filter(|action| action.scheduled_at < batch.before && !self.is_held(action.id))
            .collect();
        all.sort_by_key(|action| place(action));
        let seen: Vec<&Action> = all.iter().take(batch.limit as usize).copied().collect();
        let next = match seen.last() {
            Some(last) if all.len() > seen.len() => {
                Some(CleanCursor { scheduled_at: last.scheduled_at, id: last.id })
            }
            _ => None,
        };
        let is_in_scope = |hook: &Hook| match &batch.hooks {
            HookScope::Only(hooks) => hooks.contains(hook),
            HookScope::AllBut(hooks) => !hooks.contains(hook),
        };
        let old: Vec<ActionId> = seen
            .iter()
            .filter(|action| action.modified_at() < batch.before && is_in_scope(&action.hook))
            .map(|action| action.id)
            .collect();
        if batch.mode == CleanMode::Delete {
            old.iter().for_each(|id| self.delete_one(*id));
        }
        Cleaned { deleted: old.len() as u64, next }
    }
}

/// Whether an action that is live keeps a new one out.
fn stands_in_the_way(row: &Row, new: &NewAction) -> bool {
    let other = &row.action;
    let same_hook = other.hook == new.hook && other.group == new.group;
    match &new.unique {
        Unique::No => false,
        Unique::Args => same_hook && other.args == new.args,
        Unique::Hook => same_hook,
        Unique::Key(_) => row.unique == new.unique,
    }
}

/// Cuts a date to what stores keep.
pub(super) fn whole_micros(at: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(at.as_microsecond()).unwrap_or(at)
}
