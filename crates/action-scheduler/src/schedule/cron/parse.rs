//! From text to a calendar.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::calendar::{Calendar, DayRule, Weekdays, bits};
use super::error::{CronField, Fault};
use super::token::Token;
use super::{Dialect, Plan, field, plugin_field};

/// No sensible expression is longer, and work done for one grows with its length.
const LONGEST: usize = 1000;

/// Longer than any schedule, and short enough that date arithmetic cannot overflow.
const LONGEST_INTERVAL: i64 = 100 * 366 * DAY;

const DAY: i64 = 24 * 60 * 60;

/// Macros and what they stand for. The first six are Action Scheduler's.
const MACROS: [(&str, &str); 9] = [
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
    ("@monthly", "0 0 1 * *"),
    ("@weekly", "0 0 * * 0"),
    ("@daily", "0 0 * * *"),
    ("@hourly", "0 * * * *"),
    ("@midnight", "0 0 * * *"),
    ("@every_minute", "* * * * *"),
    ("@every_second", "* * * * * *"),
];

const PLUGIN_MACROS: usize = 6;

/// An expression that has been understood.
pub(super) struct Parsed {
    pub(super) text: String,
    pub(super) zone: TimeZone,
    pub(super) plan: Plan,
}

pub(super) fn parse(text: &str, dialect: Dialect, zone: Option<TimeZone>) -> Result<Parsed, Fault> {
    if text.len() > LONGEST {
        let problem = format!("is longer than {LONGEST} bytes");
        return Err(Fault { field: None, span: 0..text.len(), problem });
    }
    let words = Token::words(text);
    let (prefix, words) = match words.split_first() {
        Some((first, rest)) => match zone_prefix(*first) {
            Some(name) => (Some(name), rest),
            None => (None, words.as_slice()),
        },
        None => (None, words.as_slice()),
    };
    let zone = choose_zone(text, dialect, prefix, zone)?;
    let (text, plan) = match words {
        [word, rest @ ..] if word.text.starts_with('@') => parse_macro(*word, rest, dialect)?,
        words => {
            let calendar = parse_fields(text, words, dialect)?;
            let words: Vec<_> = words.iter().map(|word| word.text.to_ascii_uppercase()).collect();
            (words.join(" "), Plan::Calendar(calendar))
        }
    };
    Ok(Parsed { text, zone, plan })
}

fn zone_prefix(word: Token<'_>) -> Option<Token<'_>> {
    word.strip_prefix("CRON_TZ=").or_else(|| word.strip_prefix("TZ="))
}

fn choose_zone(
    text: &str,
    dialect: Dialect,
    prefix: Option<Token<'_>>,
    given: Option<TimeZone>,
) -> Result<TimeZone, Fault> {
    let whole = |problem: String| Fault { field: None, span: 0..text.len(), problem };
    let named = prefix.map(zone_named).transpose()?;
    let zone = match (named, given, prefix) {
        (Some(named), Some(given), Some(prefix)) if named.iana_name() != given.iana_name() => {
            let given = given.iana_name().unwrap_or("one without a name").to_owned();
            let problem = format!("time zone {:?} is not the one given, {given}", prefix.text);
            return Err(prefix.fault_outside_fields(problem));
        }
        (Some(zone), ..) | (None, Some(zone), _) => zone,
        (None, None, _) => TimeZone::UTC,
    };
    let Some(name) = zone.iana_name() else {
        return Err(whole("its time zone has no IANA name such as Europe/Berlin".to_owned()));
    };
    if dialect == Dialect::ActionScheduler && name != "UTC" {
        let problem =
            format!("has time zone {name}, but Action Scheduler's dialect knows only UTC");
        return Err(prefix.map_or_else(
            || whole(problem.clone()),
            |prefix| prefix.fault_outside_fields(problem.clone()),
        ));
    }
    Ok(zone)
}

fn zone_named(name: Token<'_>) -> Result<TimeZone, Fault> {
    let is_name = |b: u8| b.is_ascii_alphanumeric() || b"/_+-".contains(&b);
    let zone = name.text.bytes().all(is_name).then(|| TimeZone::get(name.text).ok()).flatten();
    zone.ok_or_else(|| {
        let problem = format!(
            "time zone {:?} is not known; expected an IANA name such as Europe/Berlin",
            name.text
        );
        name.fault_outside_fields(problem)
    })
}

fn parse_macro(
    word: Token<'_>,
    rest: &[Token<'_>],
    dialect: Dialect,
) -> Result<(String, Plan), Fault> {
    let name = word.text.to_ascii_lowercase();
    let known = match dialect {
        Dialect::Standard => MACROS.as_slice(),
        Dialect::ActionScheduler => MACROS.get(..PLUGIN_MACROS).unwrap_or_default(),
    };
    match rest {
        [interval] if name == "@every" && dialect == Dialect::Standard => {
            let every = parse_interval(*interval)?;
            let text = format!("@every {}", interval.text.to_ascii_lowercase());
            return Ok((text, Plan::Every(every)));
        }
        [] => {}
        [extra, ..] => {
            let problem = format!("{:?} follows {:?}, which stands alone", extra.text, word.text);
            return Err(extra.fault_outside_fields(problem));
        }
    }
    let Some(fields) = fields_of(&name, known) else {
        let mut names: Vec<_> = known.iter().map(|(name, _)| *name).collect();
        if dialect == Dialect::Standard {
            names.push("@every 90s");
        }
        let problem = format!("{:?} is not known; expected {}", word.text, names.join(", "));
        return Err(word.fault_outside_fields(problem));
    };
    let calendar = parse_fields(fields, &Token::words(fields), dialect)?;
    Ok((name, Plan::Calendar(calendar)))
}

/// What a macro stands for, if the text is one.
pub(super) fn macro_fields(text: &str) -> Option<&'static str> {
    fields_of(text, &MACROS)
}

fn fields_of(name: &str, known: &[(&str, &'static str)]) -> Option<&'static str> {
    known.iter().find(|(macro_name, _)| *macro_name == name).map(|(_, fields)| *fields)
}

/// `90s`, `1h30m`: numbers with the units d, h, m and s, from large to small.
fn parse_interval(token: Token<'_>) -> Result<SignedDuration, Fault> {
    let malformed = || {
        let problem =
            format!("interval {:?} is not understood; expected 90s, 1h30m or 2d", token.text);
        token.fault_outside_fields(problem)
    };
    let mut total: i64 = 0;
    let mut units = [('d', DAY), ('h', 60 * 60), ('m', 60), ('s', 1)].into_iter();
    for part in token.text.split_inclusive(|c: char| !c.is_ascii_digit()) {
        let unit =
            part.chars().next_back().map(|c| c.to_ascii_lowercase()).ok_or_else(malformed)?;
        let number = part.strip_suffix(|c: char| !c.is_ascii_digit()).ok_or_else(malformed)?;
        let (_, seconds) = units.find(|(name, _)| *name == unit).ok_or_else(malformed)?;
        if number.is_empty() {
            return Err(malformed());
        }
        let number = number.parse::<i64>().unwrap_or(i64::MAX);
        total = total.saturating_add(number.saturating_mul(seconds));
    }
    if !(1..=LONGEST_INTERVAL).contains(&total) {
        let problem = format!("interval {:?} is out of range (1s to 36600d)", token.text);
        return Err(token.fault_outside_fields(problem));
    }
    Ok(SignedDuration::from_secs(total))
}

fn parse_fields(text: &str, words: &[Token<'_>], dialect: Dialect) -> Result<Calendar, Fault> {
    let (second, rest, year) = match (dialect, words) {
        (_, rest @ [_, _, _, _, _]) => (None, rest, None),
        (Dialect::Standard, [second, rest @ ..]) if rest.len() == 5 => (Some(second), rest, None),
        (Dialect::Standard, [second, rest @ .., year]) if rest.len() == 5 => {
            (Some(second), rest, Some(year))
        }
        (Dialect::ActionScheduler, [rest @ .., year]) if rest.len() == 5 => {
            (None, rest, Some(year))
        }
        _ => return Err(wrong_count(text, words, dialect)),
    };
    let &[minute, hour, day, month, weekday] = rest else {
        return Err(wrong_count(text, words, dialect));
    };
    let values = match dialect {
        Dialect::Standard => field::values,
        Dialect::ActionScheduler => plugin_field::values,
    };
    let (days, weekdays) = match dialect {
        Dialect::Standard => (field::days(day), field::weekdays(weekday)),
        Dialect::ActionScheduler => (plugin_field::days(day), plugin_field::weekdays(weekday)),
    };
    let times = [second.copied(), Some(minute), Some(hour)].into_iter().flatten();
    let calendar = Calendar {
        seconds: match second {
            Some(second) => bits(values(CronField::Second, *second)?),
            None => 1,
        },
        minutes: bits(values(CronField::Minute, minute)?),
        hours: bits(values(CronField::Hour, hour)?),
        days: days?,
        months: bits(values(CronField::Month, month)?),
        weekdays: weekdays?,
        years: match year {
            Some(year) => Some(year_set(values(CronField::Year, *year)?)),
            None => None,
        },
        day_rule: match dialect {
            Dialect::Standard if is_restricted(day) && is_restricted(weekday) => DayRule::Either,
            _ => DayRule::Both,
        },
        is_interval: times.into_iter().any(|time| time.text.contains(['*', '?', '-', '/'])),
    };
    refuse_impossible(&calendar, [day, month, weekday], year.copied())?;
    Ok(calendar)
}

fn year_set(years: Vec<u32>) -> BTreeSet<i16> {
    years.into_iter().filter_map(|year| i16::try_from(year).ok()).collect()
}

/// As cron has it: what begins with a star leaves the choice of the day to the other field.
fn is_restricted(day: Token<'_>) -> bool {
    !day.text.starts_with(['*', '?'])
}

fn wrong_count(text: &str, words: &[Token<'_>], dialect: Dialect) -> Fault {
    let expected = match dialect {
        Dialect::Standard => "5, 6 (second first) or 7 (second first, year last)",
        Dialect::ActionScheduler => "5 or 6 (year last)",
    };
    let span = match (words.first(), words.last()) {
        (Some(first), Some(last)) => first.span().start..last.span().end,
        _ => 0..text.len(),
    };
    let problem = match words.len() {
        0 => format!("is empty; expected {expected} fields"),
        1 => format!("has 1 field; expected {expected}"),
        count => format!("has {count} fields; expected {expected}"),
    };
    Fault { field: None, span, problem }
}

/// A calendar without a single day, such as the 30th of February, is a mistake: it says which field makes it so.
fn refuse_impossible(
    calendar: &Calendar,
    [day, month, weekday]: [Token<'_>; 3],
    year: Option<Token<'_>>,
) -> Result<(), Fault> {
    let has_a_day =
        |calendar: &Calendar| calendar.first_date_from(Date::constant(1970, 1, 1)).is_some();
    if has_a_day(calendar) {
        return Ok(());
    }
    let any_year = Calendar { years: None, ..calendar.clone() };
    if let Some(year) = year.filter(|_| has_a_day(&any_year)) {
        return Err(year.fault(CronField::Year, "has no such day"));
    }
    let any_weekday =
        Calendar { weekdays: Weekdays { days: 0x7f, ..Weekdays::default() }, ..any_year };
    if has_a_day(&any_weekday) {
        let never = format!("never falls on day of month {:?}", day.text);
        return Err(weekday.fault(CronField::DayOfWeek, never));
    }
    let never = format!("does not exist in month {:?}", month.text);
    Err(day.fault(CronField::DayOfMonth, never))
}
