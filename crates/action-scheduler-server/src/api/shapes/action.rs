//! Actions, as they are given.

use action_scheduler::{Action, Args, Group, Hook, Status};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::{ScheduleShape, args_schema};
use crate::site::Site;

/// An action.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Action)]
pub(crate) struct ActionShape {
    /// Its id.
    id: i64,
    /// What is to happen.
    #[schema(value_type = String)]
    hook: Hook,
    #[schema(schema_with = args_schema)]
    args: Args,
    /// The group it belongs to; the default group is the empty text.
    #[schema(value_type = String)]
    group: Group,
    /// Where it is in its life.
    #[schema(value_type = StatusName)]
    status: Status,
    /// Whether it is pending and its date has come.
    past_due: bool,
    /// How urgent it is: 0 first, 255 last.
    priority: u8,
    /// When, and how often, it runs.
    schedule: ScheduleShape,
    /// When it is, or was, due.
    scheduled_at: Timestamp,
    /// How often it has been started.
    attempts: u32,
    /// When it was stored.
    created_at: Timestamp,
    /// When its latest attempt started.
    started_at: Option<Timestamp>,
    /// When it came to its end.
    finished_at: Option<Timestamp>,
    /// When it last changed.
    modified_at: Timestamp,
    /// How many entries its log has.
    log_entries: u32,
    /// The claim it is, or last was, held by.
    claim: Option<i64>,
    /// The chain it is an instance of, if it recurs.
    chain: Option<i64>,
}

/// Where an action is in its life.
#[derive(ToSchema)]
#[schema(as = Status, rename_all = "kebab-case")]
#[expect(dead_code, reason = "it describes action_scheduler::Status for OpenAPI")]
pub(crate) enum StatusName {
    /// Waiting for its date, or for a runner.
    Pending,
    /// Started; its handler may be running.
    InProgress,
    /// Its handlers succeeded.
    Complete,
    /// Its last attempt failed and no other is due.
    Failed,
    /// Canceled before it was done.
    Canceled,
}

impl ActionShape {
    /// An action as it is seen at this moment, without what is masked.
    pub(crate) fn new(site: &Site, action: &Action, now: Timestamp) -> Self {
        Self::with_args(action, site.shown_args(&action.hook, &action.args).into_owned(), now)
    }

    /// An action as it is seen at this moment, with the args that may be shown.
    pub(crate) fn with_args(action: &Action, args: Args, now: Timestamp) -> Self {
        Self {
            id: action.id.get(),
            hook: action.hook.clone(),
            args,
            group: action.group.clone(),
            status: action.status,
            past_due: action.is_past_due(now),
            priority: action.priority.0,
            schedule: ScheduleShape::from(&action.schedule),
            scheduled_at: action.scheduled_at,
            attempts: action.attempts.0,
            created_at: action.created_at,
            started_at: action.started_at,
            finished_at: action.finished_at,
            modified_at: action.modified_at(),
            log_entries: action.log_entries,
            claim: action.claim.map(|claim| claim.get()),
            chain: action.chain.map(|chain| chain.get()),
        }
    }
}
