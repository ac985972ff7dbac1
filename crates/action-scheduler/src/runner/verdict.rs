//! From how an attempt came out to what is stored of it, by the policy of its hook.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::plan::Plan;
use crate::action::{Attempt, ClaimId};
use crate::handler::{Failure, RetryAdvice};
use crate::log::{NewLogEntry, Step};
use crate::policy::{LogLevel, OnCrash};
use crate::store::{ClaimedAction, Finish, Outcome, Succession};

/// An attempt, as a verdict needs to know it.
pub(crate) struct Case<'a> {
    pub(crate) action: &'a ClaimedAction,
    pub(crate) claim: ClaimId,
    pub(crate) attempt: Attempt,
    pub(crate) plan: Arc<Plan>,
    /// When it came to its end.
    pub(crate) now: Timestamp,
    /// Whether it was marked as timed out before.
    pub(crate) timed_out: bool,
    /// What its handlers logged and is not stored yet.
    pub(crate) entries: Vec<NewLogEntry>,
}

/// What is stored, and why, for whoever listens.
pub(crate) struct Verdict {
    pub(crate) finish: Finish,
    pub(crate) reason: Option<String>,
}

impl Case<'_> {
    /// The handlers have come to their end.
    pub(crate) fn ended(self, result: Result<(), Failure>) -> Verdict {
        let Err(failure) = result else {
            let entry = NewLogEntry { at: None, step: Step::Complete, message: None };
            return self.verdict(Outcome::Complete, LogLevel::Full, entry, None);
        };
        // One that timed out is failed already, and stays so.
        if failure.retry == RetryAdvice::NotBegun && !self.timed_out {
            let entry = NewLogEntry::new(Step::Reset, failure.reason);
            return self.verdict(Outcome::NotCalled, LogLevel::Full, entry, None);
        }
        let wait = match failure.retry {
            _ if self.attempt.0 >= self.plan.policy.max_attempts => None,
            // The chain has gone on to its next instance when this one timed out.
            _ if self.timed_out && self.action.chain.is_some() => None,
            RetryAdvice::Never | RetryAdvice::NotBegun => None,
            RetryAdvice::After(wait) => Some(wait),
            RetryAdvice::Policy => Some(self.backoff()),
        };
        match wait {
            Some(wait) => self.retry(wait, failure.reason),
            None => self.failed(failure.reason),
        }
    }

    fn failed(self, reason: String) -> Verdict {
        let entry = NewLogEntry::new(Step::Failed, reason.clone());
        self.verdict(Outcome::Failed, LogLevel::Failures, entry, Some(reason))
    }

    fn retry(self, wait: Duration, reason: String) -> Verdict {
        let (at, message) = self.next_attempt(&reason, wait, self.plan.policy.max_attempts);
        let entry = NewLogEntry::new(Step::Retry, message);
        self.verdict(Outcome::Retry { at }, LogLevel::Failures, entry, Some(reason))
    }

    fn backoff(&self) -> Duration {
        self.plan.policy.backoff.after(self.attempt, rand::random())
    }

    /// When the next attempt of so many follows, and what is logged of that.
    fn next_attempt(&self, reason: &str, wait: Duration, most: u32) -> (Timestamp, String) {
        let at = self.now.checked_add(wait).unwrap_or(self.now);
        let (next, seconds) = (self.attempt.next(), wait.as_secs_f64());
        (at, format!("{reason} (attempt {next} of {most} follows in {seconds:.0} s)"))
    }

    /// It ran longer than its timeout. Another attempt, if any, waits until this one has ended.
    pub(crate) fn timed_out(self) -> Verdict {
        let seconds = self.plan.policy.timeout.as_secs_f64();
        let reason = format!(
            "it ran longer than {seconds} s; it becomes complete if its handler succeeds after all"
        );
        let entry = NewLogEntry::new(Step::TimedOut, reason.clone());
        self.verdict(Outcome::TimedOut, LogLevel::Failures, entry, Some(reason))
    }

    /// Its runner was told to stop after it was started and before its handlers were called.
    pub(crate) fn not_called(self) -> Verdict {
        let entry = NewLogEntry { at: None, step: Step::Reset, message: None };
        self.verdict(Outcome::NotCalled, LogLevel::Full, entry, None)
    }

    /// Its runner died, or was stopped before the handlers came to their end.
    pub(crate) fn crashed(self, reason: String) -> Verdict {
        let policy = &self.plan.policy;
        // Where a crash is to be survived, the first attempt alone would not do.
        let most = policy.max_attempts.max(CRASH_ATTEMPTS);
        let (outcome, message) = match policy.on_crash {
            OnCrash::Retry if self.attempt.0 < most => {
                let (at, message) = self.next_attempt(&reason, self.backoff(), most);
                (Outcome::CrashedRetry { at }, message)
            }
            OnCrash::Retry | OnCrash::Fail => (Outcome::Crashed, reason.clone()),
        };
        let entry = NewLogEntry::new(Step::Crashed, message);
        self.verdict(outcome, LogLevel::Failures, entry, Some(reason))
    }

    /// A chain whose schedule cannot be read fails its instance and stands still.
    pub(crate) fn unreadable_schedule(mut self, problem: &str) -> Verdict {
        let reason = format!("its schedule cannot be read: {problem}");
        let entry = NewLogEntry::new(Step::Failed, reason.clone());
        let succession = self.action.chain.as_ref().map(|chain| Succession {
            chain: chain.id,
            next: None,
            failure_threshold: Some(1),
        });
        self.entries.push(entry);
        Verdict { finish: self.finish(Outcome::Failed, succession), reason: Some(reason) }
    }

    fn verdict(
        mut self,
        outcome: Outcome,
        level: LogLevel,
        entry: NewLogEntry,
        reason: Option<String>,
    ) -> Verdict {
        let logged = match self.plan.policy.log {
            LogLevel::Full => true,
            LogLevel::Failures => level == LogLevel::Failures,
            LogLevel::None => false,
        };
        match logged {
            true => self.entries.push(entry),
            false => self.entries.clear(),
        }
        let succession = match outcome.status().is_finished() {
            true => self.succession(),
            false => None,
        };
        Verdict { finish: self.finish(outcome, succession), reason }
    }

    fn succession(&self) -> Option<Succession> {
        let chain = self.action.chain.as_ref()?;
        let recurring = chain.recurring.as_ref().ok()?;
        let owed = chain.owed.filter(|owed| *owed > self.now);
        Some(Succession {
            chain: chain.id,
            next: owed.or_else(|| recurring.next(self.action.scheduled_at, self.now)),
            failure_threshold: self.plan.policy.failure_threshold,
        })
    }

    fn finish(self, outcome: Outcome, succession: Option<Succession>) -> Finish {
        Finish {
            action: self.action.id,
            claim: self.claim,
            attempt: self.attempt,
            outcome,
            entries: self.entries,
            succession,
        }
    }
}

/// How often an action with `on_crash = "retry"` is tried at least when each attempt ends in a crash: enough for any
/// accident, and an end for an action that is itself what kills its runner.
const CRASH_ATTEMPTS: u32 = 20;
