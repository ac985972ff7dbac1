//! Dates and lengths of time as people write them.
//!
//! [`parse_date`] reads what a person would type into a form, a command line or a PHP call to
//! `strtotime`; [`parse_duration`] reads a length of time. Both refuse what they do not wholly
//! understand, and say which word they stumbled on.
//!
//! ```
//! use action_scheduler::time::date_text::{parse_date, parse_duration};
//! use jiff::tz::TimeZone;
//!
//! let now = "2026-01-15T10:30:00Z".parse()?;
//! let noon = parse_date("tomorrow noon", now, &TimeZone::UTC)?;
//! assert_eq!(noon.to_string(), "2026-01-16T12:00:00Z");
//!
//! let refused = parse_date("tomorow", now, &TimeZone::UTC).unwrap_err();
//! assert!(refused.to_string().contains(r#"did you mean "tomorrow"?"#));
//!
//! assert_eq!(parse_duration("1h30m")?.as_secs(), 5400);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Grammar of a date
//!
//! Upper and lower case are alike; spaces and commas only separate.
//!
//! ```text
//! text    = unix | RFC 9557 (2026-12-24T18:00+01:00[Europe/Berlin]) | part…
//! unix    = ["@"] ["-"] digits ["." digits]      seconds since 1970, however few the digits
//! part    = day | ["at"] clock | zone | weekday | within | offset
//!
//! day     = now | today | tomorrow | yesterday
//!         | 2026-12-24 | 2026/12/24              year, month, day
//!         | 24-12-2026 | 24.12.2026 | 24-Dec-2026
//!         | 12/25/2026                           month, day, year, as in the United States
//!         | 24 [of] December [2026] | December 24 [2026] | December 2026
//! clock   = 18:00 | 18:00:30 | 18:00:30.25 | 5pm | 5:30 pm | noon | midnight
//! zone    = Z | UTC | GMT | Europe/Berlin | +02:00 | +0200 | +02     the last two after a clock
//! weekday = [next | last | previous | this] monday
//! within  = (first … fifth | last) (day | monday) of month          February [2027], next month
//! offset  = amount… ["ago"] | (next | last | previous | this) unit
//! amount  = ["+" | "-"] number unit              +2 hours, 1h30m, +1 week 2 days
//! unit    = us | ms | s, sec, second | m, min, minute | h, hour | d, day | w, week
//!         | fortnight | month | y, year | weekday                    singular or plural
//! ```
//!
//! # What the words mean
//!
//! - `m` is minutes; a month is spelled out.
//! - Parts may stand in any order. The day comes first, then the weekday, then months and years,
//!   then weeks and days, then weekdays (Monday to Friday), then hours and less.
//! - A day, a weekday or a month without a clock begins at midnight; offsets alone keep the time of
//!   `now`, and so does `first day of next month`.
//! - A weekday is the next one, today included; `next monday` and `last monday` leave today out.
//!   With `this week`, `next week` or `last week` it is the day of that week, Monday to Sunday.
//!   Beside a date it must be the weekday of that date.
//! - `next week` alone is the Monday of that week at the time of `now`, as in PHP; seven days on is
//!   `+1 week`.
//! - A month on from 31 January is the last day of February.
//! - Days and more are calendar time in the zone; hours and less are exact time. A local time which
//!   the clocks skip moves forward by what they skip (02:30 becomes 03:30, a skipped midnight
//!   01:00); of a local time which comes twice it is the first.
//! - The result is truncated to microseconds.
//!
//! # Grammar of a length of time
//!
//! A plain number of seconds (`90`, `1.5`), amounts (`90s`, `2 hours 30 minutes`, `1h30m`,
//! `1 week`, `1.5 hours`), or ISO 8601 (`PT5M`, `P1DT12H`). A day is 24 hours; months and years
//! have no fixed length and are refused, as are negative lengths.

mod error;
mod lexer;
mod parser;
mod phrase;
mod resolve;
#[cfg(test)]
mod tests;
mod words;

use std::time::Duration;

use jiff::{Span, SpanRelativeTo, Timestamp, Zoned, tz::TimeZone};

pub use error::DateTextError;
use error::{Expected, Problem};
use lexer::{Scanner, Shape, Token};
use words::Unit;

/// The longest text that is read at all.
const LONGEST: usize = 200;

/// Parses a date as people write it: `tomorrow 09:30`, `+2 hours`, `next monday`, `@1700000000`,
/// `2026-12-24 18:00`.
///
/// Relative words count from `now`; local times are those of `zone` unless the text names its own.
/// The [module](self) lists the grammar.
///
/// ```
/// use action_scheduler::time::date_text::parse_date;
/// use jiff::tz::TimeZone;
///
/// let now = "2026-01-15T10:30:00Z".parse()?;
/// let berlin = TimeZone::get("Europe/Berlin")?;
/// let eve = parse_date("24 December 2026 6pm", now, &berlin)?;
/// assert_eq!(eve.to_string(), "2026-12-24T17:00:00Z");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn parse_date(text: &str, now: Timestamp, zone: &TimeZone) -> Result<Timestamp, DateTextError> {
    let text = text.trim();
    read_date(text, now, zone)
        .and_then(|found| {
            Timestamp::from_microsecond(found.as_microsecond()).map_err(Problem::out_of_range)
        })
        .map_err(|problem| DateTextError::new(text, Expected::Date, problem))
}

/// Parses a length of time: `90s`, `2 hours 30 minutes`, `1h30m`, `250ms`, `PT5M`; a plain number
/// is seconds.
///
/// ```
/// use action_scheduler::time::date_text::parse_duration;
/// use std::time::Duration;
///
/// assert_eq!(parse_duration("2 hours 30 minutes")?, Duration::from_secs(9_000));
/// assert_eq!(parse_duration("PT5M")?, Duration::from_secs(300));
/// assert!(parse_duration("1 month").is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn parse_duration(text: &str) -> Result<Duration, DateTextError> {
    let text = text.trim();
    read_duration(text).map_err(|problem| DateTextError::new(text, Expected::Length, problem))
}

fn read_date(text: &str, now: Timestamp, zone: &TimeZone) -> Result<Timestamp, Problem> {
    check_length(text)?;
    if let Some(instant) = unix_seconds(text)? {
        return Ok(instant);
    }
    if text.ends_with(']') {
        let zoned = text.parse::<Zoned>();
        return zoned
            .map(|zoned| zoned.timestamp())
            .map_err(|error| Problem::new(error.to_string()));
    }
    parser::parse(text)?.resolve(now, zone)
}

fn check_length(text: &str) -> Result<(), Problem> {
    match text.len() {
        0 => Err(Problem::new("it is empty")),
        length if length > LONGEST => {
            Err(Problem::new(format!("it has {length} bytes, more than {LONGEST}")))
        }
        _ => Ok(()),
    }
}

/// Seconds since 1970, if the text is `@` and a number, or nothing but a number.
fn unix_seconds(text: &str) -> Result<Option<Timestamp>, Problem> {
    let mut scanner = Scanner::new(text);
    let marked = scanner.eat('@');
    let sign = if scanner.eat('-') { -1 } else { 1 };
    match scanner.number()? {
        Some((whole, fraction)) if scanner.is_done() => {
            let instant = Timestamp::new(i64::from(sign) * whole, sign * fraction);
            instant.map(Some).map_err(Problem::out_of_range)
        }
        _ if marked => Err(Problem::new("after \"@\" come seconds since 1970 and nothing else")),
        _ => Ok(None),
    }
}

fn read_duration(text: &str) -> Result<Duration, Problem> {
    const SECOND: Unit = Unit::Exact(1_000_000_000);

    check_length(text)?;
    if text.starts_with('-') {
        return Err(Problem::new("a length of time cannot be negative"));
    }
    if text.starts_with(['p', 'P']) {
        return iso_duration(text);
    }

    let tokens = lexer::tokens(text)?;
    let mut nanoseconds = 0_i128;
    let mut rest = tokens.as_slice();
    while let [token, following @ ..] = rest {
        let number = match &token.shape {
            Shape::Number(number) => number,
            Shape::Word(word) if word == "and" && rest.len() < tokens.len() => {
                rest = following;
                continue;
            }
            _ => return Err(Problem::unknown(token, "is not an amount")),
        };
        if number.sign.is_some() && rest.len() < tokens.len() {
            return Err(Problem::at(token, "has a sign, which a length of time does not take"));
        }
        let (unit, next) = match following {
            [] if tokens.len() == 1 => (SECOND, following),
            [] => return Err(Problem::at(token, "needs a unit, such as \"minutes\"")),
            [word, next @ ..] => (fixed_unit(word)?, next),
        };
        let length = unit.nanoseconds(number.whole, number.fraction);
        nanoseconds = length
            .and_then(|length| nanoseconds.checked_add(length))
            .ok_or_else(|| Problem::at(token, "is too large"))?;
        rest = next;
    }
    to_duration(nanoseconds)
}

/// The unit that the token names, as long as it has one length on every day.
fn fixed_unit(token: &Token<'_>) -> Result<Unit, Problem> {
    let unit = token.word().and_then(words::unit);
    match unit.ok_or_else(|| Problem::unknown(token, "is not a unit"))? {
        Unit::Days(days) => Ok(Unit::Exact(i128::from(days) * 86_400_000_000_000)),
        unit @ Unit::Exact(_) => Ok(unit),
        Unit::Months(_) | Unit::Weekdays => {
            Err(Problem::at(token, "has no fixed length, write days or hours"))
        }
    }
}

fn iso_duration(text: &str) -> Result<Duration, Problem> {
    let span: Span = text.parse().map_err(|error: jiff::Error| Problem::new(error.to_string()))?;
    if span.get_years() != 0 || span.get_months() != 0 {
        return Err(Problem::new("months and years have no fixed length, write days or hours"));
    }
    let exact = span.to_duration(SpanRelativeTo::days_are_24_hours());
    to_duration(exact.map_err(Problem::out_of_range)?.as_nanos())
}

fn to_duration(nanoseconds: i128) -> Result<Duration, Problem> {
    let seconds = u64::try_from(nanoseconds / 1_000_000_000);
    let rest = u32::try_from(nanoseconds % 1_000_000_000);
    match (seconds, rest) {
        (Ok(seconds), Ok(rest)) => Ok(Duration::new(seconds, rest)),
        _ => Err(Problem::new("it is too long")),
    }
}
