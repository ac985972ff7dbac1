//! What remote workers send and are given, as JSON.

use std::time::Duration;

use action_scheduler::remote::{Accepted, Assignment, Lost, Report, Ticket, WorkResult};
use action_scheduler::{ActionId, Args, Attempt, ClaimId, Failure, Group, Hook};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::api::shapes::args_schema;

/// A worker that makes itself known.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SentWorker {
    /// Its name, as the log shows it after `remote: `.
    #[schema(min_length = 1, max_length = 80)]
    pub(super) name: String,
    /// Without a sign of life for so many seconds it is taken for dead: 30 unless set.
    #[schema(minimum = 5, maximum = 3600)]
    pub(super) lease: Option<u32>,
    /// How many actions it runs at once, for people to read: 1 unless set.
    #[schema(minimum = 1, maximum = 100_000)]
    pub(super) slots: Option<u32>,
}

/// A worker that is known.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Registered {
    /// Its id: all else is asked at `/workers/{id}`.
    pub(super) id: i64,
    /// Its lease, in seconds. Whatever it asks is a sign of life; one that asks for nothing for a while sends heartbeats,
    /// three or more in a lease.
    pub(super) lease: u64,
}

/// What a worker asks for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SentAsk {
    /// The hooks it serves; each must be left to remote workers by the config.
    #[schema(value_type = Vec<String>, min_items = 1, max_items = 1000)]
    pub(super) hooks: Vec<Hook>,
    /// Only of this group.
    #[schema(value_type = Option<String>)]
    pub(super) group: Option<Group>,
    /// Of none of these groups; does not count with `group`.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    pub(super) exclude_groups: Vec<Group>,
    /// How many actions at most: 1 unless set.
    #[schema(minimum = 1, maximum = 1000)]
    pub(super) limit: Option<u32>,
    /// If nothing is due, the answer waits so many seconds for something, or as long as a request may take, if that is less: 0
    /// unless set.
    #[schema(minimum = 0, maximum = 60)]
    pub(super) wait: Option<u32>,
}

/// Actions to be done.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Work {
    /// The actions, in the order in which they are to be done; none, if nothing was due.
    pub(super) work: Vec<WorkItem>,
}

/// An action to be done. It is in-progress; action, claim and attempt together name it in all that is said of it later.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct WorkItem {
    /// The action.
    pub(super) action: i64,
    /// The claim it is held by.
    pub(super) claim: i64,
    /// Which attempt this is, from 1.
    pub(super) attempt: u32,
    /// What is to happen.
    #[schema(value_type = String)]
    pub(super) hook: Hook,
    #[schema(schema_with = args_schema)]
    pub(super) args: Args,
    /// The group it belongs to; the default group is the empty text.
    #[schema(value_type = String)]
    pub(super) group: Group,
    /// When it was due.
    pub(super) scheduled_at: Timestamp,
    /// When it will be marked as timed out. If it succeeds after all, it becomes complete.
    pub(super) deadline: Timestamp,
    /// When it is given up: what is reported later does not count.
    pub(super) kill_at: Timestamp,
    /// The span of the attempt, to be the parent of what the worker does, as W3C Trace Context has it; only where the server
    /// exports traces.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(super) traceparent: Option<String>,
}

impl From<Assignment> for WorkItem {
    fn from(Assignment { ticket, action, deadline, kill_at, span }: Assignment) -> Self {
        Self {
            action: ticket.action.get(),
            claim: ticket.claim.get(),
            attempt: ticket.attempt.0,
            hook: action.hook,
            args: action.args,
            group: action.group,
            scheduled_at: action.scheduled_at,
            deadline,
            kill_at,
            traceparent: span.map(|span| span.to_string()),
        }
    }
}

/// An attempt that was handed out.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SentTicket {
    /// The action.
    #[schema(value_type = i64, minimum = 1)]
    pub(super) action: ActionId,
    /// The claim it was handed out with.
    #[schema(value_type = i64, minimum = 1)]
    pub(super) claim: ClaimId,
    /// The attempt it was handed out as.
    #[schema(minimum = 1)]
    pub(super) attempt: u32,
}

impl From<SentTicket> for Ticket {
    fn from(SentTicket { action, claim, attempt }: SentTicket) -> Self {
        Self { action, claim, attempt: Attempt(attempt) }
    }
}

/// A sign of life.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SentHeartbeat {
    /// What the worker runs at the moment.
    #[serde(default)]
    #[schema(max_items = 1000)]
    pub(super) running: Vec<SentTicket>,
}

/// The answer to a sign of life.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Beaten {
    /// Those attempts of `running` that are no longer the worker's own. It should stop them; what it reports of them does
    /// not count.
    pub(super) lost: Vec<LostWork>,
}

/// An attempt that is not, or no longer, the worker's own.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LostWork {
    /// The action.
    pub(super) action: i64,
    /// The claim.
    pub(super) claim: i64,
    /// The attempt.
    pub(super) attempt: u32,
    /// Why.
    #[schema(value_type = LostName)]
    pub(super) reason: Lost,
    /// Why, in words.
    pub(super) detail: String,
}

impl LostWork {
    pub(super) fn new(ticket: Ticket, reason: Lost) -> Self {
        let Ticket { action, claim, attempt } = ticket;
        let detail = reason.to_string();
        Self { action: action.get(), claim: claim.get(), attempt: attempt.0, reason, detail }
    }
}

/// Why an attempt is not, or no longer, the worker's own.
#[derive(ToSchema)]
#[schema(as = Lost, rename_all = "snake_case")]
#[expect(dead_code, reason = "it describes action_scheduler::remote::Lost for OpenAPI")]
pub(super) enum LostName {
    /// There is no such action; it may have been deleted.
    NoSuchAction,
    /// Another worker holds it.
    OtherWorker,
    /// It was canceled.
    Canceled,
    /// It ran until its `kill_at`.
    Killed,
    /// It has come to its end.
    Ended,
    /// It went on without this attempt: it was taken back after the lease, or given another attempt.
    Superseded,
}

/// Lines for the log of actions.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SentNotes {
    /// The lines, in order.
    #[schema(max_items = 1000)]
    pub(super) entries: Vec<SentNote>,
}

/// A line for the log of an action.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SentNote {
    /// The action.
    #[schema(value_type = i64, minimum = 1)]
    pub(super) action: ActionId,
    /// The claim it was handed out with.
    #[schema(value_type = i64, minimum = 1)]
    pub(super) claim: ClaimId,
    /// The attempt it was handed out as.
    #[schema(minimum = 1)]
    pub(super) attempt: u32,
    /// The text; control characters are left out.
    #[schema(max_length = 10_000)]
    pub(super) text: String,
    /// When it was; now unless set.
    pub(super) at: Option<Timestamp>,
}

/// What became of lines for the log.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Noted {
    /// Those that were not taken, as the attempt is no longer the worker's own.
    pub(super) lost: Vec<LostWork>,
}

/// How attempts came out.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SentResults {
    /// One for each attempt.
    #[schema(max_items = 1000)]
    pub(super) results: Vec<SentResult>,
}

/// How an attempt came out.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SentResult {
    /// The action.
    #[schema(value_type = i64, minimum = 1)]
    pub(super) action: ActionId,
    /// The claim it was handed out with.
    #[schema(value_type = i64, minimum = 1)]
    pub(super) claim: ClaimId,
    /// The attempt it was handed out as.
    #[schema(minimum = 1)]
    pub(super) attempt: u32,
    /// How it came out.
    pub(super) result: ResultName,
    /// Why it failed, for the log.
    #[schema(max_length = 10_000)]
    pub(super) reason: Option<String>,
    /// Whether it is worth another attempt: as the policy of its hook has it, unless set.
    #[serde(default)]
    pub(super) retry: RetryName,
    /// If there is another attempt, it is not before so many seconds from now.
    #[schema(minimum = 0, maximum = 31_536_000)]
    pub(super) retry_after: Option<u32>,
}

/// How an attempt came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum ResultName {
    /// It succeeded.
    Complete,
    /// It failed.
    Failed,
}

/// Whether a failure is worth another attempt.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum RetryName {
    /// As the policy of its hook has it.
    #[default]
    Policy,
    /// It would fail again.
    Never,
}

impl SentResult {
    /// The report it makes; else the field that is at fault, and what is wrong with it.
    pub(super) fn read(self) -> Result<Report, (&'static str, &'static str)> {
        let Self { action, claim, attempt, result, reason, retry, retry_after } = self;
        let ticket = SentTicket { action, claim, attempt }.into();
        if result == ResultName::Complete {
            let only_failures = "only a failure has this";
            return match (reason, retry, retry_after) {
                (Some(_), ..) => Err(("reason", only_failures)),
                (_, RetryName::Never, _) => Err(("retry", only_failures)),
                (.., Some(_)) => Err(("retry_after", only_failures)),
                _ => Ok(Report { ticket, result: WorkResult::Complete }),
            };
        }
        let reason = reason.unwrap_or_default();
        if reason.chars().count() > LONGEST_TEXT {
            return Err(("reason", "longer than 10000 characters"));
        }
        let reason = match reason.trim() {
            "" => "the worker gave no reason".to_owned(),
            reason => reason.to_owned(),
        };
        let failure = match (retry, retry_after) {
            (RetryName::Never, Some(_)) => {
                return Err(("retry_after", "there is no other attempt when `retry` is never"));
            }
            (RetryName::Never, None) => Failure::permanent(reason),
            (RetryName::Policy, None) => Failure::new(reason),
            (RetryName::Policy, Some(31_536_001..)) => {
                return Err(("retry_after", "expected at most a year: 31536000 seconds"));
            }
            (RetryName::Policy, Some(seconds)) => {
                Failure::new(reason).retry_after(Duration::from_secs(seconds.into()))
            }
        };
        Ok(Report { ticket, result: WorkResult::Failed(failure) })
    }
}

/// How many characters a reason or a line for the log may have.
pub(super) const LONGEST_TEXT: usize = 10_000;

/// Attempts that were not begun.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SentRelease {
    /// The attempts.
    #[schema(max_items = 1000)]
    pub(super) work: Vec<SentTicket>,
}

/// What became of what was reported.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Reported {
    /// One for each, in order.
    pub(super) results: Vec<Outcome>,
}

/// What became of one report.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Outcome {
    /// The action.
    pub(super) action: i64,
    /// The attempt.
    pub(super) attempt: u32,
    /// What followed from it: nothing, if the attempt is lost.
    pub(super) outcome: OutcomeName,
    /// Why it is lost.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<LostName>, nullable = false)]
    pub(super) reason: Option<Lost>,
    /// Why it is lost, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(super) detail: Option<String>,
}

/// What followed from a report.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum OutcomeName {
    /// The action is complete.
    Complete,
    /// The action is failed.
    Failed,
    /// Another attempt will follow.
    Retrying,
    /// It is back in the queue, and the attempt is not counted.
    Released,
    /// Nothing: the attempt is not, or no longer, the worker's own.
    Lost,
}

impl Outcome {
    pub(super) fn new(ticket: Ticket, answer: Result<Accepted, Lost>) -> Self {
        let (outcome, reason) = match answer {
            Ok(Accepted::Complete) => (OutcomeName::Complete, None),
            Ok(Accepted::Failed) => (OutcomeName::Failed, None),
            Ok(Accepted::Retrying) => (OutcomeName::Retrying, None),
            Ok(Accepted::Released) => (OutcomeName::Released, None),
            Err(lost) => (OutcomeName::Lost, Some(lost)),
        };
        Self {
            action: ticket.action.get(),
            attempt: ticket.attempt.0,
            outcome,
            reason,
            detail: reason.map(|lost| lost.to_string()),
        }
    }
}
