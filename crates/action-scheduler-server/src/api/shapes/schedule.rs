//! Schedules, as they are given.

use action_scheduler::Schedule;
use action_scheduler::schedule::Recurrence;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

/// When, and how often, an action runs. It can be sent back as the schedule of a new action.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Schedule)]
pub(crate) struct ScheduleShape {
    /// What kind of schedule it is.
    #[schema(value_type = ScheduleKind)]
    kind: &'static str,
    /// The date of a `single` one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    at: Option<Timestamp>,
    /// The date of the first instance, if it repeats.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    first: Option<Timestamp>,
    /// The time between two instances of a `recurring` one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    every_seconds: Option<f64>,
    /// The expression of a `cron` one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    cron: Option<String>,
    /// The time zone whose clock the expression follows.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    time_zone: Option<String>,
    /// The rules by which the expression is read.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    dialect: Option<String>,
    /// What happens to dates that passed while nothing ran. A `recurring` one that has none counts from the end of the
    /// run and misses nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    missed: Option<String>,
}

/// The kinds of schedules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ScheduleKind {
    /// As soon as a runner has room.
    Async,
    /// Once, at a date.
    Single,
    /// Again and again, after a length of time.
    Recurring,
    /// Again and again, at the dates of a cron expression.
    Cron,
}

impl From<&Schedule> for ScheduleShape {
    fn from(schedule: &Schedule) -> Self {
        let mut shape = Self {
            kind: schedule.kind(),
            at: None,
            first: None,
            every_seconds: None,
            cron: None,
            time_zone: None,
            dialect: None,
            missed: None,
        };
        match schedule {
            Schedule::Async => {}
            Schedule::Single(at) => shape.at = Some(*at),
            Schedule::Recurring(recurring) => {
                shape.first = Some(recurring.first);
                shape.missed = recurring.recurrence.missed().map(|missed| missed.to_string());
                match &recurring.recurrence {
                    Recurrence::Interval(interval) => {
                        shape.every_seconds = Some(interval.every.as_secs_f64());
                    }
                    Recurrence::Cron { cron, .. } => {
                        shape.cron = Some(cron.text().to_owned());
                        shape.time_zone = Some(cron.zone_name().to_owned());
                        shape.dialect = Some(cron.dialect().to_string());
                    }
                }
            }
        }
        shape
    }
}
