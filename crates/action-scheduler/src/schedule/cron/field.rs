//! The fields of the standard dialect.

use super::calendar::{Days, Weekdays, bit, bits};
use super::error::{CronField, Fault};
use super::token::Token;

/// The values of a field that holds nothing but values.
pub(super) fn values(field: CronField, token: Token<'_>) -> Result<Vec<u32>, Fault> {
    let mut found = Vec::new();
    for item in token.split(|c| c == ',') {
        found.extend(item_values(field, item)?);
    }
    Ok(found)
}

/// Day of month: values, `L`, `L-3`, `15W`, `LW`, `L-3W`.
pub(super) fn days(token: Token<'_>) -> Result<Days, Fault> {
    let field = CronField::DayOfMonth;
    let mut found = Days::default();
    for item in token.split(|c| c == ',') {
        let upper = item.text.to_ascii_uppercase();
        let (day, to_working_day) = match item.strip_suffix('W').or(item.strip_suffix('w')) {
            Some(_) if item.text.len() < token.text.len() => {
                return Err(item.fault(field, "has to stand alone, not in a list"));
            }
            Some(day) => (day, true),
            None => (item, false),
        };
        if upper.starts_with('L') {
            let before = days_before_last(day, item)?;
            let set = if to_working_day {
                &mut found.nearest_before_last
            } else {
                &mut found.before_last
            };
            *set |= bit(before) as u32;
        } else if to_working_day {
            let day = day.number().ok_or_else(|| malformed(field, item))?;
            found.nearest |= bit(in_range(field, day, item)?) as u32;
        } else {
            found.days |= bits(item_values(field, item)?) as u32;
        }
    }
    Ok(found)
}

/// The 3 of `L-3`; 0 for `L`.
fn days_before_last(token: Token<'_>, item: Token<'_>) -> Result<u32, Fault> {
    let field = CronField::DayOfMonth;
    if token.text.eq_ignore_ascii_case("L") {
        return Ok(0);
    }
    let before = token
        .split_once('-')
        .filter(|(last, _)| last.text.eq_ignore_ascii_case("L"))
        .and_then(|(_, before)| before.number())
        .ok_or_else(|| malformed(field, item))?;
    if before > 30 {
        return Err(item.fault(field, "is out of range (L-0 to L-30)"));
    }
    Ok(before)
}

/// Day of week: values, `5L`, `1#2`.
pub(super) fn weekdays(token: Token<'_>) -> Result<Weekdays, Fault> {
    let field = CronField::DayOfWeek;
    let mut found = Weekdays::default();
    for item in token.split(|c| c == ',') {
        if let Some((weekday, nth)) = item.split_once('#') {
            *nth_of(&mut found, nth, item)? |= weekday_bit(value(field, weekday, item)?);
        } else if let Some(weekday) = last_weekday(item) {
            found.last |= weekday_bit(value(field, weekday, item)?);
        } else {
            for weekday in item_values(field, item)? {
                found.days |= weekday_bit(weekday);
            }
        }
    }
    Ok(found)
}

/// The set of the weekdays that count the n-th time they come.
pub(super) fn nth_of<'a>(
    weekdays: &'a mut Weekdays,
    nth: Token<'_>,
    item: Token<'_>,
) -> Result<&'a mut u32, Fault> {
    nth.number()
        .and_then(|nth| weekdays.nth.get_mut(usize::try_from(nth).ok()?.checked_sub(1)?))
        .ok_or_else(|| item.fault(CronField::DayOfWeek, "needs a number 1-5 after #"))
}

/// The 5 of `5L`.
pub(super) fn last_weekday(item: Token<'_>) -> Option<Token<'_>> {
    let weekday = item.strip_suffix('L').or(item.strip_suffix('l'))?;
    (!weekday.text.is_empty()).then_some(weekday)
}

/// A weekday as a set; both 0 and 7 are Sunday.
pub(super) fn weekday_bit(weekday: u32) -> u32 {
    bit(weekday % 7) as u32
}

/// `*`, `5`, `1-5`, each with a step or without.
fn item_values(field: CronField, item: Token<'_>) -> Result<Vec<u32>, Fault> {
    if item.text == "?" {
        return Ok(whole(field).collect());
    }
    let (base, step) = match item.split_once('/') {
        None => (item, None),
        Some((base, step)) => (base, Some(read_step(field, step, item)?)),
    };
    let every = step.unwrap_or(1) as usize;
    if base.text == "*" {
        return Ok(whole(field).step_by(every).collect());
    }
    let Some((from, to)) = base.split_once('-') else {
        let from = value(field, base, item)?;
        let to = if step.is_some() { field.last() } else { from };
        return Ok((from..=to).step_by(every).collect());
    };
    let (from, to) = (value(field, from, item)?, value(field, to, item)?);
    if from <= to {
        return Ok((from..=to).step_by(every).collect());
    }
    if field == CronField::Year {
        return Err(item.fault(field, "ends before it begins"));
    }
    // Past the last value the count goes on at the first: 20-5/5 of a month is 20, 25, 30 and 4.
    let last = field.first() + field.cycle() - 1;
    Ok((from..=to + field.cycle())
        .step_by(every)
        .map(|value| if value > last { value - field.cycle() } else { value })
        .collect())
}

fn whole(field: CronField) -> impl Iterator<Item = u32> {
    (field.first()..).take(field.cycle() as usize)
}

fn read_step(field: CronField, step: Token<'_>, item: Token<'_>) -> Result<u32, Fault> {
    let number = step.number().ok_or_else(|| malformed(field, item))?;
    let largest = field.last().min(field.cycle());
    if !(1..=largest).contains(&number) {
        return Err(item.fault(field, format_args!("has a step out of range (1-{largest})")));
    }
    Ok(number)
}

/// A number or a name.
pub(super) fn value(field: CronField, token: Token<'_>, item: Token<'_>) -> Result<u32, Fault> {
    match token.number() {
        Some(number) => in_range(field, number, token),
        None => named(field, token).ok_or_else(|| malformed(field, item)),
    }
}

/// The value of a name such as `MON`.
pub(super) fn named(field: CronField, token: Token<'_>) -> Option<u32> {
    (field.first()..)
        .zip(field.names())
        .find_map(|(value, name)| token.text.eq_ignore_ascii_case(name).then_some(value))
}

pub(super) fn in_range(field: CronField, number: u32, token: Token<'_>) -> Result<u32, Fault> {
    let (first, last) = (field.first(), field.last());
    if !(first..=last).contains(&number) {
        return Err(token.fault(field, format_args!("is out of range ({first}-{last})")));
    }
    Ok(number)
}

pub(super) fn malformed(field: CronField, item: Token<'_>) -> Fault {
    item.fault(field, format_args!("is not understood; expected {}", field.expected()))
}
