//! Calls of a store's methods and their answers, as values, and what is learned from them.

use std::collections::BTreeMap;

use action_scheduler::action::{Action, ActionId, Attempt, ChainId, ClaimId, RunnerId};
use action_scheduler::log::{NewLogEntry, Step};
use action_scheduler::store::{
    ChainChange, ChainChanged, Change, ClaimFilter, ClaimRequest, Claiming, CleanBatch, CleanMode,
    Cleaned, DeadRunner, Finish, HookScope, Insert, NewRunner, Once, Outcome, Pick, Receipt,
    Recorded, Recovery, Requeue, Start, Started, Succession, Target,
};
use action_scheduler::{Context, Query, Result};
use jiff::{SignedDuration, Timestamp};
use std::time::Duration;

use super::kept::{KeptAnswer, KeptCall};
use super::ops::{self, FinishOp, Op, OutcomeOp, PickOp, Recent, TargetOp};
use crate::StoreUnderTest;

/// A call of one method.
#[derive(Debug, Clone)]
pub(super) enum Call {
    Insert(Vec<Insert>),
    InsertOnce(Receipt, Vec<Insert>),
    Register,
    Heartbeat(RunnerId),
    Unregister(RunnerId),
    Claim(ClaimRequest),
    Start(Vec<Start>),
    Finish(Vec<Finish>),
    Release(Vec<ClaimId>),
    /// With the beats they have now, or, stale, with others.
    Recover(Vec<RunnerId>, bool),
    Cancel(Target),
    Delete(Target),
    Requeue(Target, Requeue),
    ChangeChain(ChainId, ChainChange),
    Note(Vec<(ActionId, NewLogEntry)>),
    Advance(SignedDuration),
    Clean(CleanBatch),
    CleanOrphans,
    Look(Query),
    Kept(KeptCall),
}

/// Its answer.
#[derive(Debug, Clone)]
#[allow(dead_code, reason = "answers are compared as text")]
pub(super) enum Answer {
    Inserted(Vec<Option<ActionId>>),
    Once(Once),
    Registered(RunnerId),
    Alive(bool),
    Claiming(Claiming),
    Started(Vec<Started>),
    Recorded(Vec<Recorded>),
    Released(u64),
    Recovered(Recovery),
    Changes(Vec<Change>),
    Chain(ChainChanged),
    Cleaned(Cleaned),
    /// The page, what comes after its first row, and the count of all.
    Found(Vec<Action>, Vec<Action>, u64),
    Kept(KeptAnswer),
    Done,
}

pub(super) fn context() -> Context {
    Context::new("client")
}

impl Call {
    pub(super) async fn perform(self, store: &StoreUnderTest) -> Result<Answer> {
        let by = &context();
        Ok(match self {
            Call::Insert(inserts) => Answer::Inserted(store.insert(inserts).await?),
            Call::InsertOnce(receipt, inserts) => {
                Answer::Once(store.insert_once(receipt, inserts).await?)
            }
            Call::Register => {
                let lease = Duration::from_secs(60);
                let name = "host:1".to_owned();
                let runner =
                    NewRunner { name, process: None, context: context(), workers: 4, lease };
                Answer::Registered(store.register(runner).await?)
            }
            Call::Heartbeat(runner) => Answer::Alive(store.heartbeat(runner).await?),
            Call::Unregister(runner) => {
                store.unregister(runner, by).await?;
                Answer::Done
            }
            Call::Claim(request) => Answer::Claiming(store.claim(request).await?),
            Call::Start(starts) => Answer::Started(store.start(starts, by).await?),
            Call::Finish(finishes) => Answer::Recorded(store.finish(finishes, by).await?),
            Call::Release(claims) => Answer::Released(store.release(claims, by).await?),
            Call::Recover(ids, stale) => {
                let known = store.runners().await?;
                let beats = |id| known.iter().find(|known| known.id == id).map_or(0, |r| r.beats);
                let dead = |id| DeadRunner { id, beats: beats(id) + u64::from(stale) };
                let dead = ids.into_iter().map(dead).collect();
                let mut recovery = store.recover(dead, by).await?;
                recovery.stranded.sort_by_key(|one| one.action.id);
                Answer::Recovered(recovery)
            }
            Call::Cancel(target) => Answer::Changes(store.cancel(target, None, by).await?),
            Call::Delete(target) => Answer::Changes(store.delete(target).await?),
            Call::Requeue(target, to) => Answer::Changes(store.requeue(target, to, by).await?),
            Call::ChangeChain(id, change) => {
                Answer::Chain(store.change_chain(id, change, by).await?)
            }
            Call::Note(entries) => {
                store.append_log(entries, by).await?;
                Answer::Done
            }
            Call::Advance(by) => {
                store.clock().advance(by);
                Answer::Done
            }
            Call::Clean(batch) => Answer::Cleaned(store.clean(batch).await?),
            Call::CleanOrphans => {
                // How many there are is the store's own affair.
                while store.clean_orphans(3).await? > 0 {}
                Answer::Done
            }
            Call::Look(query) => {
                let page = store.query(query.clone()).await?;
                let after = page.first().map(|first| query.clone().after(query.cursor(first)));
                let rest = match after {
                    Some(after) => store.query(Query { offset: 0, ..after }).await?,
                    None => Vec::new(),
                };
                Answer::Found(page, rest, store.count(query).await?)
            }
            Call::Kept(call) => Answer::Kept(call.perform(store).await?),
        })
    }
}

/// What has been seen of a store: whatever can be spoken of.
#[derive(Debug, Default)]
pub(super) struct World {
    actions: Vec<ActionId>,
    runners: Vec<RunnerId>,
    claims: Vec<ClaimId>,
    chains: Vec<ChainId>,
    held: Vec<(ActionId, ClaimId)>,
    attempts: Vec<(ActionId, ClaimId, Attempt)>,
    chain_of: BTreeMap<ActionId, ChainId>,
}

fn one<T: Copy>(all: &[T], recent: Recent) -> Option<T> {
    all.len().checked_sub(1).map(|last| all[last - recent % all.len().min(8)])
}

/// Those named, each once.
fn several<T: Copy + PartialEq>(all: &[T], recent: &[Recent]) -> Vec<T> {
    let mut some = Vec::new();
    for one in recent.iter().filter_map(|recent| one(all, *recent)) {
        if !some.contains(&one) {
            some.push(one);
        }
    }
    some
}

/// Those about different actions: in which order two reports of one call on one action are logged does not matter.
fn once_each<T>(all: impl Iterator<Item = T>, action: impl Fn(&T) -> ActionId) -> Vec<T> {
    let mut seen = Vec::new();
    let is_new = |one: &T| {
        let id = action(one);
        let is_new = !seen.contains(&id);
        seen.push(id);
        is_new
    };
    all.filter(is_new).collect()
}

impl World {
    pub(super) fn actions(&self) -> &[ActionId] {
        &self.actions
    }

    /// What an [`Op`] means here; `None` if there is nothing yet that it could be about.
    pub(super) fn plan(&self, op: &Op, now: Timestamp) -> Option<Call> {
        let actions = |recent: &[Recent]| several(&self.actions, recent);
        let target = |target: &TargetOp| match target {
            TargetOp::Ids(recent) => Target::Ids(actions(recent)),
            TargetOp::Matching(query) => Target::Matching(Box::new(query.query(now))),
        };
        let inserts = |inserts: &[ops::InsertOp]| -> Vec<Insert> {
            let insert =
                |one: &ops::InsertOp| Insert { action: one.action(now), log_created: one.log };
            inserts.iter().map(insert).collect()
        };
        Some(match op {
            Op::Insert(all) => Call::Insert(inserts(all)),
            Op::InsertOnce { key, digest, keep, inserts: all } => {
                let receipt = Receipt {
                    key: format!("request-{key}"),
                    digest: [*digest; 32],
                    keep_until: ops::after(now, *keep),
                };
                Call::InsertOnce(receipt, inserts(all))
            }
            Op::Register => Call::Register,
            Op::Heartbeat(runner) => Call::Heartbeat(one(&self.runners, *runner)?),
            Op::Unregister(runner) => Call::Unregister(one(&self.runners, *runner)?),
            Op::Claim { runner, limit, pick, open_claims } => Call::Claim(ClaimRequest {
                runner: one(&self.runners, *runner)?,
                limit: *limit,
                pick: match pick {
                    PickOp::Ids(recent) => Pick::Ids(actions(recent)),
                    PickOp::Due { hook, group, exclude, exclude_hook } => Pick::Due(ClaimFilter {
                        hooks: hook.map(ops::hook).into_iter().collect(),
                        group: group.map(ops::group),
                        exclude_groups: exclude.map(ops::group).into_iter().collect(),
                        exclude_hooks: exclude_hook.map(ops::hook_pattern).into_iter().collect(),
                    }),
                },
                open_claims: *open_claims,
            }),
            Op::Start { held, log, mix_up } => {
                let other = one(&self.claims, 0)?;
                let start = |(action, claim)| Start {
                    action,
                    claim: if *mix_up { other } else { claim },
                    log: *log,
                };
                Call::Start(once_each(several(&self.held, held).into_iter().map(start), |start| {
                    start.action
                }))
            }
            Op::Finish(finishes) => {
                let finishes = finishes.iter().filter_map(|finish| self.finish(finish, now));
                Call::Finish(once_each(finishes, |finish| finish.action))
            }
            Op::Release(claims) => Call::Release(several(&self.claims, claims)),
            Op::Recover { runners, stale } => {
                Call::Recover(several(&self.runners, runners), *stale)
            }
            Op::Cancel(of) => Call::Cancel(target(of)),
            Op::Delete(of) => Call::Delete(target(of)),
            Op::Rerun(of) => Call::Requeue(target(of), Requeue::Rerun),
            Op::RunNow(of) => Call::Requeue(target(of), Requeue::RunNow),
            Op::MoveTo(of, date) => Call::Requeue(target(of), Requeue::At(ops::after(now, *date))),
            Op::Pause(chain) => {
                let reason = "by hand".to_owned();
                Call::ChangeChain(one(&self.chains, *chain)?, ChainChange::Pause { reason })
            }
            Op::Resume(chain, date) => {
                let next = ops::after(now, *date);
                Call::ChangeChain(one(&self.chains, *chain)?, ChainChange::Resume { next })
            }
            Op::Reschedule(chain, date) => {
                let next = ops::after(now, *date);
                let recurring = Box::new(ops::other_schedule(next));
                let change = ChainChange::Reschedule { recurring, next };
                Call::ChangeChain(one(&self.chains, *chain)?, change)
            }
            Op::Note(ids) => {
                let note = |id| (id, NewLogEntry::new(Step::Note, "a note"));
                Call::Note(actions(ids).into_iter().map(note).collect())
            }
            Op::Advance(seconds) => Call::Advance(SignedDuration::from_secs(*seconds)),
            Op::Clean { status, age, hook, limit, dry } => Call::Clean(CleanBatch {
                status: *status,
                before: ops::after(now, -age),
                hooks: match hook {
                    Some(hook) => HookScope::Only(vec![ops::hook(*hook)]),
                    None => HookScope::AllBut(Vec::new()),
                },
                limit: *limit,
                after: None,
                mode: if *dry { CleanMode::DryRun } else { CleanMode::Delete },
            }),
            Op::CleanOrphans => Call::CleanOrphans,
            Op::Look(query) => Call::Look(query.query(now)),
            Op::Kept(op) => Call::Kept(op.plan(now)),
        })
    }

    fn finish(&self, op: &FinishOp, now: Timestamp) -> Option<Finish> {
        let (action, claim, attempt) = one(&self.attempts, op.attempt)?;
        let (outcome, step) = match op.outcome {
            OutcomeOp::Complete => (Outcome::Complete, Step::Complete),
            OutcomeOp::Failed => (Outcome::Failed, Step::Failed),
            OutcomeOp::TimedOut => (Outcome::TimedOut, Step::TimedOut),
            OutcomeOp::Retry(date) => (Outcome::Retry { at: ops::after(now, date) }, Step::Retry),
            OutcomeOp::NotCalled => (Outcome::NotCalled, Step::Output),
            OutcomeOp::Crashed => (Outcome::Crashed, Step::Crashed),
            OutcomeOp::CrashedRetry(date) => {
                (Outcome::CrashedRetry { at: ops::after(now, date) }, Step::Crashed)
            }
        };
        let succession = op.succession.zip(self.chain_of.get(&action));
        Some(Finish {
            action,
            claim,
            attempt: if op.wrong { attempt.next() } else { attempt },
            outcome,
            entries: match op.log {
                true => vec![NewLogEntry::new(step, outcome.status().as_str())],
                false => Vec::new(),
            },
            succession: succession.map(|(succession, chain)| Succession {
                chain: *chain,
                next: succession.next.map(|date| ops::after(now, date)),
                failure_threshold: succession.threshold,
            }),
        })
    }

    pub(super) fn learn(&mut self, call: &Call, answer: &Answer) {
        match (call, answer) {
            (_, Answer::Inserted(ids) | Answer::Once(Once::New(ids))) => {
                self.actions.extend(ids.iter().flatten());
            }
            (_, Answer::Registered(runner)) => self.runners.push(*runner),
            (_, Answer::Claiming(Claiming::Claimed(claim))) => {
                self.claims.push(claim.id);
                self.held.extend(claim.actions.iter().map(|action| (action.id, claim.id)));
            }
            (Call::Start(starts), Answer::Started(started)) => {
                for (start, started) in starts.iter().zip(started) {
                    if let Started::Yes(attempt) = started {
                        self.attempts.push((start.action, start.claim, *attempt));
                    }
                }
            }
            (_, Answer::Recorded(recorded)) => {
                for one in recorded {
                    if let Recorded::Yes { next: Some(next), .. } = one {
                        self.actions.push(*next);
                    }
                }
            }
            (_, Answer::Recovered(recovery)) => {
                let attempts = recovery.stranded.iter();
                let attempts = attempts.map(|o| (o.action.id, o.claim, o.action.attempts));
                self.attempts.extend(attempts);
            }
            (_, Answer::Chain(ChainChanged::Done(Some(next)))) if !self.actions.contains(next) => {
                self.actions.push(*next);
            }
            _ => {}
        }
    }

    /// Takes note of which chain each action belongs to.
    pub(super) fn see(&mut self, actions: &[Action]) {
        for action in actions {
            let Some(chain) = action.chain else { continue };
            self.chain_of.insert(action.id, chain);
            if !self.chains.contains(&chain) {
                self.chains.push(chain);
            }
        }
    }
}
