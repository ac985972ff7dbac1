//! What a text says of the day, the time of day, the zone and offsets, without yet knowing when now
//! is.

use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;

use super::error::Problem;

/// Everything a text said.
#[derive(Debug, Default)]
pub(super) struct Phrase {
    pub day: Option<Day>,
    pub clock: Option<Time>,
    pub zone: Option<TimeZone>,
    pub weekday: Option<(Weekday, Which)>,
    /// The day is the weekday, or else Monday, of this week; `days` shift it.
    pub in_week: bool,
    pub within_month: Option<(Place, Option<Weekday>)>,
    pub months: i64,
    pub days: i64,
    pub weekdays: i64,
    pub nanoseconds: i128,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Day {
    /// Today, at the time it is now.
    Now,
    /// So many days after today, from midnight.
    Near(i64),
    Date(Date),
    /// In the year of now, unless told.
    Named {
        year: Option<i16>,
        month: i8,
        day: i8,
    },
    /// The first of a month.
    Month {
        year: Option<i16>,
        month: i8,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Which {
    /// Today or after.
    Coming,
    /// After today.
    Next,
    /// Before today.
    Last,
}

/// A place counted from an end of a month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Nth(i8),
    Last,
}

impl Phrase {
    /// The phrase, unless its parts contradict each other.
    pub fn checked(self) -> Result<Self, Problem> {
        let says_day = !matches!(self.day, None | Some(Day::Now));
        let says_month = matches!(self.day, Some(Day::Month { .. }));
        let only_month = matches!(self.day, Some(Day::Month { year: None, .. }));
        let within = self.within_month.is_some();
        let weekday = self.weekday.is_some();
        let stepped = matches!(self.weekday, Some((_, Which::Next | Which::Last)));

        let problem = if only_month && !within {
            "a month alone names no day, write \"1 May\" or \"first day of May\""
        } else if within && says_day && !says_month {
            "it names both a day and a place in a month"
        } else if within && (weekday || self.in_week) {
            "it names both a weekday or week and a place in a month"
        } else if (weekday || self.in_week) && self.months != 0 {
            "a weekday and a shift by months are unclear, write \"first monday of next month\""
        } else if stepped && self.in_week {
            "it says twice which week is meant, write \"monday next week\""
        } else if says_day && (stepped || self.in_week) {
            "it names both a date and a relative weekday or week"
        } else {
            return Ok(self);
        };
        Err(Problem::new(problem))
    }
}
