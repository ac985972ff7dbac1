//! When an action runs: once, as soon as possible, or again and again.

pub mod cron;
mod recurrence;

use std::fmt;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Serialize, Serializer};

pub use recurrence::{Cadence, Interval, Missed, Recurrence};

use self::cron::Cron;
use crate::error::Invalid;
use crate::time::whole_micros;

/// When, and how often, an action runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Schedule {
    /// As soon as a runner has room.
    Async,
    /// Once, at a date.
    Single(Timestamp),
    /// Again and again.
    Recurring(Recurring),
}

/// A schedule that repeats: its first date and the rule for the next ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recurring {
    /// The date of the first instance.
    pub first: Timestamp,
    /// How the date of each next instance follows.
    pub recurrence: Recurrence,
}

impl Recurring {
    /// The dates of a cron expression, from a date on (a match at that date counts).
    pub fn cron(cron: Cron, missed: Missed, from: Timestamp) -> Result<Self, Invalid> {
        let just_before = from.checked_sub(SignedDuration::from_nanos(1)).unwrap_or(from);
        let first = cron.next_after(just_before).ok_or_else(|| {
            Invalid::new("cron expression", cron.text(), format_args!("has no date after {from}"))
        })?;
        Ok(Self { first, recurrence: Recurrence::Cron { cron, missed } })
    }
}

impl Schedule {
    /// The date of the first (or only) run, for an action that is stored at `now`.
    pub fn first_date(&self, now: Timestamp) -> Timestamp {
        whole_micros(match self {
            Schedule::Async => now,
            Schedule::Single(at) => *at,
            Schedule::Recurring(recurring) => recurring.first,
        })
    }

    /// The rule for further dates, if there are any.
    pub fn recurrence(&self) -> Option<&Recurrence> {
        match self {
            Schedule::Recurring(recurring) => Some(&recurring.recurrence),
            Schedule::Async | Schedule::Single(_) => None,
        }
    }

    /// `async`, `single`, `recurring` or `cron`.
    pub fn kind(&self) -> &'static str {
        match self.recurrence() {
            None if *self == Schedule::Async => "async",
            None => "single",
            Some(Recurrence::Interval(_)) => "recurring",
            Some(Recurrence::Cron { .. }) => "cron",
        }
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.recurrence() {
            None => f.pad(if *self == Schedule::Async { "async" } else { "once" }),
            Some(recurrence) => f.pad(&recurrence.to_string()),
        }
    }
}

impl Serialize for Schedule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("kind", self.kind())?;
        match self {
            Schedule::Async => {}
            Schedule::Single(at) => map.serialize_entry("at", at)?,
            Schedule::Recurring(Recurring { first, recurrence }) => {
                map.serialize_entry("first", first)?;
                match recurrence {
                    Recurrence::Interval(interval) => {
                        map.serialize_entry("every_seconds", &interval.every.as_secs_f64())?;
                    }
                    Recurrence::Cron { cron, .. } => {
                        map.serialize_entry("cron", cron.text())?;
                        map.serialize_entry("time_zone", cron.zone_name())?;
                        map.serialize_entry("dialect", &cron.dialect().to_string())?;
                    }
                }
                if let Some(missed) = recurrence.missed() {
                    map.serialize_entry("missed", &missed.to_string())?;
                }
            }
        }
        map.end()
    }
}

/// A length of time as `1h30m`: what it is, and nothing that is zero.
pub(crate) fn short_duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let parts = [
        (seconds / 86_400, "d"),
        (seconds / 3600 % 24, "h"),
        (seconds / 60 % 60, "m"),
        (seconds % 60, "s"),
        (u64::from(duration.subsec_millis()), "ms"),
    ];
    let text: String = parts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, unit)| format!("{count}{unit}"))
        .collect();
    if text.is_empty() { "0s".into() } else { text }
}
