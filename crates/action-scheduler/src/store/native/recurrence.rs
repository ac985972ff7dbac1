//! A recurrence as typed columns, and back.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::schedule::cron::Cron;
use crate::schedule::{Cadence, Interval, Missed, Recurrence, Recurring};

/// The typed columns of a recurrence, in `actions` joined with `chains` and in `chains` itself.
pub(in crate::store) const RECURRENCE_COLUMNS: &str = "chains.first_at, chains.every, chains.cron, chains.dialect, chains.zone, chains.fixed_rate, chains.catch_up";

/// How many of [`RECURRENCE_COLUMNS`] there are.
pub(in crate::store) const RECURRENCE_WIDTH: usize = 7;

/// The columns of a recurrence as values, in the order of [`RECURRENCE_COLUMNS`].
pub(in crate::store) struct RecurrenceValues<T> {
    pub first: i64,
    pub every: Option<i64>,
    pub cron: Option<T>,
    pub dialect: Option<T>,
    pub zone: Option<T>,
    pub fixed_rate: bool,
    pub catch_up: Option<u32>,
}

impl From<&Recurring> for RecurrenceValues<String> {
    fn from(recurring: &Recurring) -> Self {
        let catch_up = match recurring.recurrence.missed() {
            Some(Missed::CatchUp { cap }) => Some(cap),
            Some(Missed::Skip) | None => None,
        };
        let mut values = Self {
            first: recurring.first.as_microsecond(),
            every: None,
            cron: None,
            dialect: None,
            zone: None,
            fixed_rate: false,
            catch_up,
        };
        match &recurring.recurrence {
            Recurrence::Interval(Interval { every, cadence }) => {
                // An interval is at most 100 years.
                values.every = Some(i64::try_from(every.as_micros()).unwrap_or(i64::MAX));
                values.fixed_rate = matches!(cadence, Cadence::FixedRate(_));
            }
            Recurrence::Cron { cron, .. } => {
                values.cron = Some(cron.text().to_owned());
                values.dialect = Some(cron.dialect().to_string());
                values.zone = Some(cron.zone_name().to_owned());
            }
        }
        values
    }
}

impl<T: AsRef<str>> RecurrenceValues<T> {
    /// The recurrence that is stored so, or what is wrong with it.
    pub(in crate::store) fn read(&self) -> Result<Recurring, String> {
        let first = Timestamp::from_microsecond(self.first)
            .map_err(|error| format!("first date {}: {error}", self.first))?;
        let missed = match self.catch_up {
            Some(cap) => Missed::CatchUp { cap },
            None => Missed::Skip,
        };
        let recurrence = match (&self.cron, self.every) {
            (Some(text), _) => {
                let dialect = self.dialect.as_ref().map_or("", T::as_ref);
                let dialect = dialect.parse().map_err(|error| format!("{error}"))?;
                let zone = self.zone.as_ref().map_or("", T::as_ref);
                let zone =
                    TimeZone::get(zone).map_err(|error| format!("time zone {zone:?}: {error}"))?;
                let cron = Cron::parse(text.as_ref(), dialect, Some(zone))
                    .map_err(|error| error.to_string())?;
                Recurrence::Cron { cron, missed }
            }
            (None, Some(every)) => {
                let every = u64::try_from(every)
                    .map(Duration::from_micros)
                    .map_err(|_| format!("interval {every}: less than nothing"))?;
                let cadence =
                    if self.fixed_rate { Cadence::FixedRate(missed) } else { Cadence::AfterRun };
                Recurrence::Interval(Interval { every, cadence })
            }
            (None, None) => return Err("neither an interval nor a cron expression".to_owned()),
        };
        Ok(Recurring { first, recurrence })
    }
}
