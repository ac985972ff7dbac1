//! What an expression says, as sets of values, and the search for the next civil time in them.

use std::collections::BTreeSet;

use jiff::civil::{Date, DateTime, Time};

/// The Gregorian calendar repeats itself after so many years: a day that is not found in them never comes.
const CALENDAR_CYCLE_YEARS: i16 = 400;

const LAST_YEAR: i16 = 9999;

/// The fields of an expression, each as the set of its values; bit `n` stands for value `n`.
#[derive(Debug, Clone)]
pub(super) struct Calendar {
    pub(super) seconds: u64,
    pub(super) minutes: u64,
    pub(super) hours: u64,
    pub(super) days: Days,
    pub(super) months: u64,
    pub(super) weekdays: Weekdays,
    /// `None` is every year.
    pub(super) years: Option<BTreeSet<i16>>,
    pub(super) day_rule: DayRule,
    /// Whether the time of day holds `*`, a range or a step, so that it runs again when the clock is set back.
    pub(super) is_interval: bool,
}

/// How day of month and day of week go together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DayRule {
    Both,
    Either,
}

/// Days of the month.
#[derive(Debug, Clone, Default)]
pub(super) struct Days {
    /// Bits 1 to 31.
    pub(super) days: u32,
    /// Bit `n`: `n` days before the last of the month.
    pub(super) before_last: u32,
    /// Bit `n`: the weekday nearest to day `n`.
    pub(super) nearest: u32,
    /// Bit `n`: the weekday nearest to `n` days before the last.
    pub(super) nearest_before_last: u32,
    /// Whether `31W` in a month of 30 days means what PHP makes of a 31st there, the first of the next month,
    /// and so the first of this one. Only Action Scheduler has this.
    pub(super) nearest_spills_over: bool,
}

/// Days of the week, 0 being Sunday.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Weekdays {
    /// Bits 0 to 6.
    pub(super) days: u32,
    /// Bit `n`: the last such weekday of the month.
    pub(super) last: u32,
    /// `nth[n - 1]`: the weekdays meant when they come for the n-th time in the month.
    pub(super) nth: [u32; 5],
}

/// A month as far as its days are concerned.
#[derive(Clone, Copy)]
struct Month {
    length: u32,
    /// Weekday of the first, 0 being Sunday.
    first_weekday: u32,
}

impl Month {
    fn of(year: i16, month: i8) -> Option<Month> {
        let first = Date::new(year, month, 1).ok()?;
        Some(Month {
            length: u32::from(first.days_in_month().unsigned_abs()),
            first_weekday: u32::from(first.weekday().to_sunday_zero_offset().unsigned_abs()),
        })
    }

    /// Also good for a day past the end of the month.
    fn weekday(self, day: u32) -> u32 {
        (self.first_weekday + day + 6) % 7
    }

    fn is_working_day(self, day: u32) -> bool {
        (1..=5).contains(&self.weekday(day))
    }

    fn has(self, day: u32) -> bool {
        (1..=self.length).contains(&day)
    }

    fn all(self) -> u32 {
        bits(1..=self.length) as u32
    }

    /// The working day nearest to `day`, without leaving the month.
    fn nearest_working_day(self, day: u32) -> Option<u32> {
        if self.is_working_day(day) {
            return Some(day);
        }
        [day.wrapping_sub(1), day + 1, day.wrapping_sub(2), day + 2]
            .into_iter()
            .find(|&near| self.has(near) && self.is_working_day(near))
    }
}

impl Days {
    /// Whether both are the same days in every month.
    fn runs_as(&self, other: &Days) -> bool {
        let last_of_every_month = 28;
        let may_spill_over = self.nearest >> (last_of_every_month + 1) != 0;
        self.days == other.days
            && self.before_last == other.before_last
            && self.nearest == other.nearest
            && self.nearest_before_last == other.nearest_before_last
            && (!may_spill_over || self.nearest_spills_over == other.nearest_spills_over)
    }

    fn in_month(&self, month: Month) -> u32 {
        let mut found = self.days & month.all();
        for before in ones(self.before_last) {
            if before < month.length {
                found |= bit(month.length - before) as u32;
            }
        }
        for before in ones(self.nearest_before_last) {
            if before < month.length {
                let day = month.nearest_working_day(month.length - before);
                found |= day.map_or(0, bit) as u32;
            }
        }
        for day in ones(self.nearest) {
            let near = if month.has(day) {
                month.nearest_working_day(day)
            } else if self.nearest_spills_over && month.is_working_day(day) {
                Some(day - month.length)
            } else if self.nearest_spills_over {
                month.nearest_working_day(day)
            } else {
                None
            };
            found |= near.map_or(0, bit) as u32;
        }
        found
    }
}

impl Weekdays {
    fn in_month(&self, month: Month) -> u32 {
        let mut found = 0;
        for day in 1..=month.length {
            let weekday = bit(month.weekday(day)) as u32;
            // Day 1 to 7 is the first of its weekday, 8 to 14 the second.
            let nth = self.nth.get((day as usize - 1) / 7).copied().unwrap_or(0);
            let last = if day + 7 > month.length { self.last } else { 0 };
            if (self.days | nth | last) & weekday != 0 {
                found |= bit(day) as u32;
            }
        }
        found
    }
}

impl Calendar {
    /// Whether both have the same runs, wherever clocks are not changed.
    pub(super) fn runs_as(&self, other: &Calendar) -> bool {
        self.seconds == other.seconds
            && self.minutes == other.minutes
            && self.hours == other.hours
            && self.months == other.months
            && self.years == other.years
            && self.days.runs_as(&other.days)
            && self.weekdays == other.weekdays
            && self.day_rule == other.day_rule
    }

    /// The first time of the calendar that is not before `at`, whatever zone its clock is in.
    pub(super) fn first_from(&self, at: DateTime) -> Option<DateTime> {
        if self.has_date(at.date())
            && let Some(time) = self.first_time_from(at.time())
        {
            return Some(at.date().to_datetime(time));
        }
        let date = self.first_date_from(at.date().tomorrow().ok()?)?;
        Some(date.to_datetime(self.first_time_from(Time::midnight())?))
    }

    /// The first date that is not before `from`, looked for as long as the calendar can hold something new.
    pub(super) fn first_date_from(&self, from: Date) -> Option<Date> {
        let last = from.year().saturating_add(CALENDAR_CYCLE_YEARS).min(LAST_YEAR);
        let mut next_year = self.year_from(from.year());
        while let Some(year) = next_year.filter(|&year| year <= last) {
            let first_month = if year == from.year() { from.month().unsigned_abs() } else { 1 };
            for month in ones_from(self.months, u32::from(first_month)) {
                // A month is 1 to 12, a day 1 to 31: they fit.
                let month = month as i8;
                let mut days = self.days_in(year, month);
                if (year, month) == (from.year(), from.month()) {
                    days &= u32::MAX << from.day().unsigned_abs();
                }
                if days != 0 {
                    return Date::new(year, month, days.trailing_zeros() as i8).ok();
                }
            }
            next_year = year.checked_add(1).and_then(|year| self.year_from(year));
        }
        None
    }

    fn year_from(&self, year: i16) -> Option<i16> {
        match &self.years {
            None => Some(year),
            Some(years) => years.range(year..).next().copied(),
        }
    }

    fn has_date(&self, date: Date) -> bool {
        self.years.as_ref().is_none_or(|years| years.contains(&date.year()))
            && self.months & bit(u32::from(date.month().unsigned_abs())) != 0
            && self.days_in(date.year(), date.month()) & (1 << date.day().unsigned_abs()) != 0
    }

    fn days_in(&self, year: i16, month: i8) -> u32 {
        let Some(month) = Month::of(year, month) else { return 0 };
        let (days, weekdays) = (self.days.in_month(month), self.weekdays.in_month(month));
        match self.day_rule {
            DayRule::Both => days & weekdays,
            DayRule::Either => days | weekdays,
        }
    }

    fn first_time_from(&self, from: Time) -> Option<Time> {
        let [from_hour, from_minute, from_second] =
            [from.hour(), from.minute(), from.second()].map(|part| u32::from(part.unsigned_abs()));
        for hour in ones_from(self.hours, from_hour) {
            let later_hour = hour > from_hour;
            for minute in ones_from(self.minutes, if later_hour { 0 } else { from_minute }) {
                let later = later_hour || minute > from_minute;
                let mut seconds = ones_from(self.seconds, if later { 0 } else { from_second });
                if let Some(second) = seconds.next() {
                    return Time::new(hour as i8, minute as i8, second as i8, 0).ok();
                }
            }
        }
        None
    }
}

/// The set that holds one value; nothing past 63 has a place in it.
pub(super) fn bit(value: u32) -> u64 {
    1_u64.checked_shl(value).unwrap_or(0)
}

/// The set of some values.
pub(super) fn bits(values: impl IntoIterator<Item = u32>) -> u64 {
    values.into_iter().fold(0, |set, value| set | bit(value))
}

/// The values in a set, in order.
pub(super) fn ones(set: impl Into<u64>) -> impl Iterator<Item = u32> {
    ones_from(set.into(), 0)
}

fn ones_from(set: u64, from: u32) -> impl Iterator<Item = u32> {
    let mut rest = set & u64::MAX.checked_shl(from).unwrap_or(0);
    std::iter::from_fn(move || {
        let value = rest.trailing_zeros();
        rest &= rest.wrapping_sub(1);
        (value < u64::BITS).then_some(value)
    })
}
