use std::fs;
use std::time::Duration;

use jiff::{Timestamp, ToSpan, tz::TimeZone};
use proptest::prelude::*;
use serde_json::Value;

use super::{parse_date, parse_duration};

/// A Thursday.
const NOW: &str = "2026-01-15T10:30:00Z";

/// Where the answers differ from PHP's on purpose: what is expected instead, and why.
const DIFFERENCES: &[(&str, &str)] = &[
    ("2026-02-30", "PHP rolls over to 2 March; a day that does not exist is more likely a slip"),
    (" ", "PHP reads now; a blank field is a forgotten one"),
    ("+1 fortnights x", "PHP reads x as a military time zone; it is more likely a slip"),
];

fn read(text: &str) -> String {
    read_in(text, NOW, "UTC")
}

fn read_in(text: &str, now: &str, zone: &str) -> String {
    let zone = TimeZone::get(zone).unwrap();
    match parse_date(text, now.parse().unwrap(), &zone) {
        Ok(instant) => instant.to_string(),
        Err(error) => panic!("{error}"),
    }
}

fn refusal(text: &str) -> String {
    match parse_date(text, NOW.parse().unwrap(), &TimeZone::UTC) {
        Ok(instant) => panic!("{text:?} was read as {instant}"),
        Err(error) => error.to_string(),
    }
}

#[track_caller]
fn assert_reads(cases: &[(&str, &str)]) {
    for (text, expected) in cases {
        assert_eq!(read(text), *expected, "{text:?}");
    }
}

#[test]
fn reads_what_strtotime_reads() {
    let path =
        concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/fixtures/dates/strtotime.json");
    let fixture: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let now = Timestamp::from_second(fixture["now"].as_i64().unwrap()).unwrap();
    let cases = fixture["cases"].as_array().unwrap();
    assert!(cases.len() > 60);

    let mut differing = Vec::new();
    for case in cases {
        let text = case["text"].as_str().unwrap();
        let ours = parse_date(text, now, &TimeZone::UTC);
        if DIFFERENCES.iter().any(|(different, _)| *different == text) {
            assert!(ours.is_err(), "{text:?} was read as {ours:?}");
            differing.push(text);
        } else {
            let second = ours.map(Timestamp::as_second);
            assert_eq!(second.as_ref().ok(), case["unix"].as_i64().as_ref(), "{text:?} {second:?}");
        }
    }
    assert_eq!(differing.len(), DIFFERENCES.len());
}

#[test]
fn reads_unix_seconds() {
    assert_reads(&[
        ("1700000000", "2023-11-14T22:13:20Z"),
        ("@1700000000.25", "2023-11-14T22:13:20.25Z"),
        ("1700000000.123456789", "2023-11-14T22:13:20.123456Z"),
        ("-1", "1969-12-31T23:59:59Z"),
        ("@-0.5", "1969-12-31T23:59:59.5Z"),
        ("2026", "1970-01-01T00:33:46Z"),
    ]);
}

#[test]
fn reads_dates_in_the_usual_notations() {
    assert_reads(&[
        ("2026-12-24T18:00:30.123456Z", "2026-12-24T18:00:30.123456Z"),
        ("2026-12-24t18:00-03:30", "2026-12-24T21:30:00Z"),
        ("2026-12-24T18:00+01:00[Europe/Berlin]", "2026-12-24T17:00:00Z"),
        ("2026-12-24 18:00 UTC", "2026-12-24T18:00:00Z"),
        ("2026-12-24 18:00 europe/berlin", "2026-12-24T17:00:00Z"),
        ("2026-12-24 18:00 America/Port-au-Prince", "2026-12-24T23:00:00Z"),
        ("2026-12-24 18:00 +0100", "2026-12-24T17:00:00Z"),
        ("2026-12-24 18:00+01", "2026-12-24T17:00:00Z"),
        ("2026/12/24", "2026-12-24T00:00:00Z"),
        ("24.12.2026 6pm", "2026-12-24T18:00:00Z"),
        ("24-12-2026", "2026-12-24T00:00:00Z"),
        ("24 Dec", "2026-12-24T00:00:00Z"),
        ("24th of December, 2026", "2026-12-24T00:00:00Z"),
        ("Dec. 24th 2026 5:30 p.m.", "2026-12-24T17:30:00Z"),
        ("December 2026", "2026-12-01T00:00:00Z"),
        ("Thu, 24 Dec 2026 18:00:00 +0000", "2026-12-24T18:00:00Z"),
        ("2026-12-24T00:00 +1 day", "2026-12-25T00:00:00Z"),
        ("2026-12-24 - 1 day", "2026-12-23T00:00:00Z"),
    ]);
}

#[test]
fn reads_the_time_of_day_on_either_side_of_the_day() {
    assert_reads(&[
        ("tomorrow at 5pm", "2026-01-16T17:00:00Z"),
        ("17:00 tomorrow", "2026-01-16T17:00:00Z"),
        ("noon tomorrow", "2026-01-16T12:00:00Z"),
        ("12am", "2026-01-15T00:00:00Z"),
        ("12:30 AM", "2026-01-15T00:30:00Z"),
        ("MONDAY 9am", "2026-01-19T09:00:00Z"),
    ]);
}

#[test]
fn reads_offsets() {
    assert_reads(&[
        ("now +2 hours", "2026-01-15T12:30:00Z"),
        ("now + 2 hours", "2026-01-15T12:30:00Z"),
        ("+1.5 hours", "2026-01-15T12:00:00Z"),
        ("90s", "2026-01-15T10:31:30Z"),
        ("1h30m", "2026-01-15T12:00:00Z"),
        ("+250ms", "2026-01-15T10:30:00.25Z"),
        ("1 hour and 5 minutes ago", "2026-01-15T09:25:00Z"),
        ("1 week 2 days ago", "2026-01-06T10:30:00Z"),
        ("-2 hours +30 minutes", "2026-01-15T09:00:00Z"),
        ("today +2 hours", "2026-01-15T02:00:00Z"),
        ("last day", "2026-01-14T10:30:00Z"),
        ("2026-01-31 +1 month", "2026-02-28T00:00:00Z"),
    ]);
}

#[test]
fn reads_weekdays_and_places_in_a_month() {
    assert_reads(&[
        ("thursday", "2026-01-15T00:00:00Z"),
        ("next thursday", "2026-01-22T00:00:00Z"),
        ("last thursday", "2026-01-08T00:00:00Z"),
        ("this thursday", "2026-01-15T00:00:00Z"),
        ("monday this week", "2026-01-12T00:00:00Z"),
        ("sunday this week", "2026-01-18T00:00:00Z"),
        ("monday next week 9am", "2026-01-19T09:00:00Z"),
        ("next week", "2026-01-19T10:30:00Z"),
        ("next week 9am", "2026-01-19T09:00:00Z"),
        ("last week tue", "2026-01-06T00:00:00Z"),
        ("last friday of this month", "2026-01-30T00:00:00Z"),
        ("last day of next month 23:59", "2026-02-28T23:59:00Z"),
        ("first day of May", "2026-05-01T00:00:00Z"),
        ("second day of May +1 week", "2026-05-09T00:00:00Z"),
        ("fifth friday of january", "2026-01-30T00:00:00Z"),
    ]);
}

#[test]
fn counts_weekdays_from_monday_to_friday() {
    let expected = |text, now| read_in(text, now, "UTC")[..10].to_owned();
    assert_eq!(expected("+1 weekday", "2026-01-16T09:00:00Z"), "2026-01-19");
    assert_eq!(expected("+1 weekday", "2026-01-17T09:00:00Z"), "2026-01-19");
    assert_eq!(expected("+6 weekdays", "2026-01-18T09:00:00Z"), "2026-01-26");
    assert_eq!(expected("-1 weekday", "2026-01-18T09:00:00Z"), "2026-01-16");
    assert_eq!(expected("6 weekdays ago", "2026-01-19T09:00:00Z"), "2026-01-09");
}

#[test]
fn days_are_of_the_calendar_and_hours_exact_when_the_clocks_change() {
    // In Berlin the clocks skip 02:00 to 03:00 on 29 March 2026.
    let eve = "2026-03-28T11:00:00Z";
    assert_eq!(read_in("+1 day", eve, "Europe/Berlin"), "2026-03-29T10:00:00Z");
    assert_eq!(read_in("+24 hours", eve, "Europe/Berlin"), "2026-03-29T11:00:00Z");
    assert_eq!(read_in("tomorrow +3 hours", eve, "Europe/Berlin"), "2026-03-29T02:00:00Z");
}

#[test]
fn a_skipped_local_time_moves_forward_by_what_is_skipped() {
    assert_eq!(read_in("2026-03-29 02:30", NOW, "Europe/Berlin"), "2026-03-29T01:30:00Z");
    // In Beirut midnight itself was skipped.
    assert_eq!(read_in("2022-03-27", NOW, "Asia/Beirut"), "2022-03-26T22:00:00Z");
}

#[test]
fn a_repeated_local_time_is_the_first() {
    assert_eq!(read_in("2026-10-25 02:30", NOW, "Europe/Berlin"), "2026-10-25T00:30:00Z");
    let second_time = "2026-10-25T01:30:00Z";
    assert_eq!(read_in("now", second_time, "Europe/Berlin"), second_time);
    assert_eq!(read_in("+1 minute", second_time, "Europe/Berlin"), "2026-10-25T01:31:00Z");
}

#[test]
fn the_day_is_that_of_the_zone() {
    let late = "2026-01-15T23:30:00Z";
    assert_eq!(read_in("today", late, "Asia/Tokyo"), "2026-01-15T15:00:00Z");
    assert_eq!(read_in("today Asia/Tokyo", late, "UTC"), "2026-01-15T15:00:00Z");
    assert_eq!(read_in("tomorrow", late, "America/New_York"), "2026-01-16T05:00:00Z");
}

#[test]
fn truncates_to_microseconds() {
    assert_eq!(
        read_in("now", "2026-01-15T10:30:00.123456789Z", "UTC"),
        "2026-01-15T10:30:00.123456Z"
    );
}

#[test]
fn a_refusal_says_which_word_is_wrong_and_what_to_write() {
    assert_eq!(
        refusal("5pm tomorow"),
        "cannot read \"5pm tomorow\" as a date: \"tomorow\" at character 5 is not a word for \
         dates (did you mean \"tomorrow\"?); write for example \"tomorrow 09:30\", \"+2 hours\" or \
         \"2026-12-24 18:00\""
    );
    for (text, part) in [
        ("in 3 days", "write \"+3 days\""),
        ("next firday", "did you mean \"friday\"?"),
        ("+2 huors", "did you mean \"hour\"?"),
        ("25/12/2026", "the order is month/day/year"),
        ("-2 hours 30 minutes", "\"30\" at character 10 follows a minus"),
        ("-3 days ago", "write only one of them"),
        ("tomorrow today", "\"today\" at character 10 is a second day"),
        ("5pm 18:00", "\"18:00\" at character 5 is a second time of day"),
        ("18:00 Europe/Berlim", "is not a known time zone"),
        ("2026-12-24 18:00 EST", "\"EST\" at character 18"),
        ("february", "write \"1 May\""),
        ("monday next month", "first monday of next month"),
        ("tomorrow next week", "both a date and a relative"),
        ("next week +1 month", "unclear"),
        ("friday 24 december 2026", "2026-12-24 is not a Friday"),
        ("fifth monday of february 2027", "no such day"),
        ("29 february", "no such day this year"),
        ("31 april", "not in the calendar"),
        ("24:00", "is not a time of day"),
        ("18:5", "is not a time of day"),
        ("+5", "needs a unit"),
        ("days", "needs a number before it"),
        ("+1.5 days", "must be whole"),
        ("tomorrow!", "\"!\" at character 9"),
        ("+9999999 years", "outside the years"),
        ("99999999999999999999", "too large"),
        ("+9223372036854775807 weeks", "too large"),
        ("", "it is empty"),
        (",", "it says nothing"),
        ("next", "needs a weekday or a unit"),
        ("first day of 2027", "needs a month"),
    ] {
        let refusal = refusal(text);
        assert!(refusal.contains(part), "{refusal}");
        assert_eq!(refusal.lines().count(), 1);
    }
}

#[test]
fn a_long_text_is_refused_and_quoted_in_part() {
    let refusal = refusal(&"é".repeat(150));
    assert!(refusal.contains("300 bytes"), "{refusal}");
    assert!(refusal.len() < 400);
}

#[test]
fn reads_lengths_of_time() {
    for (text, expected) in [
        ("0", Duration::ZERO),
        ("90", Duration::from_secs(90)),
        ("1.5", Duration::from_millis(1500)),
        ("90s", Duration::from_secs(90)),
        ("+90 sec", Duration::from_secs(90)),
        ("250ms", Duration::from_millis(250)),
        ("20 µs", Duration::from_micros(20)),
        ("1h30m", Duration::from_secs(5400)),
        ("1.5 hours", Duration::from_secs(5400)),
        ("2 hours 30 minutes", Duration::from_secs(9000)),
        ("2 hours, and 30 minutes", Duration::from_secs(9000)),
        ("1 week", Duration::from_secs(604_800)),
        ("PT5M", Duration::from_secs(300)),
        ("p1dt12h", Duration::from_secs(129_600)),
        ("P1W", Duration::from_secs(604_800)),
    ] {
        assert_eq!(parse_duration(text), Ok(expected), "{text:?}");
    }
}

#[test]
fn refuses_lengths_that_are_unclear() {
    for (text, part) in [
        ("", "it is empty"),
        ("-5 minutes", "cannot be negative"),
        ("1 month", "\"month\" at character 3 has no fixed length"),
        ("P1M", "no fixed length"),
        ("5 minuts", "did you mean \"minute\"?"),
        ("1h 30", "\"30\" at character 4 needs a unit"),
        ("1h -30m", "has a sign"),
        ("tomorrow", "is not an amount"),
        ("5pm", "is not an amount"),
        ("PT", "as a length of time"),
        ("99999999999999999999s", "too large"),
    ] {
        let refusal = parse_duration(text).unwrap_err().to_string();
        assert!(refusal.contains(part), "{refusal}");
        assert_eq!(refusal.lines().count(), 1, "{refusal}");
    }
}

const PIECES: &[&str] = &[
    "now",
    "next",
    "last",
    "first",
    "day",
    "of",
    "monday",
    "week",
    "month",
    "may",
    "2026",
    "31",
    "10",
    "+",
    "-",
    ":",
    "/",
    ".",
    "T",
    "Z",
    "@",
    "5pm",
    "18:00",
    "2026-02-28",
    "hours",
    "weekdays",
    "years",
    "ago",
    "in",
    "and",
    "at",
    "+02",
    "Europe/Berlin",
    "é",
    "9223372036854775807",
    "6588122883467697005",
    "p",
    "PT",
    "[",
    "]",
    "\n",
];

proptest! {
    #[test]
    fn no_text_panics(text in any::<String>()) {
        let _ = parse_date(&text, NOW.parse().unwrap(), &TimeZone::UTC);
        let _ = parse_duration(&text);
    }

    #[test]
    fn no_jumble_of_known_pieces_panics(
        pieces in prop::collection::vec((prop::sample::select(PIECES), any::<bool>()), 0..10),
        now in any_second(),
    ) {
        let spaced = pieces.iter().flat_map(|(piece, space)| [*piece, if *space { " " } else { "" }]);
        let text: String = spaced.collect();
        let zone = TimeZone::get("America/New_York").unwrap();
        if let Err(error) = parse_date(&text, now, &zone) {
            prop_assert_eq!(error.to_string().lines().count(), 1);
        }
        let _ = parse_duration(&text);
    }

    #[test]
    fn rfc_3339_comes_back(second in 0..4_000_000_000_i64, micro in 0..1_000_000_i32) {
        let instant = Timestamp::new(second, micro * 1000).unwrap();
        let read = |text: String| parse_date(&text, Timestamp::UNIX_EPOCH, &TimeZone::UTC).unwrap();
        prop_assert_eq!(read(instant.to_string()), instant);
        let berlin = instant.to_zoned(TimeZone::get("Europe/Berlin").unwrap());
        prop_assert_eq!(read(berlin.to_string()), instant);
        prop_assert_eq!(read(berlin.strftime("%a, %d %b %Y %H:%M:%S.%f %z").to_string()), instant);
    }

    #[test]
    fn offsets_agree_with_arithmetic(
        amount in -2000_i64..2000,
        second in 0..4_000_000_000_i64,
        zone in prop::sample::select(&["UTC", "Europe/Berlin", "America/New_York", "Asia/Beirut"][..]),
    ) {
        let zone = TimeZone::get(zone).unwrap();
        let now = Timestamp::from_second(second).unwrap();
        let here = now.to_zoned(zone.clone());
        for (unit, span) in [
            ("sec", amount.seconds()),
            ("minutes", amount.minutes()),
            ("hours", amount.hours()),
        ] {
            let read = parse_date(&format!("{amount:+} {unit}"), now, &zone);
            prop_assert_eq!(read, Ok(now + span));
        }
        for (unit, span) in [
            ("days", amount.days()),
            ("weeks", amount.weeks()),
            ("month", amount.months()),
        ] {
            let read = parse_date(&format!("{amount:+} {unit}"), now, &zone);
            prop_assert_eq!(read, Ok((&here + span).timestamp()));
        }
    }
}

fn any_second() -> impl Strategy<Value = Timestamp> {
    let range = Timestamp::MIN.as_second()..=Timestamp::MAX.as_second();
    range.prop_map(|second| Timestamp::from_second(second).unwrap())
}
