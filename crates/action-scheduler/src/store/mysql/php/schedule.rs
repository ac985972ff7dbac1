//! The `schedule` column: a serialized object of one of the plugin's classes, and what it means.
//!
//! Since its version 3.0 the plugin writes each date and recurrence twice, under today's name and under that of the
//! versions before. Both layouts are read; what is written is byte for byte what the plugin writes today. Like PHP, a
//! property is known by its bare name, whether it is marked as public, protected or private.

mod read;
mod write;

use jiff::Timestamp;

use super::serialize::serialize;
use super::unserialize::unserialize;
use super::value::Value;
use crate::error::Invalid;
use crate::schedule::cron::{Cron, Dialect};
use crate::schedule::{Cadence, Interval, Missed, Recurrence, Recurring, Schedule};

const NULL: &str = "ActionScheduler_NullSchedule";
const SIMPLE: &str = "ActionScheduler_SimpleSchedule";
const INTERVAL: &str = "ActionScheduler_IntervalSchedule";
const CRON: &str = "ActionScheduler_CronSchedule";
const CANCELED: &str = "ActionScheduler_CanceledSchedule";
const EXPRESSION: &str = "CronExpression";

/// What the plugin keeps in the `schedule` column of one action. Dates are whole seconds there.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum StoredSchedule {
    /// As soon as possible.
    Null,
    /// Once.
    Simple {
        /// The date of the action.
        at: Timestamp,
    },
    /// Again, so many seconds after each run.
    Interval {
        /// The date of this instance.
        at: Timestamp,
        /// The date of the first instance.
        first: Timestamp,
        /// A cadence of [`Cadence::AfterRun`], in whole seconds.
        interval: Interval,
    },
    /// Again, at the dates of an expression.
    Cron {
        /// The date of this instance.
        at: Timestamp,
        /// The date from which the expression counted.
        first: Timestamp,
        /// An expression of [`Dialect::ActionScheduler`].
        cron: Cron,
    },
    /// Never: the plugin puts it in place of any schedule when it moves a canceled action.
    Canceled {
        /// The date that was canceled. The oldest versions lost it.
        at: Option<Timestamp>,
    },
}

/// A schedule that the plugin has no words for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the plugin's schedules cannot say {0}")]
pub(crate) struct Unsayable(&'static str);

impl StoredSchedule {
    /// Reads the column. The error quotes it, and says what is wrong and where.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, Invalid> {
        let refuse =
            |problem: String| Invalid::new("schedule", String::from_utf8_lossy(bytes), problem);
        let value = unserialize(bytes).map_err(|error| refuse(error.to_string()))?;
        let Value::Object(object) = &value else {
            return Err(refuse("expected an object of one of the plugin's classes".into()));
        };
        read::meaning(&value, object).map_err(refuse)
    }

    /// The bytes that the plugin writes for this schedule.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        serialize(&Value::Object(write::object_of(self)))
    }

    /// What the plugin would keep for the instance of a schedule that is due at `at`.
    ///
    /// Where it has no words for the schedule, [`StoredSchedule::Simple`] is what lets the plugin run this instance
    /// and leaves the next one to us. A cron expression of the standard dialect can be said if the same text has the
    /// same dates in the plugin's.
    pub(crate) fn of(schedule: &Schedule, at: Timestamp) -> Result<Self, Unsayable> {
        let recurring = match schedule {
            Schedule::Async => return Ok(Self::Null),
            Schedule::Single(_) => return Ok(Self::Simple { at }),
            Schedule::Recurring(recurring) => recurring,
        };
        let first = recurring.first;
        match &recurring.recurrence {
            Recurrence::Interval(Interval { cadence: Cadence::FixedRate(_), .. }) => {
                Err(Unsayable("that an interval keeps to a fixed rate"))
            }
            Recurrence::Interval(interval) if interval.every.subsec_nanos() > 0 => {
                Err(Unsayable("an interval with fractions of a second"))
            }
            Recurrence::Interval(interval) => Ok(Self::Interval { at, first, interval: *interval }),
            Recurrence::Cron { missed: Missed::CatchUp { .. }, .. } => {
                Err(Unsayable("that missed dates are caught up"))
            }
            Recurrence::Cron { cron, missed: Missed::Skip } => {
                let cron = cron.in_dialect(Dialect::ActionScheduler).ok_or(Unsayable(
                    "a cron expression with a time zone, with seconds, or whose dates differ in its dialect",
                ))?;
                Ok(Self::Cron { at, first, cron })
            }
        }
    }

    /// The date of the action it belongs to; none if it is async, or a canceled one that lost it.
    pub(crate) fn at(&self) -> Option<Timestamp> {
        match self {
            Self::Null => None,
            Self::Simple { at } | Self::Interval { at, .. } | Self::Cron { at, .. } => Some(*at),
            Self::Canceled { at } => *at,
        }
    }

    /// What it means to the engine; one that was canceled has become a single one, due at `scheduled_at` if it lost its
    /// own date.
    pub(crate) fn into_schedule(self, scheduled_at: Timestamp) -> Schedule {
        let recurring = |first, recurrence| Schedule::Recurring(Recurring { first, recurrence });
        match self {
            Self::Null => Schedule::Async,
            Self::Simple { at } => Schedule::Single(at),
            Self::Interval { first, interval, .. } => {
                recurring(first, Recurrence::Interval(interval))
            }
            Self::Cron { first, cron, .. } => {
                recurring(first, Recurrence::Cron { cron, missed: Missed::Skip })
            }
            Self::Canceled { at } => Schedule::Single(at.unwrap_or(scheduled_at)),
        }
    }
}

#[cfg(test)]
mod tests;
