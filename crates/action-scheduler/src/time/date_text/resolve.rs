//! From a phrase to an instant, once now and the zone are known.

use jiff::civil::{Date, Time, Weekday};
use jiff::{Span, Timestamp, tz::TimeZone};

use super::error::Problem;
use super::phrase::{Day, Phrase, Place, Which};

impl Phrase {
    pub(super) fn resolve(&self, now: Timestamp, zone: &TimeZone) -> Result<Timestamp, Problem> {
        let zone = self.zone.as_ref().unwrap_or(zone);
        let here = zone.to_datetime(now);
        let date = self.date(here.date())?;
        let start = if self.clock.is_none() && !self.begins_a_day() && date == here.date() {
            now
        } else {
            let whole_day = if self.begins_a_day() { Time::midnight() } else { here.time() };
            let local = date.to_datetime(self.clock.unwrap_or(whole_day));
            let instant = zone.to_ambiguous_timestamp(local).compatible();
            instant.map_err(Problem::out_of_range)?
        };
        let instant = start.as_nanosecond().checked_add(self.nanoseconds);
        let instant = instant.ok_or_else(Problem::too_far)?;
        Timestamp::from_nanosecond(instant).map_err(Problem::out_of_range)
    }

    /// Whether the words name a day rather than a distance from now.
    fn begins_a_day(&self) -> bool {
        let names_day = !matches!(self.day, None | Some(Day::Now));
        names_day || self.weekday.is_some() || matches!(self.within_month, Some((_, Some(_))))
    }

    fn date(&self, today: Date) -> Result<Date, Problem> {
        let named = self.named_day(today)?;
        let date = if self.in_week {
            let weekday = self.weekday.map_or(Weekday::Monday, |(weekday, _)| weekday);
            in_week_of(named, weekday)?
        } else if let Some((weekday, which)) = self.weekday {
            self.on_weekday(named, weekday, which)?
        } else if let Some((place, weekday)) = self.within_month {
            in_month(shift(named.first_of_month(), months(self.months)?)?, place, weekday)?
        } else {
            shift(named, months(self.months)?)?
        };
        skip_weekends(shift(date, days(self.days)?)?, self.weekdays)
    }

    fn named_day(&self, today: Date) -> Result<Date, Problem> {
        let date = |year: Option<i16>, month, day| {
            Date::new(year.unwrap_or(today.year()), month, day)
                .map_err(|_| Problem::new("there is no such day this year"))
        };
        match self.day {
            None | Some(Day::Now) => Ok(today),
            Some(Day::Near(distance)) => shift(today, days(distance)?),
            Some(Day::Date(date)) => Ok(date),
            Some(Day::Named { year, month, day }) => date(year, month, day),
            Some(Day::Month { year, month }) => date(year, month, 1),
        }
    }

    fn on_weekday(&self, date: Date, weekday: Weekday, which: Which) -> Result<Date, Problem> {
        let ahead = i64::from(weekday.since(date.weekday()));
        if self.day.is_some_and(|day| day != Day::Now) && ahead != 0 {
            return Err(Problem::new(format!("{date} is not a {weekday:?}")));
        }
        let distance = match (which, ahead) {
            (Which::Next, 0) => 7,
            (Which::Last, ahead) => ahead - 7,
            (_, ahead) => ahead,
        };
        shift(date, days(distance)?)
    }
}

fn in_week_of(date: Date, weekday: Weekday) -> Result<Date, Problem> {
    let from_monday = date.weekday().to_monday_zero_offset();
    shift(date, days((weekday.to_monday_zero_offset() - from_monday).into())?)
}

fn in_month(first: Date, place: Place, weekday: Option<Weekday>) -> Result<Date, Problem> {
    let found = match (place, weekday) {
        (Place::Nth(n), None) => return shift(first, days(i64::from(n) - 1)?),
        (Place::Last, None) => return Ok(first.last_of_month()),
        (Place::Nth(n), Some(weekday)) => first.nth_weekday_of_month(n, weekday),
        (Place::Last, Some(weekday)) => first.nth_weekday_of_month(-1, weekday),
    };
    found.map_err(|_| Problem::new("the month has no such day"))
}

/// The date so many weekdays on; from a weekend, the nearest Friday or Monday counts as reached.
fn skip_weekends(date: Date, weekdays: i64) -> Result<Date, Problem> {
    let weekend = i64::from(date.weekday().to_monday_zero_offset()) - 4;
    let start = match weekdays {
        0 => return Ok(date),
        1.. => shift(date, days(-weekend.max(0))?)?,
        _ if weekend > 0 => shift(date, days(3 - weekend)?)?,
        _ => date,
    };
    let place = i64::from(start.weekday().to_monday_zero_offset());
    let reached = weekdays.checked_add(place).ok_or_else(Problem::too_far)?;
    let whole_weeks = reached.div_euclid(5).checked_mul(7).ok_or_else(Problem::too_far)?;
    let date = shift(start, days(reached.rem_euclid(5) - place)?)?;
    shift(date, days(whole_weeks)?)
}

fn shift(date: Date, span: Span) -> Result<Date, Problem> {
    date.checked_add(span).map_err(Problem::out_of_range)
}

fn days(count: i64) -> Result<Span, Problem> {
    Span::new().try_days(count).map_err(Problem::out_of_range)
}

fn months(count: i64) -> Result<Span, Problem> {
    Span::new().try_months(count).map_err(Problem::out_of_range)
}
