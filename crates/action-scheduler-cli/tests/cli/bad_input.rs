//! Bad input: one message that quotes it and says what is expected, exit code 2, nothing stored.

use crate::sandbox::{Sandbox, outcome};

#[test]
fn bad_input_is_refused_with_a_message_and_nothing_is_stored() {
    let sandbox = Sandbox::new();
    let at = |args: &[&'static str], quoted: &'static [&'static str]| (args.to_vec(), quoted);
    let table = [
        at(
            &["schedule", "cron", "61 * * * *", "h"],
            &["61", "minute", "0-59", "\n  61 * * * *\n  ^^"],
        ),
        at(&["schedule", "cron", "* * * *", "h"], &["* * * *"]),
        at(&["schedule", "cron", "0 0 30 2 *", "h"], &["30", "day of month"]),
        at(
            &["schedule", "cron", "* * * * *", "h", "--tz", "Mars/Base"],
            &["Mars/Base", "Europe/Berlin"],
        ),
        at(&["schedule", "cron", "* * * * *", "h", "--dialect", "quartz"], &["quartz", "standard"]),
        at(&["schedule", "once", "tomorow", "h"], &["tomorow", "did you mean", "tomorrow"]),
        at(&["schedule", "once", "2026-02-30", "h"], &["2026-02-30"]),
        at(&["schedule", "once", "now", ""], &["hook", "expected a name"]),
        at(&["schedule", "once", "now", " h"], &["hook \" h\"", "white space"]),
        at(&["schedule", "async", "h", "--args", "42"], &["args", "42", "JSON array or object"]),
        at(
            &["schedule", "async", "h", "--args", "{\"a\":}"],
            &["args", "not valid JSON", "line 1"],
        ),
        at(&["schedule", "async", "h", "--args", "@nowhere.json"], &["nowhere.json"]),
        at(&["schedule", "async", "h", "--priority", "256"], &["256", "0 (first) to 255"]),
        at(&["schedule", "async", "h", "--unique=maybe"], &["maybe", "args, hook or key="]),
        at(&["schedule", "async", "h", "--group", "a\u{1}b"], &["group", "control character"]),
        at(&["schedule", "every", "1 month", "h"], &["1 month", "days"]),
        at(&["schedule", "every", "0", "h"], &["interval", "1 second"]),
        at(&["schedule", "every", "-5", "h"], &["-5", "length of time"]),
        at(&["schedule", "every", "5m", "h", "--missed", "skip"], &["--fixed-rate"]),
        at(
            &["schedule", "every", "5m", "h", "--fixed-rate", "--missed", "often"],
            &["often", "catch_up:N"],
        ),
        at(&["schedule", "sometimes", "h"], &["sometimes"]),
        at(&["schedule", "async", "h", "--gruop", "g"], &["--gruop", "--group"]),
        at(&["schedule", "async"], &["<HOOK>"]),
        at(
            &["schedule", "async", "h", "--store", "mssql://me:pw@db/x"],
            &["mssql://me:…@db/x", "sqlite:FILE", "postgres://", "mysql://"],
        ),
        at(&["schedule", "async", "h", "--store", "mysql://me:pw@db/x?prefx=wp_"], &["prefx"]),
        at(&["schedule", "async", "h", "--store", "postgres://me:pw@db/x?shema=s"], &["shema"]),
        at(&["schedule", "async", "h", "--store", "shop.db"], &["shop.db", "sqlite:FILE"]),
        at(&["schedule", "async", "h", "--config", "nowhere.toml"], &["nowhere.toml"]),
        at(
            &["schedule", "async", "h", "--time-zone", "europe/berlim"],
            &["europe/berlim", "Europe/Berlin"],
        ),
        at(&["schedule", "async", "h", "--color", "sometimes"], &["sometimes", "always"]),
        at(&["action", "generate", "h", "someday"], &["someday"]),
        at(&["action", "generate", "h", "now", "--count", "0"], &["0"]),
        at(&["action", "generate", "h", "now", "--interval", "100000d"], &["beyond the last date"]),
        at(&["action", "list", "--limit", "ten"], &["ten", "whole number"]),
        at(&["cancel"], &["<HOOK|--group <GROUP>>"]),
        at(&["action", "get", "-1"], &["-1"]),
        at(&["action", "get", "one"], &["one", "positive whole number"]),
        at(&["action", "list", "--status", "done"], &["done", "in-progress"]),
        at(&["action", "list", "--fields", "id,hok"], &["hok", "hook"]),
        at(&["action", "list", "--format", "xml"], &["xml", "yaml"]),
        at(&["action", "list", "--after", "page2"], &["page2", "cursor"]),
        at(&["action", "list", "--claimed", "maybe"], &["maybe", "id of a claim"]),
        at(&["action", "list", "--orderby", "size"], &["size", "modified"]),
        at(&["action", "list", "--order", "up"], &["up", "asc or desc"]),
        at(&["action", "rerun"], &["<IDS>"]),
        at(&["cancel"], &["HOOK"]),
        at(&["cron", "explain", "0 0 * * FUNDAY"], &["FUNDAY", "^^^^^^"]),
        at(&["cron", "explain", "* * * * *", "--after", "neverday"], &["neverday"]),
        at(&["cron", "explain", "* * * * *", "-n", "0"], &["0"]),
        at(&["cron", "explain", "CRON_TZ=Mars/Base * * * * *"], &["Mars/Base"]),
        at(&["run", "--workers", "none"], &["none", "1 to 10000"]),
        at(&["run", "--batch-size", "0"], &["0", "auto"]),
        at(&["run", "--time-limit", "0s"], &["0s", "more than nothing"]),
        at(&["run", "--memory-limit", "lots"], &["lots", "256M"]),
        at(&["watch", "--interval", "0"], &["more than nothing"]),
        at(&["check-config", "nowhere.toml"], &["nowhere.toml"]),
        at(&["clean", "--status", "pending"], &["pending", "complete, canceled or failed"]),
        at(&["clean", "--batch-size", "0"], &["0"]),
        at(&["serve", "--clean-interval", "0"], &["1 second", "never"]),
        at(&["completions", "tcsh"], &["tcsh", "bash"]),
        at(&["fly"], &["fly"]),
    ];
    for (args, quoted) in table {
        let outcome = sandbox.run(&args);
        assert_eq!(outcome.code, 2, "{args:?}: {outcome:#?}");
        assert_eq!(outcome.stdout, "", "{args:?}");
        let errors = outcome.stderr.matches("error:").count();
        assert_eq!(errors, 1, "{args:?}: {}", outcome.stderr);
        for part in quoted {
            assert!(outcome.stderr.contains(part), "{args:?} without {part:?}: {}", outcome.stderr);
        }
        assert!(!outcome.stderr.contains("pw"), "{args:?} shows a password: {}", outcome.stderr);
        assert!(!sandbox.has_store(), "{args:?} left a store behind");
    }
}

#[test]
fn bad_input_in_an_existing_store_changes_nothing() {
    let sandbox = Sandbox::new();
    sandbox.ok(&["schedule", "async", "h"]);
    let before = sandbox.ok(&["action", "list", "--json"]);
    for args in [
        &["action", "reschedule", "1", "someday"][..],
        &["action", "list", "--date", "=<now"],
        &["action", "list", "--date", "<now", "--date-compare", ">"],
        &["action", "list", "--after", "i-1"],
        &["clean", "--before", "someday"],
        &["cancel", "h", "--args", "nope"],
    ] {
        let outcome = sandbox.run(args);
        assert_eq!(outcome.code, 2, "{args:?}: {outcome:#?}");
    }
    let after = sandbox.ok(&["action", "list", "--json"]);
    let without_view = |text: &str| text.to_owned();
    assert_eq!(without_view(&before), without_view(&after));
}

#[test]
fn what_is_not_there_is_a_failure_but_no_bad_input() {
    let sandbox = Sandbox::new();
    let outcome = sandbox.run(&["status"]);
    assert_eq!(outcome.code, 1);
    assert!(outcome.stderr.contains("there is no database at \"action-scheduler.db\""));
    assert!(!sandbox.has_store(), "looking created a store");

    sandbox.ok(&["schedule", "async", "h"]);
    for args in [
        &["action", "get", "99"][..],
        &["action", "logs", "99"],
        &["action", "cancel", "99"],
        &["action", "delete", "99"],
        &["action", "rerun", "1"],
        &["action", "run", "99"],
        &["action", "next", "other"],
        &["chain", "get", "99"],
        &["chain", "pause", "99"],
        &["chain", "resume", "99"],
        &["cancel", "other"],
    ] {
        let outcome = sandbox.run(args);
        assert_eq!(outcome.code, 1, "{args:?}: {outcome:#?}");
        assert!(outcome.stderr.starts_with("error: "), "{args:?}: {outcome:#?}");
    }
}

#[test]
fn an_environment_variable_that_is_wrong_is_bad_input() {
    let sandbox = Sandbox::new();
    let mut command = sandbox.command(&["run"]);
    command.env("ACTION_SCHEDULER_RUNNER_WORKERS", "many");
    let outcome = outcome(command);
    assert_eq!(outcome.code, 2);
    assert!(outcome.stderr.contains("many") && outcome.stderr.contains("--workers"));
    assert!(!sandbox.has_store());
}

#[test]
fn a_file_that_is_no_database_is_left_alone() {
    let sandbox = Sandbox::new();
    sandbox.write("notes.db", "These are my notes, and they are longer than a header of SQLite.\n");
    let outcome = sandbox.run(&["schedule", "async", "h", "--store", "sqlite:notes.db"]);
    assert_eq!(outcome.code, 1, "{outcome:#?}");
    assert!(outcome.stderr.contains("notes.db"), "{outcome:#?}");
    let notes = std::fs::read_to_string(sandbox.path("notes.db")).unwrap();
    assert!(notes.starts_with("These are my notes"));
}

#[test]
fn text_from_the_store_cannot_drive_the_terminal() {
    let sandbox = Sandbox::new();
    sandbox.ok(&["schedule", "async", "h", "--args", "[\"\u{9b}2J\u{202e}\"]"]);
    for args in [&["action", "list"][..], &["action", "get", "1"], &["action", "list", "--json"]] {
        let text = sandbox.ok(args);
        assert!(!text.contains(['\u{9b}', '\u{202e}']), "{args:?}: {text:?}");
    }
}
