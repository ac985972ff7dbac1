//! Telling those who listen what became of an attempt.

use std::time::Duration;

use super::verdict::Verdict;
use crate::action::RunnerId;
use crate::observer::{Ending, Event};
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
    if answer == Recorded::Superseded {
        tracing::warn!(action = %id, %attempt, "a result came too late: the attempt was no longer in charge");
        // One that timed out goes on: it is over when its handlers are.
        if verdict.finish.outcome != Outcome::TimedOut {
            tell_over(scheduler, action, verdict, ran, Ending::Superseded);
        }
        observers.tell_with(|| Event::Superseded { action: id, hook: hook(), attempt });
        return;
    }
    if let Some(ending) = ending(verdict.finish.outcome) {
        tell_over(scheduler, action, verdict, ran, ending);
    }
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
    tell_of_chain(scheduler, action, verdict, answer);
}

/// Tells of an attempt that failed after it had been marked as timed out: nothing follows from that any more.
pub(crate) fn tell_late_failure(
    scheduler: &Scheduler,
    action: &ClaimedAction,
    verdict: &Verdict,
    ran: Duration,
) {
    tell_over(scheduler, action, verdict, ran, Ending::TimedOut);
}

/// Tells of an attempt that was found without its runner, once the store has answered.
pub(crate) fn tell_crashed(
    scheduler: &Scheduler,
    action: &ClaimedAction,
    runner: Option<RunnerId>,
    verdict: &Verdict,
    answer: Recorded,
) {
    tell_over(scheduler, action, verdict, Duration::ZERO, Ending::Crashed);
    let hook = || action.hook.clone();
    let observers = scheduler.observers();
    observers.tell_with(|| Event::Crashed { action: action.id, hook: hook(), runner });
    tell_of_chain(scheduler, action, verdict, answer);
}

/// How an attempt came out of which this is stored, if it is over.
fn ending(outcome: Outcome) -> Option<Ending> {
    match outcome {
        Outcome::Complete => Some(Ending::Complete),
        Outcome::Failed => Some(Ending::Failed),
        Outcome::Retry { .. } => Some(Ending::Retried),
        Outcome::Crashed | Outcome::CrashedRetry { .. } => Some(Ending::Crashed),
        Outcome::TimedOut | Outcome::NotCalled => None,
    }
}

fn tell_over(
    scheduler: &Scheduler,
    action: &ClaimedAction,
    verdict: &Verdict,
    ran: Duration,
    ending: Ending,
) {
    scheduler.observers().tell_with(|| Event::Attempted {
        action: action.id,
        hook: action.hook.clone(),
        group: action.group.clone(),
        attempt: verdict.finish.attempt,
        scheduled_at: action.scheduled_at,
        ending,
        reason: verdict.reason.clone(),
        ran,
    });
}

/// Tells of what became of the chain of an action.
fn tell_of_chain(
    scheduler: &Scheduler,
    action: &ClaimedAction,
    verdict: &Verdict,
    answer: Recorded,
) {
    let Recorded::Yes { next, paused } = answer else { return };
    let observers = scheduler.observers();
    if let (Some(next), Some(succession)) = (next, &verdict.finish.succession) {
        observers.tell_with(|| Event::NextScheduled {
            chain: succession.chain,
            action: next,
            hook: action.hook.clone(),
            group: action.group.clone(),
            after: (action.id, verdict.finish.attempt),
        });
    }
    if let Some(chain) = paused {
        tracing::warn!(%chain, hook = %action.hook, "a chain was paused after failures in a row");
        observers.tell_with(|| Event::ChainPaused { chain, hook: action.hook.clone() });
    }
}
