//! Claims, the attempts made under them, and the runners that hold them.

use std::collections::BTreeSet;

use action_scheduler::action::{ActionId, ClaimId, RunnerId, Status};
use action_scheduler::log::Step;
use action_scheduler::store::{
    AttemptsOf, Claim, ClaimRequest, ClaimedAction, ClaimedChain, Claiming, ClaimsQuery,
    DeadRunner, Finish, Heartbeat, NewRunner, OpenAttempt, OpenClaim, Outcome, Pick, Recorded,
    Recovery, Runner, Start, Started, Stranded,
};
use action_scheduler::{Context, Schedule};
use jiff::Timestamp;

use super::state::{Holder, Row, State};

impl State {
    pub(super) fn claim(&mut self, request: &ClaimRequest, now: Timestamp) -> Claiming {
        if !self.runners.contains_key(&request.runner) {
            return Claiming::Nothing;
        }
        let waits = |claim: &ClaimId| {
            let is_of = |row: &Row| {
                row.action.claim == Some(*claim) && row.action.status == Status::Pending
            };
            self.actions.values().any(is_of)
        };
        let open = self.claims.keys().filter(|claim| waits(claim)).count();
        if request.open_claims.is_some_and(|cap| open >= cap as usize) {
            return Claiming::Full;
        }
        // The clock was set back: what was to run as soon as possible does not wait for it.
        for row in self.actions.values_mut().filter(|row| row.is_free()) {
            let action = &mut row.action;
            let at_once =
                action.schedule == Schedule::Async && action.scheduled_at == action.created_at;
            if at_once && action.scheduled_at > now {
                action.scheduled_at = now;
            }
        }
        let is_picked = |row: &Row| match &request.pick {
            Pick::Ids(ids) => ids.contains(&row.action.id),
            Pick::Due(filter) => {
                row.action.scheduled_at <= now
                    && filter.lets_through(&row.action.hook, &row.action.group)
            }
        };
        let mut picked: Vec<_> = self
            .actions
            .values()
            .filter(|row| row.is_free() && is_picked(row))
            .map(|Row { action, .. }| {
                (action.priority, action.attempts, action.scheduled_at, action.id)
            })
            .collect();
        picked.sort();
        picked.truncate(request.limit as usize);
        if picked.is_empty() {
            return Claiming::Nothing;
        }
        let Some(claim) = ClaimId::new(self.new_id()) else { return Claiming::Nothing };
        self.claims.insert(claim, Holder { runner: request.runner, claimed_at: now });
        for (.., id) in &picked {
            if let Some(row) = self.actions.get_mut(id) {
                row.action.claim = Some(claim);
            }
        }
        let actions = picked.iter().filter_map(|(.., id)| self.claimed_action(*id)).collect();
        Claiming::Claimed(Claim { id: claim, actions })
    }

    fn claimed_action(&self, id: ActionId) -> Option<ClaimedAction> {
        let action = &self.actions.get(&id)?.action;
        let chain = action.chain.and_then(|id| self.chains.get(&id)).map(|chain| ClaimedChain {
            id: chain.chain.id,
            recurring: Ok(chain.chain.recurring.clone().into()),
            owed: chain.owed.filter(|_| chain.chain.head == Some(action.id)),
        });
        Some(ClaimedAction {
            id,
            hook: action.hook.clone(),
            group: action.group.clone(),
            args: action.args.clone(),
            priority: action.priority,
            attempts: action.attempts,
            scheduled_at: action.scheduled_at,
            chain,
        })
    }

    pub(super) fn start(&mut self, start: Start, context: &Context, now: Timestamp) -> Started {
        let id = start.action;
        let Some(row) = self.actions.get_mut(&id) else { return Started::Ignored };
        let action = &mut row.action;
        if action.status != Status::Pending || action.claim != Some(start.claim) {
            let message = match action.status {
                Status::Pending => "it is not held by this claim".to_owned(),
                status => format!("it is {status}"),
            };
            self.log(id, Step::Ignored, Some(message), None, Some(context), now);
            return Started::Ignored;
        }
        action.status = Status::InProgress;
        action.attempts = action.attempts.next();
        action.started_at = Some(now);
        action.finished_at = None;
        let attempt = action.attempts;
        if start.log {
            self.log(id, Step::Started, None, Some(attempt), Some(context), now);
        }
        Started::Yes(attempt)
    }

    pub(super) fn finish(&mut self, finish: Finish, context: &Context, now: Timestamp) -> Recorded {
        let Finish { action: id, attempt, outcome, .. } = finish;
        let Some(row) = self.actions.get_mut(&id).filter(|row| is_its_own(row, &finish)) else {
            let message = format!("attempt {attempt} {}", in_words(outcome));
            let step = Step::LateResult;
            self.log(id, step, Some(message), Some(attempt), Some(context), now);
            return Recorded::Superseded;
        };
        let was_timed_out = std::mem::take(&mut row.timed_out);
        let action = &mut row.action;
        action.status = outcome.status();
        action.finished_at = outcome.status().is_finished().then_some(now);
        match outcome {
            Outcome::Complete | Outcome::Failed => {}
            Outcome::TimedOut => row.timed_out = true,
            Outcome::Crashed => action.claim = None,
            Outcome::NotCalled => {
                action.claim = None;
                action.attempts.0 = action.attempts.0.saturating_sub(1);
            }
            Outcome::Retry { at } | Outcome::CrashedRetry { at } => {
                action.claim = None;
                row.move_to(at);
            }
        }
        if outcome.status() == Status::Pending {
            self.wakes += 1;
        }
        let is_logged = !finish.entries.is_empty();
        for entry in finish.entries {
            let at = entry.at.unwrap_or(now);
            self.log(id, entry.step, entry.message, Some(attempt), Some(context), at);
        }
        let (mut next, mut paused) = (None, None);
        if let Some(succession) = finish.succession.filter(|_| outcome.status().is_finished()) {
            let end = super::chains::End { action: id, outcome, was_timed_out, is_logged };
            (next, paused) = self.continue_chain(succession, end, now);
            if paused.is_some() {
                let reason = self.reason_of(succession.chain);
                self.log(id, Step::Paused, reason, Some(attempt), Some(context), now);
            }
        }
        Recorded::Yes { next, paused }
    }

    /// Gives back what is claimed by one of these and has not been started.
    pub(super) fn release(
        &mut self,
        is_released: impl Fn(ClaimId) -> bool,
        context: &Context,
        now: Timestamp,
    ) -> u64 {
        let mut released = Vec::new();
        for Row { action, .. } in self.actions.values_mut() {
            if action.status == Status::Pending && action.claim.is_some_and(&is_released) {
                action.claim = None;
                released.push(action.id);
            }
        }
        for id in &released {
            self.log(*id, Step::Reset, None, None, Some(context), now);
        }
        self.wakes += u64::from(!released.is_empty());
        released.len() as u64
    }

    /// A claim is closed as soon as nothing it holds is waiting or in-progress.
    pub(super) fn drop_closed_claims(&mut self) {
        let live = self.actions.values().filter(|row| row.is_live());
        let open: BTreeSet<ClaimId> = live.filter_map(|row| row.action.claim).collect();
        self.claims.retain(|claim, _| open.contains(claim));
    }

    pub(super) fn open_claims(&self, query: ClaimsQuery) -> Vec<OpenClaim> {
        let count = |claim: ClaimId, status| {
            let held = self.actions.values().map(|row| &row.action);
            let held = held.filter(|one| one.claim == Some(claim) && one.status == status).count();
            u32::try_from(held).unwrap_or(u32::MAX)
        };
        let limit = query.limit.map_or(usize::MAX, |limit| limit as usize);
        let wanted = self
            .claims
            .iter()
            .filter(|(_, holder)| query.runner.is_none_or(|runner| runner == holder.runner));
        wanted
            .take(limit)
            .map(|(id, holder)| OpenClaim {
                id: *id,
                runner: Some(holder.runner),
                claimed_at: holder.claimed_at,
                waiting: count(*id, Status::Pending),
                in_progress: count(*id, Status::InProgress),
            })
            .collect()
    }

    // Runners.

    pub(super) fn register(&mut self, runner: NewRunner, now: Timestamp) -> RunnerId {
        let number = self.new_id();
        let Some(id) = RunnerId::new(number) else { unreachable!("ids are positive") };
        let runner = Runner {
            id,
            runner,
            started_at: now,
            heartbeat_at: now,
            beats: 0,
            claims: 0,
            in_progress: 0,
        };
        self.runners.insert(id, runner);
        id
    }

    pub(super) fn heartbeat(&mut self, id: RunnerId, now: Timestamp) -> bool {
        let Some(runner) = self.runners.get_mut(&id) else { return false };
        runner.beats += 1;
        runner.heartbeat_at = now;
        true
    }

    pub(super) fn unregister(&mut self, id: RunnerId, context: &Context, now: Timestamp) {
        let held = self.claims_where(|runner| runner == id);
        self.release(|claim| held.contains(&claim), context, now);
        self.runners.remove(&id);
    }

    pub(super) fn heartbeats(&self) -> Vec<Heartbeat> {
        let heartbeat = |runner: &Runner| {
            let NewRunner { name, process, lease, .. } = runner.runner.clone();
            Heartbeat { id: runner.id, name, process, lease, beats: runner.beats }
        };
        self.runners.values().map(heartbeat).collect()
    }

    pub(super) fn runners(&self) -> Vec<Runner> {
        let figures = |runner: &Runner| {
            let held = self.claims_where(|holder| holder == runner.id);
            let in_progress = self.in_progress(&held).count();
            Runner { claims: held.len() as u32, in_progress: in_progress as u32, ..runner.clone() }
        };
        self.runners.values().map(figures).collect()
    }

    pub(super) fn recover(
        &mut self,
        dead: &[DeadRunner],
        context: &Context,
        now: Timestamp,
    ) -> Recovery {
        let dead: BTreeSet<RunnerId> = dead
            .iter()
            .filter(|dead| self.runners.get(&dead.id).is_some_and(|now| now.beats == dead.beats))
            .map(|dead| dead.id)
            .collect();
        let lost = self
            .claims_where(|runner| dead.contains(&runner) || !self.runners.contains_key(&runner));
        let released = self.release(|claim| lost.contains(&claim), context, now);
        let mut stranded = Vec::new();
        for (id, claim) in self.in_progress(&lost) {
            let runner = self.claims.get(&claim).map(|holder| holder.runner);
            let runner = runner.filter(|runner| self.runners.contains_key(runner));
            let Some(action) = self.claimed_action(id) else { continue };
            stranded.push(Stranded { action, claim, runner });
        }
        let busy: BTreeSet<RunnerId> = stranded.iter().filter_map(|one| one.runner).collect();
        self.runners.retain(|id, _| !dead.contains(id) || busy.contains(id));
        Recovery { released, stranded }
    }

    pub(super) fn attempts(&self, of: &AttemptsOf) -> Vec<OpenAttempt> {
        let is_asked_for = |row: &Row, claim: ClaimId| match of {
            AttemptsOf::Runner(runner) => {
                row.action.status == Status::InProgress
                    && self.claims.get(&claim).map(|holder| holder.runner) == Some(*runner)
            }
            AttemptsOf::Actions(ids) => {
                let may_succeed = row.action.status == Status::Failed && row.timed_out;
                ids.contains(&row.action.id)
                    && (row.action.status == Status::InProgress || may_succeed)
            }
        };
        let open = self.actions.values().filter_map(|row| {
            let claim = row.action.claim.filter(|claim| is_asked_for(row, *claim))?;
            let runner = self.claims.get(&claim).map(|holder| holder.runner);
            Some(OpenAttempt {
                action: self.claimed_action(row.action.id)?,
                claim,
                runner: runner.filter(|runner| self.runners.contains_key(runner)),
                started_at: row.action.started_at?,
                timed_out: row.timed_out,
            })
        });
        open.collect()
    }

    fn claims_where(&self, is_wanted: impl Fn(RunnerId) -> bool) -> BTreeSet<ClaimId> {
        let wanted = self.claims.iter().filter(|(_, holder)| is_wanted(holder.runner));
        wanted.map(|(claim, _)| *claim).collect()
    }

    fn in_progress(&self, claims: &BTreeSet<ClaimId>) -> impl Iterator<Item = (ActionId, ClaimId)> {
        let running = self.actions.values().filter(|row| row.action.status == Status::InProgress);
        running
            .filter_map(|row| Some((row.action.id, row.action.claim?)))
            .filter(|(_, claim)| claims.contains(claim))
    }
}

/// Whether what is reported is about the attempt that the action is in, or was in when it was marked as timed out.
fn is_its_own(row: &Row, finish: &Finish) -> bool {
    let action = &row.action;
    let same_attempt = action.claim == Some(finish.claim) && action.attempts == finish.attempt;
    let outlived_its_timeout = action.status == Status::Failed
        && row.timed_out
        && matches!(finish.outcome, Outcome::Complete | Outcome::Retry { .. });
    same_attempt && (action.status == Status::InProgress || outlived_its_timeout)
}

fn in_words(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Complete => "complete",
        Outcome::Failed => "failed",
        Outcome::TimedOut => "timed out",
        Outcome::Retry { .. } => "failed, to be retried",
        Outcome::NotCalled => "not called",
        Outcome::Crashed => "crashed",
        Outcome::CrashedRetry { .. } => "crashed, to be retried",
    }
}
