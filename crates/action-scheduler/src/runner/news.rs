//! Telling those who listen what became of an attempt.

use std::time::Duration;

use super::verdict::Verdict;
use crate::observer::Event;
use crate::scheduler::Scheduler;
use crate::store::{ClaimedAction, Outcome, Recorded};

/// Tells of a result that the store has answered. `ran` is how long the attempt took.
pub(crate) fn tell(
    scheduler: &Scheduler,
    action: &ClaimedAction,
    verdict: &Verdict,
    ran: Duration,
    answer: Recorded,
) {
    let observers = scheduler.observers();
    let (id, hook, attempt) = (action.id, || action.hook.clone(), verdict.finish.attempt);
    let reason = || verdict.reason.clone().unwrap_or_default();
    let Recorded::Yes { next, paused } = answer else {
        tracing::warn!(action = %id, %attempt, "a result came too late: the attempt was no longer in charge");
        observers.tell_with(|| Event::Superseded { action: id, hook: hook(), attempt });
        return;
    };
    match verdict.finish.outcome {
        Outcome::Complete => {
            observers.tell_with(|| Event::Completed { action: id, hook: hook(), attempt, ran });
        }
        Outcome::Failed | Outcome::Crashed => observers.tell_with(|| Event::Failed {
            action: id,
            hook: hook(),
            attempt,
            reason: reason(),
            ran,
        }),
        Outcome::TimedOut => {
            observers.tell_with(|| Event::TimedOut { action: id, hook: hook(), attempt, ran });
        }
        Outcome::Retry { .. } | Outcome::CrashedRetry { .. } => {
            observers.tell_with(|| Event::Retrying {
                action: id,
                hook: hook(),
                attempt,
                reason: reason(),
                ran,
            });
        }
        Outcome::NotCalled => {}
    }
    if let (Some(next), Some(succession)) = (next, &verdict.finish.succession) {
        observers.tell_with(|| Event::NextScheduled { chain: succession.chain, action: next });
    }
    if let Some(chain) = paused {
        tracing::warn!(%chain, hook = %action.hook, "a chain was paused after failures in a row");
        observers.tell_with(|| Event::ChainPaused { chain, hook: hook() });
    }
}
