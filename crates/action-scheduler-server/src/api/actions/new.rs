//! New actions as they are sent.

use action_scheduler::{Args, Group, Hook, NewAction, Priority, Schedule, Scheduler, Unique};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::api::schedule::SentSchedule;
use crate::api::shapes::args_schema;
use crate::http::Problem;

/// An action to be stored.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(
    deny_unknown_fields,
    expecting = "an action, such as {\"hook\": \"send_invoice\", \"args\": [42]}"
)]
#[schema(as = NewAction)]
pub(crate) struct SentAction {
    /// What is to happen, such as `send_invoice`.
    #[schema(value_type = String, min_length = 1, max_length = 191, example = "send_invoice")]
    hook: Hook,
    #[serde(default)]
    #[schema(schema_with = args_schema, required = false)]
    args: Args,
    /// The group it belongs to; the default group is the empty text.
    #[serde(default)]
    #[schema(value_type = String, required = false, max_length = 191, default = "")]
    group: Group,
    #[serde(default)]
    #[schema(required = false)]
    schedule: SentSchedule,
    /// How urgent it is: 0 first, 255 last.
    #[serde(default)]
    #[schema(value_type = u8, required = false, minimum = 0, maximum = 255, default = 10)]
    priority: Priority,
    /// Refuses it while one like it is pending or in-progress.
    unique: Option<SentUnique>,
}

/// What makes two actions alike.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase", expecting = "\"args\", \"hook\" or {\"key\": \"…\"}")]
#[schema(as = Unique)]
pub(crate) enum SentUnique {
    /// The same hook, group and args.
    Args,
    /// The same hook and group.
    Hook,
    /// The same key.
    Key(String),
}

impl SentAction {
    /// The action that is meant, and its dates counted from now.
    pub(crate) fn read(self, scheduler: &Scheduler) -> Result<NewAction, Problem> {
        let schedule = self.schedule.read(scheduler).map_err(|it| it.within("schedule"))?;
        let unique = match self.unique {
            None => Unique::No,
            Some(SentUnique::Args) => Unique::Args,
            Some(SentUnique::Hook) => Unique::Hook,
            Some(SentUnique::Key(key)) if key.is_empty() => {
                return Err(Problem::invalid("unique.key", "expected a text that is not empty"));
            }
            Some(SentUnique::Key(key)) => Unique::Key(key),
        };
        Ok(NewAction {
            hook: self.hook,
            args: self.args,
            group: self.group,
            schedule,
            priority: self.priority,
            unique,
        })
    }

    /// As [`SentAction::read`], for one that has to recur.
    pub(crate) fn read_recurring(self, scheduler: &Scheduler) -> Result<NewAction, Problem> {
        let action = self.read(scheduler)?;
        match action.schedule {
            Schedule::Recurring(_) => Ok(action),
            Schedule::Async | Schedule::Single(_) => {
                Err(Problem::invalid("schedule", "expected every, every_seconds or cron"))
            }
        }
    }
}
