mod fixtures;
mod properties;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::{Cron, CronError, CronField, Dialect};

fn standard(text: &str) -> Cron {
    Cron::parse(text, Dialect::Standard, None).unwrap()
}

fn plugin(text: &str) -> Cron {
    Cron::parse(text, Dialect::ActionScheduler, None).unwrap()
}

fn refused(text: &str) -> CronError {
    Cron::parse(text, Dialect::Standard, None).unwrap_err()
}

fn refused_by_plugin(text: &str) -> CronError {
    Cron::parse(text, Dialect::ActionScheduler, None).unwrap_err()
}

/// The next runs after a time, each as `2026-01-31T09:30` and so on in the expression's zone.
fn runs(cron: &Cron, after: &str, count: usize) -> Vec<String> {
    let after: Timestamp = after.parse().unwrap();
    let local = |run: Timestamp| run.to_zoned(cron.zone().clone());
    let runs = cron.upcoming(after).take(count).map(local);
    runs.map(|run| run.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()).collect()
}

#[test]
fn six_fields_begin_with_seconds_and_seven_end_with_a_year() {
    assert_eq!(
        runs(&standard("*/20 0 12 * * *"), "2026-01-01T00:00:00Z", 2),
        ["2026-01-01T12:00:00+00:00", "2026-01-01T12:00:20+00:00"]
    );
    assert_eq!(
        runs(&standard("0 0 0 1 1 * 2027,2030-2031"), "2026-06-01T00:00:00Z", 9),
        ["2027-01-01T00:00:00+00:00", "2030-01-01T00:00:00+00:00", "2031-01-01T00:00:00+00:00"]
    );
}

#[test]
fn a_year_that_is_over_has_no_next_run() {
    let cron = standard("0 0 0 1 1 * 2020");
    assert_eq!(cron.next_after("2026-01-01T00:00:00Z".parse().unwrap()), None);
}

#[test]
fn either_day_field_is_enough_when_both_are_restricted() {
    assert_eq!(
        runs(&standard("0 0 13 * FRI"), "2026-02-01T00:00:00Z", 3),
        ["2026-02-06T00:00:00+00:00", "2026-02-13T00:00:00+00:00", "2026-02-20T00:00:00+00:00"]
    );
    assert_eq!(
        runs(&standard("0 0 13 * MON"), "2026-02-10T00:00:00Z", 2),
        ["2026-02-13T00:00:00+00:00", "2026-02-16T00:00:00+00:00"]
    );
}

#[test]
fn a_day_field_that_begins_with_a_star_restricts_the_other() {
    assert_eq!(
        runs(&standard("0 0 */2 * MON"), "2026-02-01T00:00:00Z", 2),
        ["2026-02-09T00:00:00+00:00", "2026-02-23T00:00:00+00:00"]
    );
}

#[test]
fn the_plugin_wants_both_day_fields() {
    assert_eq!(
        runs(&plugin("0 0 13 * 5"), "2026-01-01T00:00:00Z", 3),
        ["2026-02-13T00:00:00+00:00", "2026-03-13T00:00:00+00:00", "2026-11-13T00:00:00+00:00"]
    );
}

#[test]
fn the_plugin_counts_steps_from_zero() {
    assert_eq!(
        runs(&plugin("0 0 */10 * *"), "2026-01-01T00:00:00Z", 4),
        [
            "2026-01-10T00:00:00+00:00",
            "2026-01-20T00:00:00+00:00",
            "2026-01-30T00:00:00+00:00",
            "2026-02-10T00:00:00+00:00"
        ]
    );
    assert_eq!(
        runs(&standard("0 0 */10 * *"), "2026-01-01T00:00:00Z", 2),
        ["2026-01-11T00:00:00+00:00", "2026-01-21T00:00:00+00:00"]
    );
}

#[test]
fn sunday_may_begin_or_end_a_range_of_the_plugin() {
    for (weekdays, days) in [
        ("5-7", "Friday to Sunday"),
        ("5-0", "Friday to Sunday"),
        ("FRI-SUN", "Friday to Sunday"),
        ("7-2", "Sunday to Tuesday"),
        ("sun-tue", "Sunday to Tuesday"),
        ("7-0", "Sunday"),
        ("*/7", "Sunday"),
        ("*/2", "Tuesday, Thursday, Saturday and Sunday"),
        ("1-7/2", "Sunday, Monday, Wednesday and Friday"),
    ] {
        let on = if days.contains(" to ") { "" } else { "on " };
        let cron = plugin(&format!("0 0 * * {weekdays}"));
        assert_eq!(cron.describe(), format!("At 00:00, {on}{days} (UTC)"), "{weekdays}");
    }
}

#[test]
fn what_the_plugin_ignores_in_a_list_does_no_harm_here() {
    let quarters = plugin("0,15,30,45 * * * *");
    for sloppy in ["0,15,30,45,60 * * * *", "0,15,30,45, * * * *", "0-60/15 * * * *"] {
        assert_eq!(
            runs(&plugin(sloppy), "2026-01-01T00:00:00Z", 8),
            runs(&quarters, "2026-01-01T00:00:00Z", 8)
        );
    }
}

#[test]
fn what_can_never_run_is_refused() {
    assert_eq!(
        refused("0 0 30 2 *").to_string(),
        r#"cron expression "0 0 30 2 *": day of month "30" does not exist in month "2""#
    );
    assert_eq!(
        refused("0 0 0 29 2 * 2025-2027").to_string(),
        r#"cron expression "0 0 0 29 2 * 2025-2027": year "2025-2027" has no such day"#
    );
    assert_eq!(
        refused_by_plugin("50 10 11 * 4#4").to_string(),
        r#"cron expression "50 10 11 * 4#4": day of week "4#4" never falls on day of month "11""#
    );
    assert_eq!(refused_by_plugin("0 0 9W * 0").field(), Some(CronField::DayOfWeek));
    assert_eq!(refused_by_plugin("0 0 */40 * *").field(), Some(CronField::DayOfMonth));
    assert_eq!(
        refused_by_plugin("* * * * 6#1").to_string(),
        r#"cron expression "* * * * 6#1": day of week "6#1" is only possible for Monday to Friday (1-5)"#
    );
}

#[test]
fn an_error_names_field_and_token_and_says_what_is_expected() {
    for (text, message) in [
        ("61 * * * *", r#"minute "61" is out of range (0-59)"#),
        ("0 9-24 * * *", r#"hour "24" is out of range (0-23)"#),
        ("* * * * 1,8", r#"day of week "8" is out of range (0-7)"#),
        ("*/60 * * * *", r#"minute "*/60" has a step out of range (1-59)"#),
        ("* * 1,2W * *", r#"day of month "2W" has to stand alone, not in a list"#),
        ("* * L-31 * *", r#"day of month "L-31" is out of range (L-0 to L-30)"#),
        ("* * * * MON#6", r#"day of week "MON#6" needs a number 1-5 after #"#),
        (
            "* * * SEPT *",
            r#"month "SEPT" is not understood; expected 1-12 or JAN-DEC, *, a range 1-3, a step */3 or a list"#,
        ),
        ("* * * *", "has 4 fields; expected 5, 6 (second first) or 7 (second first, year last)"),
        ("", "is empty; expected 5, 6 (second first) or 7 (second first, year last) fields"),
        ("@every 90x", r#"interval "90x" is not understood; expected 90s, 1h30m or 2d"#),
        ("@every 0s", r#"interval "0s" is out of range (1s to 36600d)"#),
        ("@daily 5", r#""5" follows "@daily", which stands alone"#),
    ] {
        assert_eq!(refused(text).to_string(), format!("cron expression {text:?}: {message}"));
    }
}

#[test]
fn an_error_shows_where_it_is_in_the_text_as_given() {
    for (text, wrong) in [
        ("  0 12,25 * * *", "25"),
        ("CRON_TZ=Europe/Berlin 0 0 1 13 *", "13"),
        ("CRON_TZ=Europe/Berln 0 0 1 1 *", "Europe/Berln"),
        ("0 0 * * 1,3,5x", "5x"),
        ("0 0 ü * *", "ü"),
        (" @dayly ", "@dayly"),
    ] {
        assert_eq!(&text[refused(text).span()], wrong);
    }
}

#[test]
fn an_error_is_one_line_and_short_whatever_was_given() {
    let message = refused(&format!("\n1\n2\u{7}{}", "9".repeat(900))).to_string();
    assert!(!message.contains('\n'));
    let message = refused(&"* ".repeat(600)).to_string();
    assert!(message.ends_with("…\": is longer than 1000 bytes"), "{message}");
    assert!(message.len() < 200);
}

#[test]
fn a_zone_comes_from_the_prefix_or_the_caller_and_they_must_agree() {
    let berlin = TimeZone::get("Europe/Berlin").unwrap();
    let prefixed = standard("CRON_TZ=Europe/Berlin 30 9 * * *");
    let given = Cron::parse("30 9 * * *", Dialect::Standard, Some(berlin.clone())).unwrap();
    assert_eq!(prefixed, given);
    assert_eq!((prefixed.text(), prefixed.zone_name()), ("30 9 * * *", "Europe/Berlin"));
    assert_eq!(runs(&given, "2026-07-01T00:00:00Z", 1), ["2026-07-01T09:30:00+02:00"]);

    let parse = |text| Cron::parse(text, Dialect::Standard, Some(berlin.clone()));
    assert_eq!(parse("TZ=Europe/Berlin @daily").unwrap().zone_name(), "Europe/Berlin");
    assert_eq!(
        parse("TZ=UTC @daily").unwrap_err().to_string(),
        r#"cron expression "TZ=UTC @daily": time zone "UTC" is not the one given, Europe/Berlin"#
    );
    assert_eq!(standard("@daily").zone_name(), "UTC");
}

#[test]
fn a_zone_must_be_known_and_have_a_name() {
    for text in ["TZ=Mars/Olympus @daily", "TZ= @daily", "TZ=../UTC @daily", "TZ=\0 @daily"] {
        assert!(refused(text).to_string().contains("is not known"), "{text}");
    }
    let nameless = TimeZone::fixed(jiff::tz::offset(5));
    let error = Cron::parse("@daily", Dialect::Standard, Some(nameless)).unwrap_err();
    assert!(error.to_string().contains("no IANA name"), "{error}");
}

#[test]
fn the_plugin_knows_only_utc_and_its_own_macros() {
    let berlin = TimeZone::get("Europe/Berlin").unwrap();
    assert!(Cron::parse("@daily", Dialect::ActionScheduler, Some(berlin)).is_err());
    assert!(Cron::parse("@daily", Dialect::ActionScheduler, Some(TimeZone::UTC)).is_ok());
    assert!(refused_by_plugin("TZ=Europe/Berlin @daily").to_string().contains("only UTC"));
    assert!(refused_by_plugin("@every 5m").to_string().contains("stands alone"));
    assert!(refused_by_plugin("@midnight").to_string().contains("expected @yearly, @annually"));
}

#[test]
fn the_text_is_normalised() {
    for (text, normal) in [
        ("  0\t9  * jan-mar  Mon#1 ", "0 9 * JAN-MAR MON#1"),
        ("0 0 lw * *", "0 0 LW * *"),
        (" @Daily ", "@daily"),
        ("@every  1H30m", "@every 1h30m"),
    ] {
        assert_eq!(standard(text).text(), normal);
        assert_eq!(standard(normal), standard(text));
    }
}

#[test]
fn every_runs_a_fixed_time_after_the_last() {
    assert_eq!(
        runs(&standard("@every 1h30m"), "2026-01-01T00:00:00.9Z", 2),
        ["2026-01-01T01:30:00+00:00", "2026-01-01T03:00:00+00:00"]
    );
}

#[test]
fn a_run_in_a_gap_comes_right_after_it() {
    let cron = standard("CRON_TZ=Europe/Berlin 30 2 * * *");
    assert_eq!(
        runs(&cron, "2026-03-28T12:00:00Z", 2),
        ["2026-03-29T03:00:00+02:00", "2026-03-30T02:30:00+02:00"]
    );
}

#[test]
fn several_runs_in_a_gap_are_one() {
    let cron = standard("CRON_TZ=Europe/Berlin */20 2 * * *");
    assert_eq!(
        runs(&cron, "2026-03-28T12:00:00Z", 2),
        ["2026-03-29T03:00:00+02:00", "2026-03-30T02:00:00+02:00"]
    );
}

#[test]
fn a_fixed_time_runs_once_when_the_clock_is_set_back() {
    let cron = standard("CRON_TZ=Europe/Berlin 0,30 2 * * *");
    assert_eq!(
        runs(&cron, "2026-10-24T12:00:00Z", 3),
        ["2026-10-25T02:00:00+02:00", "2026-10-25T02:30:00+02:00", "2026-10-26T02:00:00+01:00"]
    );
}

#[test]
fn an_interval_runs_in_both_passes_when_the_clock_is_set_back() {
    let cron = standard("CRON_TZ=Europe/Berlin */30 2 * * *");
    assert_eq!(
        runs(&cron, "2026-10-24T12:00:00Z", 5),
        [
            "2026-10-25T02:00:00+02:00",
            "2026-10-25T02:30:00+02:00",
            "2026-10-25T02:00:00+01:00",
            "2026-10-25T02:30:00+01:00",
            "2026-10-26T02:00:00+01:00"
        ]
    );
}

#[test]
fn a_last_run_repeats_when_the_clock_is_set_back_after_it() {
    let cron = standard("CRON_TZ=Europe/Berlin 0 0-30/30 2 25 10 ? 2026");
    assert_eq!(runs(&cron, "2026-01-01T00:00:00Z", 9).len(), 4);
}

#[test]
fn a_run_on_a_day_that_a_zone_left_out_comes_on_the_next() {
    // Samoa went from the 29th to the 31st when it moved across the date line.
    let cron = standard("CRON_TZ=Pacific/Apia 30 9 30 12 *");
    assert_eq!(runs(&cron, "2011-12-01T00:00:00Z", 1), ["2011-12-31T00:00:00+14:00"]);
}

#[test]
fn the_search_ends_at_the_ends_of_time() {
    let cron = standard("CRON_TZ=Europe/Berlin 0 0 29 2 *");
    assert_eq!(cron.next_after(Timestamp::MAX), None);
    assert_eq!(cron.next_after("9996-03-01T00:00:00Z".parse().unwrap()), None);
    assert!(cron.next_after(Timestamp::MIN).is_some());
    assert_eq!(standard("@every 1s").next_after(Timestamp::MAX), None);
}

#[test]
fn rare_days_are_found_quickly() {
    let begin = std::time::Instant::now();
    let cron = standard("CRON_TZ=Europe/Berlin 0 0 29 2 *");
    let runs = cron.upcoming("2026-01-01T00:00:00Z".parse().unwrap()).take(1000).count();
    assert_eq!(runs, 1000);
    assert!(begin.elapsed().as_secs() < 5, "took {:?}", begin.elapsed());
}

#[test]
fn a_description_is_plain_english() {
    for (text, words) in [
        ("CRON_TZ=Europe/Berlin 30 9 * * 1-5", "At 09:30, Monday to Friday (Europe/Berlin)"),
        ("@daily", "At 00:00, every day (UTC)"),
        ("@weekly", "At 00:00, on Sunday (UTC)"),
        ("@monthly", "At 00:00, on day 1 of the month (UTC)"),
        ("@yearly", "At 00:00, on day 1 of the month, in January (UTC)"),
        ("@hourly", "Every hour (UTC)"),
        ("@every_minute", "Every minute (UTC)"),
        ("@every_second", "Every second (UTC)"),
        ("@every 90s", "Every 1 minute 30 seconds"),
        ("@every 1d", "Every day"),
        ("*/15 * * * *", "Every 15 minutes (UTC)"),
        ("*/15 9-17 * * 1-5", "Every 15 minutes from 09:00 to 17:59, Monday to Friday (UTC)"),
        ("*/7 * * * *", "At minutes 0, 7, 14, 21, 28, 35, 42, 49 and 56 of every hour (UTC)"),
        ("30 * * * *", "At minute 30 of every hour (UTC)"),
        ("0 */2 * * *", "Every 2 hours (UTC)"),
        ("15 */2 * * *", "At minute 15 of every 2nd hour (UTC)"),
        ("0 9-17 * * *", "Every hour from 09:00 to 17:00 (UTC)"),
        ("0 9,17 * * SAT,SUN", "At 09:00 and 17:00, on Saturday and Sunday (UTC)"),
        ("0 0 13 * FRI", "At 00:00, on day 13 of the month or Friday (UTC)"),
        ("0 0 L-1 * *", "At 00:00, on the day before the last of the month (UTC)"),
        ("0 0 15W * *", "At 00:00, on the weekday nearest to day 15 of the month (UTC)"),
        (
            "0 0 LW 3,6,9 *",
            "At 00:00, on the last weekday of the month, in March, June and September (UTC)",
        ),
        ("0 0 * * 1#2,5L", "At 00:00, on the second Monday and the last Friday of the month (UTC)"),
        ("30 * * * * *", "At second 30 of every minute (UTC)"),
        ("*/10 * 8 * * *", "Every 10 seconds from 08:00 to 08:59 (UTC)"),
        ("5 4 3 2 1 ? 2030", "At 03:04:05, on day 2 of the month, in January, in 2030 (UTC)"),
    ] {
        assert_eq!(standard(text).describe(), words, "{text}");
    }
    assert_eq!(
        plugin("0 0 13 * 5").describe(),
        "At 00:00, on day 13 of the month if it is Friday (UTC)"
    );
}

#[test]
fn a_dialect_is_written_as_it_is_read() {
    for dialect in [Dialect::Standard, Dialect::ActionScheduler] {
        assert_eq!(dialect.to_string().parse(), Ok(dialect));
    }
    assert!("quartz".parse::<Dialect>().is_err());
}
