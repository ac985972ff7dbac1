//! Dates in the plugin's tables: `YYYY-MM-DD HH:MM:SS`, in UTC or in the time zone of the site.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};

use crate::error::Invalid;

/// How the tables write that there is no date.
const NONE: &str = "0000-00-00 00:00:00";

const FORMAT: &str = "%Y-%m-%d %H:%M:%S";

/// The first date that a column can hold.
const FIRST: DateTime = DateTime::constant(1000, 1, 1, 0, 0, 0, 0);

/// The text of a `*_gmt` column, in whole seconds. Dates before the year 1000, which the column cannot hold, become
/// the first that it can.
pub(crate) fn format_gmt(at: Option<Timestamp>) -> String {
    format(at, &TimeZone::UTC)
}

/// Reads a `*_gmt` column; the zero date is none.
pub(crate) fn parse_gmt(text: &str) -> Result<Option<Timestamp>, Invalid> {
    if text == NONE {
        return Ok(None);
    }
    let refuse = || {
        Invalid::new("date", text, format_args!("expected YYYY-MM-DD HH:MM:SS, or {NONE} for none"))
    };
    // The parser lets digits and spaces be left out.
    if !has_the_shape(text) {
        return Err(refuse());
    }
    let date = DateTime::strptime(FORMAT, text).map_err(|_| refuse())?;
    date.to_zoned(TimeZone::UTC).map(|at| Some(at.timestamp())).map_err(|_| refuse())
}

fn has_the_shape(text: &str) -> bool {
    text.len() == NONE.len()
        && text.bytes().zip(NONE.bytes()).all(|(byte, shape)| match shape {
            b'0' => byte.is_ascii_digit(),
            _ => byte == shape,
        })
}

fn format(at: Option<Timestamp>, zone: &TimeZone) -> String {
    at.map_or_else(
        || NONE.to_owned(),
        |at| zone.to_datetime(at).max(FIRST).strftime(FORMAT).to_string(),
    )
}

/// The time zone of a WordPress site, in which `*_local` dates are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SiteTime {
    zone: TimeZone,
}

impl SiteTime {
    /// From the site's options, as they stand in its database. `timezone_string` counts unless it is empty, and may be
    /// a name (`Europe/Berlin`), an offset (`+05:30`) or what the settings page calls one (`UTC+5.5`); `gmt_offset`
    /// is a number of hours, empty for none.
    pub(crate) fn from_options(timezone_string: &str, gmt_offset: &str) -> Result<Self, Invalid> {
        let (name, hours) = (timezone_string.trim(), gmt_offset.trim());
        let zone = match (name, hours) {
            ("", "") => Ok(TimeZone::UTC),
            ("", hours) => zone_of_hours(hours).ok_or_else(|| {
                let problem = "expected a number of hours from -23.75 to 23.75, such as 2 or -3.5";
                Invalid::new("gmt_offset", gmt_offset, problem)
            }),
            (name, _) => zone_named(name).ok_or_else(|| {
                let problem = "expected an IANA name such as Europe/Berlin, or an offset such as \
                               +02:00 or UTC+2";
                Invalid::new("timezone_string", timezone_string, problem)
            }),
        };
        zone.map(|zone| Self { zone })
    }

    /// The text of a `*_local` column, in whole seconds.
    pub(crate) fn format_local(&self, at: Option<Timestamp>) -> String {
        format(at, &self.zone)
    }
}

fn zone_named(name: &str) -> Option<TimeZone> {
    let in_name = |b: u8| b.is_ascii_alphanumeric() || b"/_+-".contains(&b);
    let offset = name.strip_prefix("UTC").unwrap_or(name);
    if offset.starts_with(['+', '-']) {
        return zone_of_hours(offset);
    }
    name.bytes().all(in_name).then(|| TimeZone::get(name).ok()).flatten()
}

/// `2`, `+5.5`, `-3:30` or `+05:30`: hours from UTC.
fn zone_of_hours(text: &str) -> Option<TimeZone> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let whole = |text: &str| {
        let is_short = (1..=2).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        if is_short { text.parse::<i32>().ok() } else { None }
    };
    let seconds = match (digits.split_once(':'), digits.split_once('.')) {
        (Some((hours, minutes)), _) if minutes.len() == 2 => {
            whole(hours)? * 3600 + whole(minutes).filter(|minutes| *minutes < 60)? * 60
        }
        (None, Some((hours, part))) if part.bytes().all(|b| b.is_ascii_digit()) => {
            let part: f64 = format!("0.{part}0").parse().ok()?;
            whole(hours)? * 3600 + (part * 3600.0).round() as i32
        }
        (None, None) => whole(digits)? * 3600,
        _ => return None,
    };
    let seconds = if negative { -seconds } else { seconds };
    let offset = Offset::from_seconds(seconds).ok().filter(|_| seconds.abs() < 24 * 3600)?;
    Some(if seconds == 0 { TimeZone::UTC } else { TimeZone::fixed(offset) })
}

#[cfg(test)]
mod tests;
