//! Cron expressions: what they say, and when they run next.
//!
//! ```
//! use action_scheduler::schedule::cron::{Cron, Dialect};
//!
//! let cron = Cron::parse("CRON_TZ=Europe/Berlin 30 9 * * MON-FRI", Dialect::Standard, None)?;
//! let friday_noon = "2026-03-27T12:00:00Z".parse()?;
//! let monday = "2026-03-30T07:30:00Z".parse()?;
//! assert_eq!(cron.next_after(friday_noon), Some(monday));
//! assert_eq!(cron.describe(), "At 09:30, Monday to Friday (Europe/Berlin)");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The standard dialect
//!
//! Five fields: minute, hour, day of month, month, day of week. Six: a second before them. Seven: a second before
//! them and a year after.
//!
//! | written | means |
//! |---|---|
//! | `*`, `?` | every value |
//! | `5`, `MON`, `jan` | a value; names for months and weekdays; Sunday is 0 and 7 |
//! | `1-5`, `22-2`, `NOV-FEB` | a range; it may run past the end and go on at the beginning |
//! | `*/15`, `10-40/10`, `5/20` | each n-th value of a range; from 5 to the end |
//! | `1,15,20-25` | a list |
//! | `L`, `L-3` | in day of month: the last day, the third before it |
//! | `15W`, `LW`, `L-3W` | in day of month, alone: the weekday nearest to that day, in the same month |
//! | `5L`, `1#2` | in day of week: the last Friday, the second Monday |
//!
//! If both day of month and day of week are restricted, a day needs to fit only one of them. A field that begins with
//! a star is not restricted: `*/2` in day of month and `MON` is every Monday on an odd day.
//!
//! Instead of fields: `@yearly`, `@annually`, `@monthly`, `@weekly`, `@daily`, `@midnight`, `@hourly`,
//! `@every_minute`, `@every_second`, or `@every 1h30m` for a fixed time after the last run.
//!
//! # Clock changes
//!
//! Times are those that the clock of the expression's zone shows. Where that clock is set,
//!
//! - forward, a run at a time that is left out happens at the first instant after the gap; several such runs are one;
//! - back, a fixed time (`30 2 * * *`, `0,30 2 * * *`) runs once, when the clock first shows it. A time of day with a
//!   `*`, a range or a step in second, minute or hour is an interval, and runs each time the clock shows it.
//!
//! # Action Scheduler's dialect
//!
//! For schedules that the WordPress plugin has stored, with the same meaning: always UTC; five fields, or six with a
//! year; a day has to fit both day of month and day of week; a step counts from zero, so `*/10` in day of month is
//! 10, 20 and 30. What its parser accepts but can never run is refused here.

mod calendar;
mod describe;
mod error;
mod field;
mod next;
mod parse;
mod plugin_field;
mod token;

#[cfg(test)]
mod tests;

use std::fmt;
use std::str::FromStr;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

pub use error::{CronError, CronField};

use calendar::Calendar;

/// How a cron expression is read. See the [module](self) for what the dialects are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Dialect {
    /// What cron and its common extensions say.
    #[default]
    Standard,
    /// What the WordPress plugin says.
    ActionScheduler,
}

impl Dialect {
    fn name(self) -> &'static str {
        match self {
            Dialect::Standard => "standard",
            Dialect::ActionScheduler => "action-scheduler",
        }
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Dialect {
    type Err = UnknownDialect;

    fn from_str(name: &str) -> Result<Dialect, UnknownDialect> {
        [Dialect::Standard, Dialect::ActionScheduler]
            .into_iter()
            .find(|dialect| dialect.name() == name)
            .ok_or_else(|| UnknownDialect(name.to_owned()))
    }
}

/// A text that names no [`Dialect`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cron dialect {0:?} is not known; expected \"standard\" or \"action-scheduler\"")]
pub struct UnknownDialect(String);

/// A cron expression that has been understood, with its time zone.
///
/// Two are equal if they have the same text, dialect and zone.
#[derive(Debug, Clone)]
pub struct Cron {
    text: String,
    dialect: Dialect,
    zone: TimeZone,
    plan: Plan,
}

/// What an expression comes down to.
#[derive(Debug, Clone)]
enum Plan {
    Calendar(Calendar),
    Every(SignedDuration),
}

impl Cron {
    /// Reads an expression.
    ///
    /// The zone is `zone`, or the one of a prefix `CRON_TZ=Europe/Berlin` (or `TZ=…`), or else UTC. To have both is
    /// an error unless they are the same. A zone needs an IANA name, so that it can be stored.
    ///
    /// An expression that cannot run on any day, such as the 30th of February, is refused. One whose years are all
    /// over is not: it did run.
    pub fn parse(text: &str, dialect: Dialect, zone: Option<TimeZone>) -> Result<Cron, CronError> {
        let parse::Parsed { text, zone, plan } =
            parse::parse(text, dialect, zone).map_err(|fault| CronError::new(text, fault))?;
        Ok(Cron { text, dialect, zone, plan })
    }

    /// The expression without its zone: single spaces, names in capitals, macros in small letters.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Parses an expression whose zone is the one asked for, else that of its own `CRON_TZ=` prefix, else `otherwise`.
    pub fn parse_in(
        text: &str,
        dialect: Dialect,
        zone: Option<TimeZone>,
        otherwise: &TimeZone,
    ) -> Result<Cron, CronError> {
        let begins_with = |prefix: &&str| text.trim_start().starts_with(*prefix);
        let names_its_zone = ["CRON_TZ=", "TZ="].iter().any(begins_with);
        let zone = zone.or_else(|| (!names_its_zone).then(|| otherwise.clone()));
        Cron::parse(text, dialect, zone)
    }

    /// The dialect it was read in.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// The time zone whose clock it follows.
    pub fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// The IANA name of the time zone.
    pub fn zone_name(&self) -> &str {
        // `parse` accepts no zone without a name.
        self.zone.iana_name().unwrap_or("UTC")
    }

    /// The first run later than `after`; `None` if there is none before the year 10000.
    ///
    /// Runs are on whole seconds.
    pub fn next_after(&self, after: Timestamp) -> Option<Timestamp> {
        match &self.plan {
            Plan::Calendar(calendar) => {
                next::first_run_from(calendar, &self.zone, next::second_after(after)?)
            }
            Plan::Every(interval) => next::whole_second(after.checked_add(*interval).ok()?),
        }
    }

    /// The runs later than `after`, one by one.
    ///
    /// ```
    /// use action_scheduler::schedule::cron::{Cron, Dialect};
    ///
    /// let cron = Cron::parse("0 0 29 2 *", Dialect::Standard, None)?;
    /// let runs: Vec<_> = cron.upcoming("2026-01-01T00:00:00Z".parse()?).take(2).collect();
    /// assert_eq!(runs, ["2028-02-29T00:00:00Z".parse()?, "2032-02-29T00:00:00Z".parse()?]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn upcoming(&self, after: Timestamp) -> impl Iterator<Item = Timestamp> {
        std::iter::successors(self.next_after(after), |run| self.next_after(*run))
    }

    /// The fields, also of a macro, with single spaces between them; `None` for `@every`.
    pub(crate) fn fields(&self) -> Option<&str> {
        match &self.plan {
            Plan::Calendar(_) => Some(parse::macro_fields(&self.text).unwrap_or(&self.text)),
            Plan::Every(_) => None,
        }
    }

    /// The same fields in another dialect, if they have the same runs there.
    pub(crate) fn in_dialect(&self, dialect: Dialect) -> Option<Cron> {
        let other = Cron::parse(self.fields()?, dialect, Some(self.zone.clone())).ok()?;
        match (&self.plan, &other.plan) {
            (Plan::Calendar(ours), Plan::Calendar(others)) => ours.runs_as(others).then_some(other),
            _ => None,
        }
    }

    /// What the expression says, in plain English.
    pub fn describe(&self) -> String {
        match &self.plan {
            Plan::Calendar(calendar) => {
                format!("{} ({})", describe::calendar(calendar), self.zone_name())
            }
            Plan::Every(interval) => describe::interval(*interval),
        }
    }
}

impl PartialEq for Cron {
    fn eq(&self, other: &Cron) -> bool {
        self.text == other.text
            && self.dialect == other.dialect
            && self.zone_name() == other.zone_name()
    }
}

impl Eq for Cron {}
