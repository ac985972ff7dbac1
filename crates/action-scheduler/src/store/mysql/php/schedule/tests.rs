use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;

use std::time::Duration;

use super::*;
use crate::store::mysql::php::dump;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

/// A schedule as text; `~` is a NUL byte.
fn parse(text: &str) -> Result<StoredSchedule, Invalid> {
    StoredSchedule::parse(text.replace('~', "\0").as_bytes())
}

fn written(schedule: &StoredSchedule) -> String {
    String::from_utf8(schedule.to_bytes()).unwrap().replace('\0', "~")
}

fn every(seconds: u64) -> Interval {
    Interval::new(Duration::from_secs(seconds), Cadence::AfterRun).unwrap()
}

fn plugin_cron(text: &str) -> Cron {
    Cron::parse(text, Dialect::ActionScheduler, None).unwrap()
}

#[test]
fn every_schedule_of_the_fixtures_is_written_back_byte_for_byte() {
    for bytes in dump::schedules() {
        let schedule = StoredSchedule::parse(&bytes).unwrap();
        assert_eq!(schedule.to_bytes(), bytes, "{schedule:?}");
    }
}

#[test]
fn every_schedule_of_the_fixture_means_what_the_plugin_reads() {
    let fixture: serde_json::Value =
        serde_json::from_str(&dump::fixture("tables-3.8.2.expected.json")).unwrap();
    let actions = fixture["actions"].as_array().unwrap();
    assert_eq!(actions.len(), 18);
    for action in actions {
        let bytes = STANDARD.decode(action["php_serialized_schedule_base64"].as_str().unwrap());
        let stored = StoredSchedule::parse(&bytes.unwrap()).unwrap();
        assert_eq!(stored.at().map(Timestamp::as_second), action["date"].as_i64(), "{action}");
        let date = stored.at();
        let schedule = stored.into_schedule(at(0));
        let kind = match action["schedule_class"].as_str().unwrap() {
            NULL => "async",
            SIMPLE => "single",
            INTERVAL => "recurring",
            CRON => "cron",
            class => panic!("{class}"),
        };
        assert_eq!(schedule.kind(), kind);
        let Schedule::Recurring(recurring) = schedule else {
            assert_eq!(action["is_recurring"], false);
            continue;
        };
        assert_eq!(action["is_recurring"], true);
        assert_eq!(Some(recurring.first.as_second()), action["first_date"].as_i64());
        match &recurring.recurrence {
            Recurrence::Interval(interval) => {
                assert_eq!(Some(interval.every.as_secs()), action["recurrence"].as_u64());
            }
            Recurrence::Cron { cron, .. } => {
                assert_eq!(Some(cron.text()), action["recurrence"].as_str());
            }
        }
        for (now, next) in action["next_after"].as_object().unwrap() {
            let (date, now) = (date.unwrap(), at(now.parse().unwrap()));
            if now > date {
                assert_eq!(recurring.next(date, now).map(Timestamp::as_second), next.as_i64());
            }
        }
    }
}

#[test]
fn what_is_written_is_what_the_plugin_writes() {
    let (date, first) = (at(1_795_303_600), at(1_795_200_000));
    for (schedule, expected) in [
        (StoredSchedule::Null, r#"O:28:"ActionScheduler_NullSchedule":0:{}"#),
        (
            StoredSchedule::Simple { at: date },
            r#"O:30:"ActionScheduler_SimpleSchedule":2:{s:22:"~*~scheduled_timestamp";i:1795303600;s:41:"~ActionScheduler_SimpleSchedule~timestamp";i:1795303600;}"#,
        ),
        (
            StoredSchedule::Canceled { at: Some(date) },
            r#"O:32:"ActionScheduler_CanceledSchedule":2:{s:22:"~*~scheduled_timestamp";i:1795303600;s:43:"~ActionScheduler_CanceledSchedule~timestamp";N;}"#,
        ),
        (
            StoredSchedule::Interval { at: date, first, interval: every(3600) },
            r#"O:32:"ActionScheduler_IntervalSchedule":5:{s:22:"~*~scheduled_timestamp";i:1795303600;s:18:"~*~first_timestamp";i:1795200000;s:13:"~*~recurrence";i:3600;s:49:"~ActionScheduler_IntervalSchedule~start_timestamp";i:1795303600;s:53:"~ActionScheduler_IntervalSchedule~interval_in_seconds";i:3600;}"#,
        ),
        (
            StoredSchedule::Cron {
                at: at(1_893_456_000),
                first: at(1_795_303_560),
                cron: plugin_cron("0 0 1 1 * 2030"),
            },
            r#"O:28:"ActionScheduler_CronSchedule":5:{s:22:"~*~scheduled_timestamp";i:1893456000;s:18:"~*~first_timestamp";i:1795303560;s:13:"~*~recurrence";O:14:"CronExpression":2:{s:25:"~CronExpression~cronParts";a:6:{i:0;s:1:"0";i:1;s:1:"0";i:2;s:1:"1";i:3;s:1:"1";i:4;s:1:"*";i:5;s:4:"2030";}s:28:"~CronExpression~fieldFactory";O:27:"CronExpression_FieldFactory":1:{s:35:"~CronExpression_FieldFactory~fields";a:6:{i:0;O:27:"CronExpression_MinutesField":0:{}i:1;O:25:"CronExpression_HoursField":0:{}i:2;O:30:"CronExpression_DayOfMonthField":0:{}i:3;O:25:"CronExpression_MonthField":0:{}i:4;O:29:"CronExpression_DayOfWeekField":0:{}i:5;O:24:"CronExpression_YearField":0:{}}}}s:45:"~ActionScheduler_CronSchedule~start_timestamp";i:1893456000;s:34:"~ActionScheduler_CronSchedule~cron";r:4;}"#,
        ),
    ] {
        assert_eq!(written(&schedule), expected);
        assert_eq!(parse(expected), Ok(schedule));
    }
}

#[test]
fn rows_of_versions_before_3_are_read() {
    let date = at(1_795_303_600);
    let cron = r#"O:14:"CronExpression":1:{s:25:"~CronExpression~cronParts";a:5:{i:0;s:2:"15";i:1;s:1:"3";i:2;s:1:"1";i:3;s:3:"*/2";i:4;s:1:"*";}}"#;
    for (text, expected) in [
        (
            r#"O:30:"ActionScheduler_SimpleSchedule":1:{s:41:"~ActionScheduler_SimpleSchedule~timestamp";i:1795303600;}"#.to_owned(),
            StoredSchedule::Simple { at: date },
        ),
        (
            r#"O:32:"ActionScheduler_IntervalSchedule":2:{s:49:"~ActionScheduler_IntervalSchedule~start_timestamp";i:1795303600;s:53:"~ActionScheduler_IntervalSchedule~interval_in_seconds";i:3600;}"#.to_owned(),
            StoredSchedule::Interval { at: date, first: date, interval: every(3600) },
        ),
        (
            format!(r#"O:28:"ActionScheduler_CronSchedule":2:{{s:45:"~ActionScheduler_CronSchedule~start_timestamp";i:1795303600;s:34:"~ActionScheduler_CronSchedule~cron";{cron}}}"#),
            StoredSchedule::Cron { at: date, first: date, cron: plugin_cron("15 3 1 */2 *") },
        ),
        // The class that is canceled did not own the property, and lost the date.
        (
            r#"O:32:"ActionScheduler_CanceledSchedule":1:{s:9:"timestamp";N;}"#.to_owned(),
            StoredSchedule::Canceled { at: None },
        ),
        (
            r#"O:32:"ActionScheduler_CanceledSchedule":1:{s:41:"~ActionScheduler_SimpleSchedule~timestamp";i:1795303600;}"#.to_owned(),
            StoredSchedule::Canceled { at: Some(date) },
        ),
    ] {
        assert_eq!(parse(&text), Ok(expected), "{text}");
    }
}

#[test]
fn a_property_is_known_however_it_is_marked() {
    for name in [r#"s:19:"start_timestamp""#, r#"s:18:"~*~start_timestamp""#] {
        let name = name.replace("s:19", "s:15");
        let text = format!(
            r#"O:32:"ActionScheduler_IntervalSchedule":2:{{{name};i:1795303600;s:19:"interval_in_seconds";s:4:"3600";}}"#
        );
        let date = at(1_795_303_600);
        let expected = StoredSchedule::Interval { at: date, first: date, interval: every(3600) };
        assert_eq!(parse(&text), Ok(expected), "{text}");
    }
}

#[test]
fn todays_name_counts_before_the_older_one_and_the_older_one_before_null() {
    let simple = |today: &str| {
        parse(&format!(
            r#"O:30:"ActionScheduler_SimpleSchedule":2:{{s:9:"timestamp";i:7;s:22:"~*~scheduled_timestamp";{today}}}"#
        ))
    };
    assert_eq!(simple("i:1795303600;"), Ok(StoredSchedule::Simple { at: at(1_795_303_600) }));
    assert_eq!(simple("N;"), Ok(StoredSchedule::Simple { at: at(7) }));
}

#[test]
fn an_interval_may_be_a_text_or_a_float_as_callers_give_it() {
    for (recurrence, seconds) in [(r#"s:3:"600""#, 600), ("d:600", 600), ("d:90.5", 90)] {
        let text = format!(
            r#"O:32:"ActionScheduler_IntervalSchedule":2:{{s:22:"~*~scheduled_timestamp";i:1;s:13:"~*~recurrence";{recurrence};}}"#
        );
        let expected =
            StoredSchedule::Interval { at: at(1), first: at(1), interval: every(seconds) };
        assert_eq!(parse(&text), Ok(expected));
    }
}

#[test]
fn what_cannot_be_read_is_refused_with_what_and_where() {
    let interval = |recurrence: &str| {
        format!(
            r#"O:32:"ActionScheduler_IntervalSchedule":2:{{s:22:"~*~scheduled_timestamp";i:1;s:13:"~*~recurrence";{recurrence}}}"#
        )
    };
    let cron = |recurrence: &str| {
        format!(
            r#"O:28:"ActionScheduler_CronSchedule":2:{{s:22:"~*~scheduled_timestamp";i:1;s:13:"~*~recurrence";{recurrence}}}"#
        )
    };
    let parts = |parts: &str| {
        cron(&format!(r#"O:14:"CronExpression":1:{{s:25:"~CronExpression~cronParts";{parts}}}"#))
    };
    for (text, problem) in [
        ("", "byte 0: expected a value"),
        ("a:0:{}", "expected an object of one of the plugin's classes"),
        (
            r#"O:8:"stdClass":0:{}"#,
            "class \"stdClass\" is not known; expected one of ActionScheduler_NullSchedule, ",
        ),
        (
            r#"O:30:"ActionScheduler_SimpleSchedule":0:{}"#,
            "ActionScheduler_SimpleSchedule: has neither scheduled_timestamp nor timestamp",
        ),
        (
            r#"O:30:"ActionScheduler_SimpleSchedule":1:{s:9:"timestamp";s:3:"now";}"#,
            "timestamp: expected a date in seconds since 1970, found s:3:\\\"now\\\";",
        ),
        (
            r#"O:30:"ActionScheduler_SimpleSchedule":1:{s:9:"timestamp";i:999999999999;}"#,
            "timestamp: expected a date in seconds since 1970, found i:999999999999;",
        ),
        (
            r#"O:30:"ActionScheduler_SimpleSchedule":1:{s:9:"timestamp";r:1;}"#,
            "timestamp: expected a date in seconds since 1970, found O:30:",
        ),
        (&interval("i:0;"), "recurrence: interval \"0 s\": expected 1 second to 100 years"),
        (&interval("i:-5;"), "recurrence: expected a number of seconds, found i:-5;"),
        (&interval("d:INF;"), "recurrence: expected a number of seconds, found d:INF;"),
        (&interval("N;"), "has neither recurrence nor interval_in_seconds"),
        (&cron("s:9:\"* * * * *\";"), "recurrence: expected an object CronExpression, found s:9:"),
        (
            &cron("O:1:\"X\":0:{}"),
            "recurrence: expected an object CronExpression, found one of class \"X\"",
        ),
        (&cron("O:14:\"CronExpression\":0:{}"), "recurrence: has no cronParts"),
        (&cron("r:1;"), "found one of class \"ActionScheduler_CronSchedule\""),
        (&parts("a:1:{i:0;s:1:\"*\";}"), "cronParts: expected a list of 5 or 6 fields, found a:1:"),
        (
            &parts(
                "a:5:{i:0;s:1:\"*\";i:1;s:3:\"* *\";i:2;s:1:\"*\";i:3;s:1:\"*\";i:4;s:1:\"*\";}",
            ),
            "cronParts: s:3:\\\"* *\\\"; is no field",
        ),
        (
            &parts("a:5:{i:0;s:2:\"61\";i:1;s:1:\"*\";i:2;s:1:\"*\";i:3;s:1:\"*\";i:4;s:1:\"*\";}"),
            "recurrence: cron expression \"61 * * * *\": minute \"61\" is out of range (0-59)",
        ),
    ] {
        let error = parse(text).unwrap_err().to_string();
        assert!(error.contains(problem), "{error}");
        assert!(error.starts_with("schedule \""), "{error}");
    }
}

#[test]
fn a_canceled_schedule_without_a_date_is_due_when_its_action_is() {
    let lost = StoredSchedule::Canceled { at: None };
    assert_eq!(lost.into_schedule(at(5)), Schedule::Single(at(5)));
    let kept = StoredSchedule::Canceled { at: Some(at(7)) };
    assert_eq!(kept.into_schedule(at(5)), Schedule::Single(at(7)));
}

fn recurring(recurrence: Recurrence) -> Schedule {
    Schedule::Recurring(Recurring { first: at(60), recurrence })
}

fn standard(text: &str, zone: &str) -> Schedule {
    let zone = jiff::tz::TimeZone::get(zone).unwrap();
    let cron = Cron::parse(text, Dialect::Standard, Some(zone)).unwrap();
    recurring(Recurrence::Cron { cron, missed: Missed::Skip })
}

#[test]
fn a_standard_expression_is_written_if_its_dates_are_the_same_in_the_plugins_dialect() {
    for (text, fields) in [
        ("30 9 * * mon-fri", "30 9 * * MON-FRI"),
        ("*/5 * * * *", "*/5 * * * *"),
        ("0 0 L * *", "0 0 L * *"),
        ("0 0 15W * *", "0 0 15W * *"),
        ("@daily", "0 0 * * *"),
        ("@midnight", "0 0 * * *"),
        ("0 0 * * 7", "0 0 * * 7"),
    ] {
        let stored = StoredSchedule::of(&standard(text, "UTC"), at(120)).unwrap();
        let expected =
            StoredSchedule::Cron { at: at(120), first: at(60), cron: plugin_cron(fields) };
        assert_eq!(stored, expected, "{text}");
    }
    for text in [
        "0 0 13 * 5",   // either day there, both days here
        "0 0 */10 * *", // steps from 1 there, from 0 here
        "0 0 31W * *",  // not in shorter months there, spilled over here
        "0 30 9 * * *", // a second there, a year here
        "* * * * * *",
        "0 0 0 1 1 * 2030",
        "0 22-2 * * *", // past midnight there, empty here
        "@every 90s",
        "@every_second",
    ] {
        let error = StoredSchedule::of(&standard(text, "UTC"), at(120)).unwrap_err();
        assert!(error.to_string().contains("cron expression"), "{text}: {error}");
    }
    assert!(StoredSchedule::of(&standard("0 0 * * *", "Europe/Berlin"), at(120)).is_err());
}

#[test]
fn what_the_plugin_has_no_words_for_is_said_so() {
    let interval =
        |every, cadence| recurring(Recurrence::Interval(Interval::new(every, cadence).unwrap()));
    let catch_up =
        Recurrence::Cron { cron: plugin_cron("0 * * * *"), missed: Missed::CatchUp { cap: 3 } };
    for (schedule, problem) in [
        (
            interval(Duration::from_secs(60), Cadence::FixedRate(Missed::Skip)),
            "the plugin's schedules cannot say that an interval keeps to a fixed rate",
        ),
        (
            interval(Duration::from_millis(1500), Cadence::AfterRun),
            "the plugin's schedules cannot say an interval with fractions of a second",
        ),
        (recurring(catch_up), "the plugin's schedules cannot say that missed dates are caught up"),
    ] {
        let error = StoredSchedule::of(&schedule, at(0)).unwrap_err();
        assert_eq!(error.to_string(), problem);
    }
}

fn date() -> impl Strategy<Value = Timestamp> {
    (1_i64..=253_000_000_000).prop_map(at)
}

fn schedule() -> impl Strategy<Value = Schedule> {
    let number = |from: u32, to: u32| {
        prop_oneof![
            Just("*".to_owned()),
            (from..=to).prop_map(|number| number.to_string()),
            (from..=to, from..=to).prop_map(|(one, other)| {
                format!("{}-{},{one}", one.min(other), one.max(other))
            }),
        ]
    };
    let fields = (number(0, 59), number(0, 23), number(1, 28), number(1, 12), number(0, 6));
    let cron = fields.prop_map(|(minute, hour, day, month, weekday)| {
        let cron = plugin_cron(&format!("{minute} {hour} {day} {month} {weekday}"));
        Recurrence::Cron { cron, missed: Missed::Skip }
    });
    let interval = (1_u64..=100 * 366 * 86_400).prop_map(|secs| Recurrence::Interval(every(secs)));
    prop_oneof![
        Just(Schedule::Async),
        date().prop_map(Schedule::Single),
        (date(), prop_oneof![cron, interval])
            .prop_map(|(first, recurrence)| Schedule::Recurring(Recurring { first, recurrence })),
    ]
}

proptest! {
    #[test]
    fn a_schedule_that_was_written_is_read_as_the_same(schedule in schedule(), at in date()) {
        let stored = StoredSchedule::of(&schedule, at).unwrap();
        let again = StoredSchedule::parse(&stored.to_bytes()).unwrap();
        prop_assert_eq!(&again, &stored);
        let expected = match schedule {
            Schedule::Single(_) => Schedule::Single(at),
            schedule => schedule,
        };
        prop_assert_eq!(again.into_schedule(at), expected);
    }

    #[test]
    fn arbitrary_properties_are_read_or_refused(
        class in prop::sample::select(vec![NULL, SIMPLE, INTERVAL, CRON, CANCELED, EXPRESSION]),
        properties in prop::collection::vec(
            (
                prop::sample::select(vec![
                    "scheduled_timestamp", "first_timestamp", "recurrence", "start_timestamp", "cron", "timestamp",
                ]),
                prop_oneof![
                    any::<i64>().prop_map(|number| format!("i:{number};")),
                    any::<f64>().prop_map(|number| {
                        String::from_utf8(serialize(&Value::Float(number))).unwrap()
                    }),
                    (1_usize..9).prop_map(|slot| format!("r:{slot};")),
                    (1_usize..9).prop_map(|slot| format!("R:{slot};")),
                    Just("N;".to_owned()),
                    Just("O:14:\"CronExpression\":1:{s:9:\"cronParts\";r:1;}".to_owned()),
                ],
            ),
            0..7,
        ),
    ) {
        let body: String = properties
            .iter()
            .map(|(name, value)| format!("s:{}:\"{name}\";{value}", name.len()))
            .collect();
        let text = format!("O:{}:\"{class}\":{}:{{{body}}}", class.len(), properties.len());
        let _ = parse(&text);
    }
}
