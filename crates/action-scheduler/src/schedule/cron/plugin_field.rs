//! The fields of Action Scheduler's dialect, with the meaning its own parser gives them.
//!
//! That parser asks each value of a field whether the text fits it. So a step counts from zero, a value that is out
//! of range fits nothing and does no harm beside others that fit, and a range that runs backwards is empty. What can
//! never run is refused here: a field that nothing fits, and what makes the original throw or hang.

use super::calendar::{Days, Weekdays, bit};
use super::error::{CronField, Fault};
use super::field::{in_range, last_weekday, malformed, named, nth_of, value, weekday_bit};
use super::token::Token;

/// The values of a field that holds nothing but values.
pub(super) fn values(field: CronField, token: Token<'_>) -> Result<Vec<u32>, Fault> {
    let mut found = Vec::new();
    for item in items(token) {
        let fits = Fits::read(field, item)?;
        found.extend((field.first()..=field.last()).filter(|&value| fits.value(value)));
    }
    if found.is_empty() {
        return Err(nothing_fits(field, token));
    }
    Ok(found)
}

/// Day of month: values, `L`, `15W`, and `?` for any.
pub(super) fn days(token: Token<'_>) -> Result<Days, Fault> {
    let field = CronField::DayOfMonth;
    let mut found = Days { nearest_spills_over: true, ..Days::default() };
    for item in items(token) {
        if item.text.eq_ignore_ascii_case("L") {
            found.before_last |= 1;
        } else if let Some(day) = item.strip_suffix('W').or(item.strip_suffix('w')) {
            let day = day.number().ok_or_else(|| malformed(field, item))?;
            found.nearest |= bit(in_range(field, day, item)?) as u32;
        } else {
            let fits = Fits::read(field, item)?;
            for day in (1..=31).filter(|&day| fits.value(day)) {
                found.days |= bit(day) as u32;
            }
        }
    }
    if found.days | found.before_last | found.nearest == 0 {
        return Err(nothing_fits(field, token));
    }
    Ok(found)
}

/// Day of week: values, `5L`, `1#2`.
pub(super) fn weekdays(token: Token<'_>) -> Result<Weekdays, Fault> {
    let field = CronField::DayOfWeek;
    let mut found = Weekdays::default();
    for item in items(token) {
        if let Some((weekday, nth)) = item.split_once('#') {
            let weekday = value(field, weekday, item)?;
            if !(1..=5).contains(&weekday) {
                return Err(item.fault(field, "is only possible for Monday to Friday (1-5)"));
            }
            *nth_of(&mut found, nth, item)? |= weekday_bit(weekday);
        } else if let Some(weekday) = last_weekday(item) {
            found.last |= weekday_bit(value(field, weekday, item)?);
        } else {
            let fits = Fits::read(field, item)?;
            // The original calls Sunday 7 where it sees a 7, and 0 elsewhere.
            let numbers = if fits.has_a_seven() { 1..=7 } else { 0..=6 };
            for weekday in numbers.filter(|&number| fits.value(number)) {
                found.days |= weekday_bit(weekday);
            }
        }
    }
    if found.days | found.last | found.nth.iter().fold(0, |all, nth| all | nth) == 0 {
        return Err(nothing_fits(field, token));
    }
    Ok(found)
}

/// The parts of a list. An empty one, as in `0,30,`, fits nothing; if there is no other, it is reported.
fn items(token: Token<'_>) -> impl Iterator<Item = Token<'_>> {
    token.split(|c| c == ',').filter(|item| !item.text.is_empty())
}

/// Which values an item fits.
struct Fits {
    from: u32,
    to: u32,
    step: u32,
}

impl Fits {
    fn read(field: CronField, item: Token<'_>) -> Result<Fits, Fault> {
        if item.text == "?" && field == CronField::DayOfMonth {
            return Ok(Fits { from: 0, to: u32::MAX, step: 1 });
        }
        let (base, step) = match item.split_once('/') {
            None => (item, None),
            Some((base, step)) => (base, Some(step)),
        };
        let step = match step.map(|step| (step, step.number())) {
            None => None,
            Some((_, Some(number))) if number > 0 => Some(number),
            Some((_, Some(_))) => return Err(item.fault(field, "has a step of zero")),
            Some((_, None)) => return Err(malformed(field, item)),
        };
        let number = |token: Token<'_>| {
            token.number().or_else(|| named(field, token)).ok_or_else(|| malformed(field, item))
        };
        let (from, to) = if base.text == "*" {
            (0, u32::MAX)
        } else if let Some((from, to)) = base.split_once('-') {
            // A range that begins on Sunday begins at 0, and one that ends on Sunday ends at 7.
            match (number(from)?, number(to)?) {
                (7, to) if field == CronField::DayOfWeek => (0, to),
                (from, 0) if field == CronField::DayOfWeek => (from, 7),
                range => range,
            }
        } else {
            let from = number(base)?;
            (from, if step.is_some() { u32::MAX } else { from })
        };
        Ok(Fits { from, to, step: step.unwrap_or(1) })
    }

    fn value(&self, value: u32) -> bool {
        (self.from..=self.to).contains(&value) && (value - self.from).is_multiple_of(self.step)
    }

    fn has_a_seven(&self) -> bool {
        [self.from, self.to, self.step]
            .into_iter()
            .filter(|&number| number != u32::MAX)
            .any(|number| number.to_string().contains('7'))
    }
}

fn nothing_fits(field: CronField, token: Token<'_>) -> Fault {
    let (first, last) = (field.first(), field.last());
    match token.number() {
        Some(_) => token.fault(field, format_args!("is out of range ({first}-{last})")),
        None => token.fault(field, format_args!("fits no value of {first}-{last}")),
    }
}
