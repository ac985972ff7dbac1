use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use crate::schedule::cron::calendar::Calendar;
use crate::schedule::cron::{Cron, Dialect, Plan};

const ZONES: [&str; 5] =
    ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Santiago"];

fn dialect() -> impl Strategy<Value = Dialect> {
    prop_oneof![Just(Dialect::Standard), Just(Dialect::ActionScheduler)]
}

/// A field that is likely to be right.
fn field(first: u32, last: u32) -> impl Strategy<Value = String> {
    let value = first..=last;
    let item = prop_oneof![
        4 => Just("*".to_owned()),
        4 => value.clone().prop_map(|value| value.to_string()),
        1 => (value.clone(), value.clone()).prop_map(|(from, to)| format!("{from}-{to}")),
        1 => (value.clone(), 1..=last).prop_map(|(from, step)| format!("{from}/{step}")),
        1 => (1..=last).prop_map(|step| format!("*/{step}")),
    ];
    proptest::collection::vec(item, 1..3).prop_map(|items| items.join(","))
}

fn day() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => field(1, 31),
        1 => (0_u32..=30).prop_map(|before| format!("L-{before}")),
        1 => (1_u32..=31).prop_map(|day| format!("{day}W")),
        1 => Just("LW".to_owned()),
    ]
}

fn weekday() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => field(0, 7),
        1 => (0_u32..=7).prop_map(|day| format!("{day}L")),
        1 => (0_u32..=7, 1_u32..=5).prop_map(|(day, nth)| format!("{day}#{nth}")),
    ]
}

fn cron() -> impl Strategy<Value = Cron> {
    let fields =
        (field(0, 59), field(0, 59), field(0, 23), day(), field(1, 12), weekday(), dialect());
    (fields, proptest::sample::select(ZONES.as_slice())).prop_filter_map(
        "cannot run",
        |((second, minute, hour, day, month, weekday, dialect), zone)| {
            let fields = format!("{minute} {hour} {day} {month} {weekday}");
            match dialect {
                Dialect::Standard => {
                    let zone = TimeZone::get(zone).ok();
                    Cron::parse(&format!("{second} {fields}"), dialect, zone).ok()
                }
                Dialect::ActionScheduler => Cron::parse(&fields, dialect, None).ok(),
            }
        },
    )
}

/// Seconds from 1950 to 2050, where all zones have changes of many kinds.
fn instant() -> impl Strategy<Value = Timestamp> {
    (-631_152_000_i64..2_524_608_000, 0..1_000_000_000)
        .prop_filter_map("out of range", |(second, nanosecond)| {
            Timestamp::new(second, nanosecond).ok()
        })
}

/// Whether a clock shows a time of the calendar: the search from it finds it.
fn shows(calendar: &Calendar, clock: DateTime) -> bool {
    calendar.first_from(clock) == Some(clock)
}

/// Whether `run` is the first instant after a gap.
fn ends_gap(zone: &TimeZone, run: Timestamp) -> bool {
    let before = zone.to_offset(run - SignedDuration::from_nanos(1));
    before < zone.to_offset(run)
}

proptest! {
    #[test]
    fn no_text_panics(text in any::<String>(), dialect in dialect()) {
        let _ = Cron::parse(&text, dialect, None);
    }

    #[test]
    fn no_text_that_looks_like_cron_panics(
        text in "[-0-9*/,#?LWlw@ a-cA-C\u{e9}]{0,40}|(CRON_TZ=|@every )?([0-9*/,#LW-]{1,5} ?){5,8}",
        dialect in dialect(),
        after in instant(),
    ) {
        match Cron::parse(&text, dialect, None) {
            Ok(cron) => {
                let _ = (cron.next_after(after), cron.describe());
            }
            Err(error) => {
                prop_assert!(text.get(error.span()).is_some());
                prop_assert!(!error.to_string().contains('\n'));
            }
        }
    }

    #[test]
    fn the_next_run_is_later_and_matches(cron in cron(), after in instant()) {
        let Plan::Calendar(calendar) = &cron.plan else { panic!("has fields") };
        let mut last = after;
        for run in cron.upcoming(after).take(5) {
            prop_assert!(run > last);
            prop_assert_eq!(run.subsec_nanosecond(), 0);
            let clock = cron.zone().to_datetime(run);
            prop_assert!(
                shows(calendar, clock) || ends_gap(cron.zone(), run),
                "{} shows {}", cron.text(), clock
            );
            last = run;
        }
    }

    #[test]
    fn a_later_start_never_has_an_earlier_run(
        cron in cron(),
        after in instant(),
        seconds in 0_i64..10_000_000,
    ) {
        let later = after + SignedDuration::from_secs(seconds);
        if let (Some(run), Some(later_run)) = (cron.next_after(after), cron.next_after(later)) {
            prop_assert!(run <= later_run);
            prop_assert_eq!(run > later, run == later_run);
        }
    }

    #[test]
    fn the_normal_text_reads_as_the_same(cron in cron()) {
        let again = Cron::parse(cron.text(), cron.dialect(), Some(cron.zone().clone()));
        prop_assert_eq!(again, Ok(cron));
    }
}

proptest! {
    // Each case is tried second by second.
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// The leaps of the search find what trying every second finds.
    #[test]
    fn no_run_is_left_out(cron in cron(), change in 0_usize..60, before in 0_i64..20_000) {
        let Plan::Calendar(calendar) = &cron.plan else { panic!("has fields") };
        let begin: Timestamp = "1990-01-01T00:00:00Z".parse().unwrap();
        let change = cron.zone().following(begin).nth(change).map_or(begin, |at| at.timestamp());
        let after = change - SignedDuration::from_secs(before);
        let next = cron.next_after(after);
        let mut at = after;
        for _ in 0..40_000 {
            at += SignedDuration::from_secs(1);
            if next == Some(at) {
                break;
            }
            // What a fixed time shows in a second pass, the first pass has run.
            let clock = cron.zone().to_datetime(at);
            let first_pass = cron.zone().to_timestamp(clock).unwrap();
            let runs = shows(calendar, clock) && (calendar.is_interval || first_pass == at);
            prop_assert!(!runs, "{} runs at {}", cron.text(), at);
        }
    }
}
