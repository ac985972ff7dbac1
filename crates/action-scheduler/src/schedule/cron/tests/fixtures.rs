//! Cases from other projects: those of Cronos for the standard dialect, those computed by the plugin for its own.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::schedule::cron::{Cron, Dialect};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/fixtures/cron/");

/// These give offsets of -03:00 and -04:00 around a change at midnight, which Los Angeles never had. They are of
/// Santiago, and hold there.
const WRONG_ZONE: (&str, &str, &str) = ("30 23 * * *", "America/Los_Angeles", "America/Santiago");

/// Seven fields are refused in the fixture; here the seventh is a year.
const SEVEN_FIELDS: &str = "* * * * * * *";

/// Runs in 2030 only. The plugin's four next dates could not be computed, which the fixture counts as an error.
const RUNS_ONCE: &str = "0 0 1 1 * 2030";

fn cases(file: &str, list: &str) -> Vec<Value> {
    let path = format!("{FOLDER}{file}");
    let text = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("fixture {path} cannot be read: {error}"));
    let mut fixture: Value = serde_json::from_str(&text).unwrap();
    serde_json::from_value(fixture[list].take()).unwrap()
}

/// `2017-10-01 01:59 +10:30`, `2017-10-01 01:59:30.5` or `2017-10-01` in `zone`.
fn instant(text: &str, zone: &TimeZone) -> Timestamp {
    let mut words = text.split(' ');
    let date = words.next().unwrap();
    let time = words.next().unwrap_or("00:00");
    match words.next() {
        Some(offset) => format!("{date}T{time}{offset}").parse().unwrap(),
        None => {
            let local: DateTime = format!("{date}T{time}").parse().unwrap();
            local.to_zoned(zone.clone()).unwrap().timestamp()
        }
    }
}

fn check_runs(list: &str) -> usize {
    let cases = cases("standard-dialect.json", list);
    let mut failures = Vec::new();
    for case in &cases {
        let expression = case["expression"].as_str().unwrap();
        let zone = match case["zone"].as_str().unwrap() {
            zone if (expression, zone) == (WRONG_ZONE.0, WRONG_ZONE.1) => WRONG_ZONE.2,
            zone => zone,
        };
        let zone = TimeZone::get(zone).unwrap();
        let mut from = instant(case["from"].as_str().unwrap(), &zone);
        if case["inclusive"] == true {
            from -= SignedDuration::from_nanos(1);
        }
        let expected = instant(case["expected"].as_str().unwrap(), &zone);
        match Cron::parse(expression, Dialect::Standard, Some(zone.clone())) {
            Ok(cron) if cron.next_after(from) == Some(expected) => {}
            Ok(cron) => {
                let run = cron.next_after(from).map(|run| run.to_zoned(zone.clone()).to_string());
                failures.push(format!("{case}: {run:?}"));
            }
            Err(error) => failures.push(error.to_string()),
        }
    }
    assert!(failures.is_empty(), "{} fail:\n{}", failures.len(), failures.join("\n"));
    cases.len()
}

#[test]
fn clock_changes_are_as_in_the_fixture() {
    assert_eq!(check_runs("dst"), 124);
}

#[test]
fn the_standard_dialect_is_as_in_the_fixture() {
    assert_eq!(check_runs("basic"), 312);
}

#[test]
fn what_the_fixture_calls_invalid_is_refused() {
    let cases = cases("standard-dialect.json", "invalid");
    assert_eq!(cases.len(), 198);
    let accepted: Vec<_> = cases
        .iter()
        .map(|case| case["expression"].as_str().unwrap())
        .filter(|expression| *expression != SEVEN_FIELDS)
        .filter(|expression| Cron::parse(expression, Dialect::Standard, None).is_ok())
        .collect();
    assert!(accepted.is_empty(), "accepted: {accepted:?}");
}

#[test]
fn the_plugins_dialect_runs_as_the_plugin_does() {
    let cases = cases("action-scheduler-dialect.json", "vectors");
    assert_eq!(cases.len(), 346);
    let mut failures = Vec::new();
    for case in &cases {
        let expression = case["expression"].as_str().unwrap();
        let after = Timestamp::from_second(case["after"].as_i64().unwrap()).unwrap();
        let cron = Cron::parse(expression, Dialect::ActionScheduler, None);
        let cannot_run = case.get("error").is_some() && expression != RUNS_ONCE;
        match cron {
            Ok(_) if cannot_run => failures.push(format!("accepted: {case}")),
            Ok(cron) => {
                let runs: Vec<_> =
                    cron.upcoming(after).take(4).map(|run| run.as_second()).collect();
                let expected = match expression {
                    RUNS_ONCE => serde_json::json!([1_893_456_000]),
                    _ => case["next"].clone(),
                };
                if serde_json::json!(runs) != expected {
                    failures.push(format!("{case}: {runs:?}"));
                }
            }
            Err(_) if cannot_run => {}
            Err(error) => failures.push(error.to_string()),
        }
    }
    assert!(failures.is_empty(), "{} fail:\n{}", failures.len(), failures.join("\n"));
}
