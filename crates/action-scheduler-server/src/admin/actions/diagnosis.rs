//! Why a pending action has not run yet. What is known of it goes in, the reasons come out, the decisive one first.

use action_scheduler::store::{Chain, ChainState, ClaimFilter, OpenClaim, Runner};
use action_scheduler::{Action, ClaimId, Policy, Status};
use jiff::Timestamp;

/// All that is known about a pending action.
pub(super) struct Case<'a> {
    /// The action.
    pub(super) action: &'a Action,
    /// The moment of the question.
    pub(super) now: Timestamp,
    /// The policy of its hook.
    pub(super) policy: &'a Policy,
    /// The runners that are known.
    pub(super) runners: &'a [Runner],
    /// The claims that hold something.
    pub(super) claims: &'a [OpenClaim],
    /// How many are due and come before it.
    pub(super) before: u64,
    /// Its chain, if it recurs.
    pub(super) chain: Option<&'a Chain>,
    /// How this process works on actions.
    pub(super) here: Here<'a>,
}

/// How this process works on actions.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Here<'a> {
    /// What its runner takes; none where it has no runner, or that is not known.
    pub(super) filter: Option<&'a ClaimFilter>,
    /// How many claims may have something left to start at once.
    pub(super) concurrent_batches: Option<u32>,
    /// Whether anything is bound to the hook.
    pub(super) has_handler: bool,
    /// Whether the hook is left to remote workers.
    pub(super) is_remote: bool,
}

/// Why an action has not run yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reason {
    /// Its date is to come.
    NotDue {
        /// Its date.
        at: Timestamp,
    },
    /// It failed, and its next attempt is to come.
    Retry {
        /// The attempt that is to come.
        attempt: u32,
        /// How many there are at most.
        of: u32,
        /// Its date.
        at: Timestamp,
    },
    /// A claim holds it: it starts when a worker of its runner is free.
    Claimed {
        /// The claim.
        claim: ClaimId,
        /// Who staked it, where that is known.
        holder: Option<Holder>,
        /// Since when, where that is known.
        since: Option<Timestamp>,
        /// How many wait in the same claim.
        waiting: u32,
    },
    /// No runner is known at all.
    NoRunner,
    /// All runners have been silent for longer than their lease.
    RunnersSilent {
        /// How many.
        count: usize,
        /// The latest sign of life of any.
        since: Timestamp,
    },
    /// The runner of this server does not take it, and no other is known.
    FilteredOut,
    /// As many claims are open as may be.
    BatchesFull {
        /// How many are open.
        open: u32,
        /// How many may be.
        most: u32,
    },
    /// Others are due before it.
    Behind {
        /// How many.
        before: u64,
    },
    /// It is left to remote workers.
    ForRemoteWorkers,
    /// Nothing is bound to its hook here: it will fail when it is run here.
    NoHandler,
    /// Its chain does not go on.
    ChainStands {
        /// Paused or ended.
        state: ChainState,
        /// Why.
        reason: Option<String>,
    },
    /// It is due, and next in line.
    NextInLine,
}

/// Who holds a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Holder {
    /// Its name.
    pub(super) name: String,
    /// Whether it gave a sign of life within its lease.
    pub(super) is_alive: bool,
    /// Its latest sign of life.
    pub(super) seen: Timestamp,
}

impl Reason {
    /// Whether someone has to do something, or it goes on by itself.
    pub(super) fn needs_help(&self) -> bool {
        match self {
            Reason::NotDue { .. }
            | Reason::Retry { .. }
            | Reason::BatchesFull { .. }
            | Reason::Behind { .. }
            | Reason::ForRemoteWorkers
            | Reason::NextInLine => false,
            Reason::Claimed { holder, .. } => {
                holder.as_ref().is_some_and(|holder| !holder.is_alive)
            }
            Reason::NoRunner
            | Reason::RunnersSilent { .. }
            | Reason::FilteredOut
            | Reason::NoHandler
            | Reason::ChainStands { .. } => true,
        }
    }
}

/// The reasons why a pending action has not run yet, the decisive one first. None for one that is not pending.
pub(super) fn reasons(case: &Case<'_>) -> Vec<Reason> {
    if case.action.status != Status::Pending {
        return Vec::new();
    }
    let mut reasons: Vec<Reason> = chain(case).into_iter().collect();
    if case.action.scheduled_at > case.now {
        reasons.push(not_due(case));
    } else if let Some(claimed) = claimed(case) {
        reasons.push(claimed);
    } else {
        reasons.extend(unclaimed(case));
    }
    reasons.extend(handler(case));
    reasons
}

fn chain(case: &Case<'_>) -> Option<Reason> {
    let chain = case.chain.filter(|chain| chain.state != ChainState::Active)?;
    Some(Reason::ChainStands { state: chain.state, reason: chain.reason.clone() })
}

fn not_due(case: &Case<'_>) -> Reason {
    let (at, attempts) = (case.action.scheduled_at, case.action.attempts);
    match attempts.0 {
        0 => Reason::NotDue { at },
        _ => Reason::Retry {
            attempt: attempts.next().0,
            of: case.policy.max_attempts.max(attempts.next().0),
            at,
        },
    }
}

fn claimed(case: &Case<'_>) -> Option<Reason> {
    let id = case.action.claim?;
    let open = case.claims.iter().find(|open| open.id == id)?;
    let runner = open.runner.and_then(|id| case.runners.iter().find(|runner| runner.id == id));
    Some(Reason::Claimed {
        claim: id,
        holder: runner.map(|runner| Holder {
            name: runner.runner.name.clone(),
            is_alive: is_alive(runner, case.now),
            seen: runner.heartbeat_at,
        }),
        since: Some(open.claimed_at),
        waiting: open.waiting,
    })
}

fn unclaimed(case: &Case<'_>) -> Vec<Reason> {
    if case.here.is_remote {
        return Vec::new();
    }
    let Some(latest) = case.runners.iter().map(|runner| runner.heartbeat_at).max() else {
        return vec![Reason::NoRunner];
    };
    if !case.runners.iter().any(|runner| is_alive(runner, case.now)) {
        return vec![Reason::RunnersSilent { count: case.runners.len(), since: latest }];
    }
    let takes = |filter: &ClaimFilter| filter.lets_through(&case.action.hook, &case.action.group);
    if case.runners.len() == 1 && case.here.filter.is_some_and(|filter| !takes(filter)) {
        return vec![Reason::FilteredOut];
    }
    let mut reasons = Vec::new();
    let open = case.claims.iter().filter(|claim| claim.waiting > 0).count();
    let open = u32::try_from(open).unwrap_or(u32::MAX);
    if let Some(most) = case.here.concurrent_batches.filter(|most| open >= *most) {
        reasons.push(Reason::BatchesFull { open, most });
    }
    if case.before > 0 {
        reasons.push(Reason::Behind { before: case.before });
    }
    if reasons.is_empty() {
        reasons.push(Reason::NextInLine);
    }
    reasons
}

fn handler(case: &Case<'_>) -> Option<Reason> {
    match (case.here.is_remote, case.here.has_handler) {
        (true, _) if case.action.scheduled_at <= case.now && case.action.claim.is_none() => {
            Some(Reason::ForRemoteWorkers)
        }
        (true, _) | (false, true) => None,
        (false, false) => Some(Reason::NoHandler),
    }
}

/// Whether a runner gave a sign of life within its lease.
pub(in crate::admin) fn is_alive(runner: &Runner, now: Timestamp) -> bool {
    let silent = now.duration_since(runner.heartbeat_at);
    std::time::Duration::try_from(silent).is_ok_and(|silent| silent <= runner.runner.lease)
        || silent.is_negative()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use action_scheduler::store::NewRunner;
    use action_scheduler::{ActionId, Args, Attempt, Context, Group, Hook, RunnerId, Schedule};

    use super::*;

    fn now() -> Timestamp {
        "2026-01-15T12:00:00Z".parse().unwrap()
    }

    fn minutes(count: i64) -> Timestamp {
        now() + jiff::SignedDuration::from_mins(count)
    }

    fn action(scheduled_at: Timestamp) -> Action {
        Action {
            id: ActionId::new(7).unwrap(),
            hook: Hook::new("send_invoice").unwrap(),
            args: Args::none(),
            group: Group::default(),
            status: Status::Pending,
            priority: Default::default(),
            schedule: Schedule::Single(scheduled_at),
            scheduled_at,
            attempts: Attempt(0),
            created_at: minutes(-60),
            started_at: None,
            finished_at: None,
            claim: None,
            chain: None,
            log_entries: 1,
        }
    }

    fn runner(heartbeat_at: Timestamp) -> Runner {
        Runner {
            id: RunnerId::new(1).unwrap(),
            runner: NewRunner {
                name: "shop:42".into(),
                process: None,
                context: Context::new("serve"),
                workers: 10,
                lease: Duration::from_secs(15),
            },
            started_at: minutes(-30),
            heartbeat_at,
            beats: 1,
            claims: 0,
            in_progress: 0,
        }
    }

    fn claim(number: i64, waiting: u32) -> OpenClaim {
        OpenClaim {
            id: ClaimId::new(number).unwrap(),
            runner: RunnerId::new(1),
            claimed_at: minutes(-1),
            waiting,
            in_progress: 1,
        }
    }

    const HERE: Here<'static> =
        Here { filter: None, concurrent_batches: Some(2), has_handler: true, is_remote: false };

    fn of<'a>(action: &'a Action, policy: &'a Policy) -> Case<'a> {
        Case {
            action,
            now: now(),
            policy,
            runners: &[],
            claims: &[],
            before: 0,
            chain: None,
            here: HERE,
        }
    }

    #[test]
    fn a_date_to_come_is_the_reason_whatever_else() {
        let (action, policy) = (action(minutes(5)), Policy::default());
        assert_eq!(reasons(&of(&action, &policy)), [Reason::NotDue { at: minutes(5) }]);
    }

    #[test]
    fn an_attempt_to_come_is_a_retry() {
        let policy = Policy { max_attempts: 5, ..Policy::default() };
        let action = Action { attempts: Attempt(2), ..action(minutes(5)) };
        let expected = Reason::Retry { attempt: 3, of: 5, at: minutes(5) };
        assert_eq!(reasons(&of(&action, &policy)), [expected]);
    }

    #[test]
    fn without_a_runner_nothing_runs() {
        let (action, policy) = (action(minutes(-5)), Policy::default());
        let case = of(&action, &policy);
        assert_eq!(reasons(&case), [Reason::NoRunner]);
        let silent = [runner(minutes(-3))];
        let case = Case { runners: &silent, ..case };
        assert_eq!(reasons(&case), [Reason::RunnersSilent { count: 1, since: minutes(-3) }]);
        assert!(reasons(&case)[0].needs_help());
    }

    #[test]
    fn a_runner_of_another_group_does_not_take_it() {
        let (action, policy) = (action(minutes(-5)), Policy::default());
        let other =
            ClaimFilter { group: Some(Group::new("billing").unwrap()), ..Default::default() };
        let runners = [runner(now())];
        let here = Here { filter: Some(&other), ..HERE };
        let case = Case { runners: &runners, here, ..of(&action, &policy) };
        assert_eq!(reasons(&case), [Reason::FilteredOut]);
        // With a second runner, whose filter nobody knows here, it may be taken.
        let runners = [runner(now()), runner(now())];
        assert_eq!(reasons(&Case { runners: &runners, ..case }), [Reason::NextInLine]);
    }

    #[test]
    fn full_batches_and_those_before_it_are_told_together() {
        let (action, policy) = (action(minutes(-5)), Policy::default());
        let (runners, claims) = ([runner(now())], [claim(1, 3), claim(2, 1), claim(3, 0)]);
        let case = Case { runners: &runners, claims: &claims, before: 40, ..of(&action, &policy) };
        let expected = [Reason::BatchesFull { open: 2, most: 2 }, Reason::Behind { before: 40 }];
        assert_eq!(reasons(&case), expected);
    }

    #[test]
    fn a_claim_of_a_silent_runner_needs_help() {
        let policy = Policy::default();
        let action = Action { claim: ClaimId::new(2), ..action(minutes(-5)) };
        let claims = [claim(1, 3), claim(2, 4)];
        for (seen, is_alive) in [(now(), true), (minutes(-9), false)] {
            let runners = [runner(seen)];
            let case = Case { runners: &runners, claims: &claims, ..of(&action, &policy) };
            let found = reasons(&case);
            assert_eq!(
                found,
                [Reason::Claimed {
                    claim: ClaimId::new(2).unwrap(),
                    holder: Some(Holder { name: "shop:42".into(), is_alive, seen }),
                    since: Some(minutes(-1)),
                    waiting: 4,
                }]
            );
            assert_eq!(found[0].needs_help(), !is_alive);
        }
    }

    #[test]
    fn nothing_bound_to_the_hook_is_told_before_it_fails() {
        let (action, policy) = (action(minutes(5)), Policy::default());
        let here = Here { has_handler: false, ..HERE };
        let case = Case { here, ..of(&action, &policy) };
        assert_eq!(reasons(&case), [Reason::NotDue { at: minutes(5) }, Reason::NoHandler]);
    }

    #[test]
    fn what_is_left_to_remote_workers_waits_for_them() {
        let (action, policy) = (action(minutes(-5)), Policy::default());
        let here = Here { has_handler: false, is_remote: true, ..HERE };
        assert_eq!(reasons(&Case { here, ..of(&action, &policy) }), [Reason::ForRemoteWorkers]);
    }

    #[test]
    fn what_is_not_pending_has_no_reason_to_wait() {
        let policy = Policy::default();
        let action = Action { status: Status::Complete, ..action(minutes(-5)) };
        assert_eq!(reasons(&of(&action, &policy)), []);
    }
}
