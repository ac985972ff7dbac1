//! Dates and lengths of time.

use std::time::Duration;

use action_scheduler::time::words::Dates;
use jiff::Timestamp;
use maud::{Markup, html};

/// A date in full, with how far away it is below: for tables.
pub(in crate::admin) fn date(dates: &Dates, at: Timestamp) -> Markup {
    html! {
        time .date datetime=(at) title=(dates.with_weekday(at)) {
            span .at { (wall(dates, at)) }
            " " span .ago data-at=(at.as_millisecond()) { (dates.relative(at)) }
        }
    }
}

/// How far away a date is; the date itself for the pointer and for machines.
pub(in crate::admin) fn relative(dates: &Dates, at: Timestamp) -> Markup {
    html! {
        time datetime=(at) title=(dates.with_weekday(at)) data-at=(at.as_millisecond()) { (dates.relative(at)) }
    }
}

/// A date in full.
pub(in crate::admin) fn absolute(dates: &Dates, at: Timestamp) -> Markup {
    html! { time datetime=(at) title=(dates.with_weekday(at)) { (dates.absolute(at)) } }
}

/// A date in the viewer's zone, to the millisecond: for steps that follow each other closely.
pub(in crate::admin) fn precise(dates: &Dates, at: Timestamp) -> Markup {
    let text = at.to_zoned(dates.zone.clone()).strftime("%Y-%m-%d %H:%M:%S%.3f").to_string();
    html! { time datetime=(at) title=(dates.with_weekday(at)) { (text) } }
}

/// A date as the clock on the wall shows it: `2026-12-24 18:00:00`.
fn wall(dates: &Dates, at: Timestamp) -> String {
    at.to_zoned(dates.zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// The time between two dates, as it is read at a glance; none where clocks disagree.
pub(in crate::admin) fn between(from: Timestamp, to: Timestamp) -> Option<Duration> {
    Duration::try_from(to.duration_since(from)).ok()
}

/// A length of time, to two places that matter: `340 µs`, `12.5 ms`, `3.21 s`, `4 m 10 s`, `2 h 5 m`, `3 d 4 h`.
pub(in crate::admin) fn length(duration: Duration) -> String {
    let micros = duration.as_micros();
    let seconds = duration.as_secs();
    match micros {
        0 => "0 s".to_owned(),
        1..1_000 => format!("{micros} µs"),
        1_000..1_000_000 => format!("{} ms", three_places(duration.as_secs_f64() * 1e3)),
        1_000_000..60_000_000 => format!("{} s", three_places(duration.as_secs_f64())),
        60_000_000..3_600_000_000 => pair(seconds / 60, "m", seconds % 60, "s"),
        3_600_000_000..86_400_000_000 => pair(seconds / 3600, "h", seconds / 60 % 60, "m"),
        _ => pair(seconds / 86_400, "d", seconds / 3600 % 24, "h"),
    }
}

fn pair(large: u64, unit: &str, small: u64, small_unit: &str) -> String {
    match small {
        0 => format!("{large} {unit}"),
        _ => format!("{large} {unit} {small} {small_unit}"),
    }
}

/// A number below 1000 with three places: `1.23`, `12.3`, `123`.
fn three_places(number: f64) -> String {
    let places = if number < 9.995 { 2 } else { usize::from(number < 99.95) };
    let text = format!("{number:.places$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_short() {
        let shown = |micros| length(Duration::from_micros(micros));
        assert_eq!(shown(0), "0 s");
        assert_eq!(shown(340), "340 µs");
        assert_eq!(shown(12_500), "12.5 ms");
        assert_eq!(shown(999_999), "1000 ms");
        assert_eq!(shown(3_214_000), "3.21 s");
        assert_eq!(shown(30_000_000), "30 s");
        assert_eq!(shown(250_000_000), "4 m 10 s");
        assert_eq!(shown(7_500_000_000), "2 h 5 m");
        assert_eq!(shown(273_600_000_000), "3 d 4 h");
    }
}
