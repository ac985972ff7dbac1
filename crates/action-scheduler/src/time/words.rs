//! Dates and lengths of time, for people to read.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// Dates as they are shown: in one zone, seen from one moment.
#[derive(Debug, Clone)]
pub struct Dates {
    /// The zone they are shown in.
    pub zone: TimeZone,
    /// The moment that "in 5 minutes" counts from.
    pub now: Timestamp,
}

impl Dates {
    /// `2026-12-24 18:00:00 CET (in 5 minutes)`.
    pub fn show(&self, at: Timestamp) -> String {
        format!("{} ({})", self.absolute(at), self.relative(at))
    }

    /// `2026-12-24 18:00:00 CET`.
    pub fn absolute(&self, at: Timestamp) -> String {
        at.to_zoned(self.zone.clone()).strftime("%Y-%m-%d %H:%M:%S %Z").to_string()
    }

    /// As [`Dates::absolute`], with the day of the week before it.
    pub fn with_weekday(&self, at: Timestamp) -> String {
        at.to_zoned(self.zone.clone()).strftime("%a %Y-%m-%d %H:%M:%S %Z").to_string()
    }

    /// `in 5 minutes`, `2 hours ago`, `now`.
    pub fn relative(&self, at: Timestamp) -> String {
        let seconds = at.duration_since(self.now).as_secs();
        match (seconds, in_words(Duration::from_secs(seconds.unsigned_abs()))) {
            (0, _) => "now".to_owned(),
            (1.., words) => format!("in {words}"),
            (_, words) => format!("{words} ago"),
        }
    }
}

/// A length of time in its largest unit: `5 minutes`.
pub fn in_words(duration: Duration) -> String {
    const UNITS: [(u64, &str); 6] = [
        (365 * 86_400, "year"),
        (30 * 86_400, "month"),
        (86_400, "day"),
        (3600, "hour"),
        (60, "minute"),
        (1, "second"),
    ];
    let seconds = duration.as_secs();
    let (length, unit) = UNITS
        .into_iter()
        // Below two of a unit, the next smaller one says more: 90 minutes, not 1 hour.
        .find(|(length, unit)| seconds >= 2 * length || *unit == "second")
        .unwrap_or((1, "second"));
    let count = seconds / length;
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

/// A length of time as it is written in a config file: `1h 30m`, `250ms`.
pub fn short(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let parts = [
        (seconds / 86_400, "d"),
        (seconds / 3600 % 24, "h"),
        (seconds / 60 % 60, "m"),
        (seconds % 60, "s"),
        (u64::from(duration.subsec_millis()), "ms"),
    ];
    let parts: Vec<String> = parts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, unit)| format!("{count}{unit}"))
        .collect();
    if parts.is_empty() { "0s".to_owned() } else { parts.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_shown_in_their_zone_and_from_now() {
        let dates = Dates {
            zone: TimeZone::get("Europe/Berlin").unwrap(),
            now: "2026-12-24T16:55:00Z".parse().unwrap(),
        };
        let at = "2026-12-24T17:00:00Z".parse().unwrap();
        assert_eq!(dates.show(at), "2026-12-24 18:00:00 CET (in 5 minutes)");
        assert_eq!(dates.relative(dates.now), "now");
        assert_eq!(dates.relative("2026-12-24T15:25:00Z".parse().unwrap()), "90 minutes ago");
        assert_eq!(dates.relative("2026-12-22T15:25:00Z".parse().unwrap()), "2 days ago");
    }

    #[test]
    fn short_lengths_can_be_read_again() {
        for seconds in [0, 1, 59, 60, 3661, 86_400, 31 * 86_400, 100_000_000] {
            let text = short(Duration::from_secs(seconds));
            let read = crate::time::parse_duration(&text).unwrap();
            assert_eq!(read.as_secs(), seconds, "{text}");
        }
    }
}
