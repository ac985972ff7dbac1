//! Lists in every format, filters, order and pages.

use crate::sandbox::{Sandbox, filtered};

fn filled() -> Sandbox {
    let sandbox = Sandbox::new();
    let calls: [&[&str]; 6] = [
        &[
            "schedule",
            "once",
            "2030-01-01 09:00",
            "send_invoice",
            "--args",
            "[42]",
            "--group",
            "billing",
        ],
        &["schedule", "once", "2020-01-01", "send_invoice", "--args", "{\"z\":1,\"a\":1.50}"],
        &["schedule", "async", "import", "--priority", "1"],
        &[
            "schedule",
            "cron",
            "0 3 * * *",
            "backup",
            "--tz",
            "Europe/Berlin",
            "--first",
            "2030-06-01",
        ],
        &["schedule", "every", "90 minutes", "sync", "--first", "2030-02-01"],
        &["schedule", "once", "2031-01-01", "send_reminder", "--group", "billing"],
    ];
    for call in calls {
        sandbox.ok(call);
    }
    sandbox.ok(&["action", "cancel", "6"]);
    sandbox
}

fn ids(sandbox: &Sandbox, args: &[&str]) -> String {
    let call = [&["action", "list", "--format", "ids"], args].concat();
    sandbox.ok(&call).trim_end().to_owned()
}

#[test]
fn a_list_is_printed_in_every_format() {
    let sandbox = filled();
    let mut text = String::new();
    for format in ["table", "json", "csv", "ids", "count", "yaml"] {
        let list = sandbox.ok(&[
            "action",
            "list",
            "--orderby",
            "action_id",
            "--format",
            format,
            "--fields",
            "id,hook,status,group,args,priority,schedule,attempts,claim,chain",
        ]);
        text.push_str(&format!("## {format}\n{list}\n"));
    }
    filtered().bind(|| insta::assert_snapshot!("formats", text));
}

#[test]
fn every_filter_lets_the_right_ones_through() {
    let sandbox = filled();
    let table: [(&[&str], &str); 24] = [
        (&[], "2 3 1 5 4 6"),
        (&["--hook", "send_invoice"], "2 1"),
        (&["--group", "billing"], "1 6"),
        (&["--group", ""], "2 3 5 4"),
        (&["--status", "canceled"], "6"),
        (&["--status", "pending,canceled", "--group", "billing"], "1 6"),
        (&["--status", "pending", "--status", "canceled", "--group", "billing"], "1 6"),
        (&["--past-due"], "2 3"),
        (&["--args", "[ 42 ]"], "1"),
        (&["--args", "{\"a\":1.50}", "--args-match", "json"], "2"),
        (&["--args", "1.5", "--args-match", "text"], "2"),
        (&["--date", "<=2020-01-01"], "2"),
        (&["--date", "2020-01-01"], "2"),
        (&["--date", "2030-06-01", "--date-compare", ">="], "4 6"),
        (&["--date", ">2029-01-01", "--date", "<2030-03-01"], "1 5"),
        (&["--modified", ">1 hour ago", "--status", "canceled"], "6"),
        (&["--claimed", "yes"], ""),
        (&["--search", "invoice", "--order", "desc"], "1 2"),
        (&["--chain", "1"], "4"),
        (&["--orderby", "hook"], "4 3 1 2 6 5"),
        (&["--orderby", "action_id", "--order", "desc", "--per-page", "2"], "6 5"),
        (&["--orderby", "action_id", "--limit", "2", "--offset", "3"], "4 5"),
        (&["--within", "1"], "2"),
        (&["--within", "1", "--orderby", "hook"], "6"),
    ];
    for (args, expected) in table {
        if args.first() == Some(&"--chain") {
            let chain = sandbox.json(&["action", "get", "4", "--json"])["chain"].to_string();
            assert_eq!(ids(&sandbox, &["--chain", &chain]), expected, "{args:?}");
            continue;
        }
        assert_eq!(ids(&sandbox, args), expected, "{args:?}");
    }
    assert_eq!(sandbox.ok(&["action", "list", "--format", "count", "--limit", "1"]), "6\n");
}

#[test]
fn the_cursor_of_a_page_leads_to_the_next() {
    let sandbox = filled();
    for orderby in [
        "date",
        "hook",
        "group",
        "modified",
        "started",
        "finished",
        "completed",
        "claim_id",
        "log_entries",
        "action_id",
        "none",
    ] {
        let mut seen = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let mut args = vec![
                "action",
                "list",
                "--json",
                "--limit",
                "2",
                "--orderby",
                orderby,
                "--fields",
                "id,cursor",
            ];
            if let Some(after) = &after {
                args.extend(["--after", after]);
            }
            let page = sandbox.json(&args);
            let Some(last) = page.as_array().unwrap().last() else { break };
            after = Some(last["cursor"].as_str().unwrap().to_owned());
            seen.extend(page.as_array().unwrap().iter().map(|row| row["id"].as_i64().unwrap()));
        }
        let all = ids(&sandbox, &["--orderby", orderby]);
        let seen: Vec<String> = seen.iter().map(ToString::to_string).collect();
        assert_eq!(seen.join(" "), all, "{orderby}");
    }
    let outcome = sandbox.run(&["action", "list", "--limit", "2"]);
    assert!(outcome.stderr.contains("--after t"), "{outcome:#?}");
}

#[test]
fn one_action_is_shown_in_full() {
    let sandbox = filled();
    let mut text = String::new();
    for args in [
        &["action", "get", "4"][..],
        &["action", "get", "1", "--json"],
        &["action", "get", "1", "--format", "yaml"],
        &["action", "get", "1", "--fields", "id,hook,args"],
        &["action", "get", "2", "--field", "args"],
        &["action", "logs", "6"],
        &["action", "logs", "6", "--json"],
        &["action", "next", "send_invoice", "--raw"],
        &["action", "next", "backup", "--raw"],
        &["action", "next", "import", "--raw"],
        &["action", "next", "sync"],
        &["chain", "list"],
        &["chain", "get", "5"],
        &["status"],
        &["status", "--json"],
    ] {
        let outcome = sandbox.run(args);
        text.push_str(&format!("$ {}\n{}{}\n", args.join(" "), outcome.stdout, outcome.stderr));
    }
    filtered().bind(|| insta::assert_snapshot!("one_action", text));
}

#[test]
fn cron_expressions_are_explained() {
    let sandbox = Sandbox::new();
    let mut text = String::new();
    let after = "2026-03-28 12:00";
    for args in [
        &["*/15 9-17 * * MON-FRI", "--tz", "Europe/Berlin"][..],
        &["30 2 * * *", "--tz", "Europe/Berlin", "-n", "2"],
        &["CRON_TZ=America/New_York 0 0 L * *", "-n", "2"],
        &["0 0 13 * 5", "-n", "1", "--dialect", "action-scheduler"],
        &["@hourly", "-n", "2", "--json"],
        &["0 0 * 13 *"],
    ] {
        let args = [&["cron", "explain"], args, &["--after", after]].concat();
        let outcome = sandbox.run(&args);
        let shown = format!("$ {}\n{}{}\n", args.join(" "), outcome.stdout, outcome.stderr);
        text.push_str(&shown);
    }
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.add_filter(r"  (in )?\d+ \w+( ago)?\n", "  [relative]\n");
    settings.bind(|| insta::assert_snapshot!("cron_explain", text));
    let next = &sandbox
        .json(&["cron", "explain", "@hourly", "-n", "2", "--json", "--after", "7200"])["next"];
    assert_eq!(next.to_string(), "[10800,14400]");
}
