use proptest::prelude::*;

use super::*;
use crate::store::mysql::php::dump;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn local(timezone_string: &str, gmt_offset: &str, at: Timestamp) -> String {
    SiteTime::from_options(timezone_string, gmt_offset).unwrap().format_local(Some(at))
}

#[test]
fn dates_of_the_fixture_are_read_and_written_back() {
    let new_york = SiteTime::from_options("America/New_York", "0").unwrap();
    let text = |column: &Option<Vec<u8>>| String::from_utf8(column.clone().unwrap()).unwrap();
    for row in dump::rows("tables-3.8.2.sql", "wp_actionscheduler_actions") {
        // The plugin writes UTC into both columns of an async action's date, so its local one says nothing.
        let is_async = row[7].as_ref().unwrap().starts_with(b"O:28:\"ActionScheduler_Null");
        for (gmt, local, is_local) in [(3, 4, !is_async), (10, 11, true)] {
            let date = parse_gmt(&text(&row[gmt])).unwrap();
            assert_eq!(format_gmt(date), text(&row[gmt]));
            if is_local {
                assert_eq!(new_york.format_local(date), text(&row[local]));
            }
        }
    }
}

#[test]
fn the_zero_date_is_none() {
    assert_eq!(parse_gmt(NONE), Ok(None));
    assert_eq!(format_gmt(None), NONE);
    assert_eq!(SiteTime::from_options("Asia/Tokyo", "").unwrap().format_local(None), NONE);
}

#[test]
fn fractions_of_a_second_are_cut_off() {
    assert_eq!(format_gmt(Some(at("2026-03-01T12:00:00.999999Z"))), "2026-03-01 12:00:00");
}

#[test]
fn a_named_zone_counts_before_the_offset_and_knows_its_clock_changes() {
    let (winter, summer) = (at("2026-01-01T12:00:00Z"), at("2026-07-01T12:00:00Z"));
    assert_eq!(local("Europe/Berlin", "9", winter), "2026-01-01 13:00:00");
    assert_eq!(local("Europe/Berlin", "9", summer), "2026-07-01 14:00:00");
    assert_eq!(local("europe/berlin", "", summer), "2026-07-01 14:00:00");
    assert_eq!(local("", "9", summer), "2026-07-01 21:00:00");
}

#[test]
fn offsets_are_read_as_wordpress_keeps_them() {
    let noon = at("2026-01-01T12:00:00Z");
    for (timezone_string, gmt_offset, expected) in [
        ("", "", "12:00:00"),
        ("", "0", "12:00:00"),
        ("UTC", "", "12:00:00"),
        ("UTC+0", "", "12:00:00"),
        ("", "5.5", "17:30:00"),
        ("", "-3.5", "08:30:00"),
        ("", "5.75", "17:45:00"),
        ("", "+2", "14:00:00"),
        ("", "-0.5", "11:30:00"),
        ("UTC+2", "7", "14:00:00"),
        ("UTC-9.5", "", "02:30:00"),
        ("UTC+5:30", "", "17:30:00"),
        ("+05:30", "", "17:30:00"),
        ("-03:30", "", "08:30:00"),
        ("Etc/GMT-2", "", "14:00:00"),
    ] {
        let time = local(timezone_string, gmt_offset, noon);
        assert_eq!(time, format!("2026-01-01 {expected}"), "{timezone_string:?} {gmt_offset:?}");
    }
    assert_eq!(local("", "14", noon), "2026-01-02 02:00:00");
}

#[test]
fn options_that_are_not_understood_are_refused() {
    for (timezone_string, gmt_offset) in [
        ("Mars/Olympus", "0"),
        ("../etc/passwd", "0"),
        ("UTC+", "0"),
        ("UTC+99", "0"),
        ("UTC+5:75", "0"),
        ("UTC+-5", "0"),
    ] {
        let error = SiteTime::from_options(timezone_string, gmt_offset).unwrap_err().to_string();
        let start = format!("timezone_string {timezone_string:?}: expected an IANA name");
        assert!(error.starts_with(&start), "{error}");
    }
    for gmt_offset in ["two", "2h", "--2", "24", "-24", "1.x", "1:2:3", "2:5"] {
        let error = SiteTime::from_options("", gmt_offset).unwrap_err().to_string();
        assert!(error.starts_with(&format!("gmt_offset {gmt_offset:?}: ")), "{error}");
    }
}

#[test]
fn dates_that_are_none_are_refused() {
    for text in [
        "",
        "2026-01-01",
        "2026-01-01T00:00:00",
        "2026-01-01 00:00",
        "2026-1-1 0:0:0",
        "2026-02-30 00:00:00",
        "2026-00-00 00:00:00",
        "2026-01-01 24:00:00",
        "2026-01-01 00:00:00.5",
        " 2026-01-01 00:00:0",
        "９026-01-01 00:00",
    ] {
        let error = parse_gmt(text).unwrap_err().to_string();
        assert!(error.contains("expected YYYY-MM-DD HH:MM:SS"), "{error}");
    }
}

#[test]
fn dates_before_what_a_column_can_hold_become_its_first() {
    assert_eq!(format_gmt(Some(Timestamp::MIN)), "1000-01-01 00:00:00");
}

proptest! {
    #[test]
    fn a_date_that_was_written_is_read_as_the_same(
        seconds in -30_000_000_000_i64..=253_402_207_200,
    ) {
        let date = Some(Timestamp::from_second(seconds).unwrap());
        prop_assert_eq!(parse_gmt(&format_gmt(date)), Ok(date));
    }

    #[test]
    fn arbitrary_texts_are_read_or_refused(text in "[0-9 :-]{0,20}|.{0,20}") {
        let _ = parse_gmt(&text);
        let _ = SiteTime::from_options(&text, "");
        let _ = SiteTime::from_options("", &text);
        let _ = SiteTime::from_options(&format!("UTC{text}"), "");
    }

    #[test]
    fn every_date_has_a_local_text_of_the_columns_shape(
        seconds in Timestamp::MIN.as_second()..=Timestamp::MAX.as_second(),
        hours in -23_i32..=23,
    ) {
        let site = SiteTime::from_options("", &hours.to_string()).unwrap();
        let text = site.format_local(Timestamp::from_second(seconds).ok());
        prop_assert!(has_the_shape(&text), "{}", text);
    }
}
