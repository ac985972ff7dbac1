//! Actions from their storing to their end.

use crate::sandbox::{Sandbox, filtered};

const CONFIG: &str = r#"
[[handler]]
hook = "works"
command = ["/bin/sh", "-c", 'cat > received.json; echo "Done with $ACTION_SCHEDULER_ARGS"']

[[handler]]
hook = "fails"
command = ["/bin/sh", "-c", 'echo "No paper." >&2; exit 3']

[[handler]]
hook = "flaky"
command = ["/bin/sh", "-c", 'test "$ACTION_SCHEDULER_ATTEMPT" -ge 2']

[hooks.flaky]
max_attempts = 2
backoff = { first = "1s", max = "1s" }
"#;

#[test]
fn an_action_is_scheduled_run_and_looked_up() {
    let sandbox = Sandbox::with_config(CONFIG);
    assert_eq!(sandbox.ok(&["schedule", "async", "works", "--args", "{\"order\":42}"]), "1\n");
    sandbox.ok(&["schedule", "async", "fails"]);
    sandbox.ok(&["schedule", "async", "nobody_listens"]);
    sandbox.ok(&["schedule", "once", "tomorrow", "works"]);
    assert_eq!(sandbox.ok(&["run"]), "1 complete, 2 failed, in 1 batch\n");
    let received = std::fs::read_to_string(sandbox.path("received.json")).unwrap();
    assert_eq!(received.trim(), "{\"order\":42}");

    let mut text = String::new();
    for args in [
        &["action", "list", "--orderby", "action_id"][..],
        &["action", "logs", "1"],
        &["action", "logs", "2"],
        &["action", "logs", "3"],
    ] {
        text.push_str(&format!("$ {}\n{}\n", args.join(" "), sandbox.ok(args)));
    }
    filtered().bind(|| insta::assert_snapshot!("life", text));
}

#[test]
fn a_run_ends_well_though_actions_fail_unless_asked_otherwise() {
    let sandbox = Sandbox::with_config(CONFIG);
    sandbox.ok(&["schedule", "async", "fails"]);
    let report = sandbox.json(&["run", "--json"]);
    assert_eq!((&report["failed"], &report["stopped"]), (&1.into(), &"drained".into()));
    sandbox.ok(&["action", "rerun", "1"]);
    let outcome = sandbox.run(&["run", "--fail-on-failure"]);
    assert_eq!(outcome.code, 1);
    assert!(outcome.stderr.contains("No paper."), "{outcome:#?}");
}

#[test]
fn a_run_takes_what_it_is_told_to() {
    let sandbox = Sandbox::with_config(CONFIG);
    for (hook, group) in [("works", "a"), ("works", "b"), ("works", "c"), ("fails", "a")] {
        sandbox.ok(&["schedule", "async", hook, "--group", group]);
    }
    let run =
        |args: &[&str]| sandbox.json(&[&["run", "--json"], args].concat())["complete"].clone();
    assert_eq!(run(&["--hooks", "works", "--group", "a"]), 1);
    assert_eq!(run(&["--exclude-groups", "a,b"]), 1);
    assert_eq!(run(&["--batch-size", "1", "--batches", "1", "--hooks", "works,other"]), 1);
    assert_eq!(sandbox.ok(&["action", "list", "--status", "pending", "--format", "count"]), "1\n");
}

#[test]
fn single_actions_are_run_here_and_now() {
    let sandbox = Sandbox::with_config(CONFIG);
    sandbox.ok(&["schedule", "once", "tomorrow", "works"]);
    sandbox.ok(&["schedule", "once", "tomorrow", "fails"]);
    assert_eq!(sandbox.ok(&["action", "run", "1"]), "action 1: complete\n");
    let outcome = sandbox.run(&["action", "run", "1", "2", "77"]);
    assert_eq!(outcome.code, 1);
    insta::assert_snapshot!(outcome.stderr, @r"
    error: action 1: not run: it is complete; only a pending action can be run
    error: action 2: failed: exit code 3: No paper.
    error: action 77: not run: there is no such action
    ");
    let json = sandbox.run(&["action", "run", "2", "--json"]).stdout;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json[0]["outcome"], "not run");
}

#[test]
fn changes_to_several_actions_report_each() {
    let sandbox = Sandbox::new();
    sandbox.ok(&["action", "generate", "h", "tomorrow", "--count", "4", "--interval", "1h"]);
    let mut text = String::new();
    for args in [
        &["action", "reschedule", "1", "2", "2030-01-01"][..],
        &["action", "reschedule", "3", "5 minutes ago"],
        &["action", "cancel", "1", "9"],
        &["action", "delete", "1", "2", "--json"],
        &["action", "rerun", "3"],
    ] {
        let outcome = sandbox.run(args);
        text.push_str(&format!(
            "$ {}\n{}{}exit code {}\n\n",
            args.join(" "),
            outcome.stdout,
            outcome.stderr,
            outcome.code
        ));
    }
    filtered().bind(|| insta::assert_snapshot!("changes", text));
    assert_eq!(sandbox.ok(&["action", "list", "--format", "ids"]), "3 4\n");
}

#[test]
fn a_unique_action_is_refused_without_an_error() {
    let sandbox = Sandbox::new();
    let call = ["schedule", "async", "h", "--unique", "--args", "[1]"];
    assert_eq!(sandbox.ok(&call), "1\n");
    let outcome = sandbox.run(&call);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (0, ""));
    assert!(outcome.stderr.starts_with("not scheduled: \"h\""), "{outcome:#?}");
    assert_eq!(sandbox.ok(&[&call[..], &["--json"]].concat()), "{\"id\":null}\n");
    assert_eq!(sandbox.ok(&["schedule", "async", "h", "--unique", "--args", "[2]"]), "2\n");
    assert_eq!(sandbox.ok(&["schedule", "async", "h", "--unique=hook"]), "");
    assert_eq!(sandbox.ok(&["schedule", "async", "h", "--unique=key=k"]), "3\n");
    assert_eq!(sandbox.ok(&["schedule", "async", "other", "--unique=key=k"]), "");
}

#[test]
fn args_come_from_a_file_too() {
    let sandbox = Sandbox::new();
    sandbox.write("args.json", "[ 1,\n 2 ]\n");
    sandbox.ok(&["schedule", "async", "h", "--args", "@args.json"]);
    assert_eq!(sandbox.ok(&["action", "get", "1", "--field", "args"]), "[1,2]\n");
}

#[test]
fn cancel_takes_the_first_or_all() {
    let sandbox = Sandbox::new();
    for date in ["2030-01-02", "2030-01-01", "2030-01-03"] {
        sandbox.ok(&["schedule", "once", date, "h", "--group", "g"]);
    }
    assert_eq!(sandbox.ok(&["cancel", "h"]), "canceled action 2\n");
    assert_eq!(sandbox.ok(&["cancel", "--group", "g", "--all"]), "canceled 2 actions\n");
    assert_eq!(sandbox.ok(&["cancel", "h", "--all", "--json"]), "{\"canceled\":0}\n");
}

#[test]
fn a_change_to_many_shows_how_far_it_is_on_a_terminal_only() {
    let sandbox = Sandbox::new();
    let generate = ["action", "generate", "h", "tomorrow", "--count", "3000"];
    sandbox.ok(&generate);
    let shown = sandbox.on_a_terminal("cancel h --all", "");
    assert_eq!(shown.code, 0, "{shown:?}");
    assert!(shown.stdout.contains("/3,000 ("), "{shown:?}");
    assert!(shown.stdout.contains("canceled 3,000 actions"), "{shown:?}");
    sandbox.ok(&generate);
    let unseen = sandbox.run(&["cancel", "h", "--all"]);
    assert_eq!((unseen.stdout.as_str(), unseen.stderr.as_str()), ("canceled 3,000 actions\n", ""));
    let ids = sandbox.on_a_terminal("action delete 1 2 3 --json", "");
    assert!(ids.stdout.contains("/3 ("), "{ids:?}");
}

#[test]
fn a_chain_is_paused_after_failures_and_resumed() {
    let sandbox =
        Sandbox::with_config(&format!("{CONFIG}\n[hooks.fails]\nfailure_threshold = 1\n"));
    sandbox.ok(&["schedule", "every", "1h", "fails", "--first", "now"]);
    sandbox.ok(&["run"]);
    let chain = sandbox.json(&["chain", "list", "--state", "paused", "--json"])[0].clone();
    assert_eq!(chain["failures"], 1);
    assert!(sandbox.ok(&["status"]).contains("paused chains:"));
    let id = chain["id"].to_string();
    assert!(
        sandbox
            .ok(&["chain", "resume", &id])
            .starts_with(&format!("chain {id} goes on with action"))
    );
    let again = sandbox.run(&["chain", "resume", &id]);
    assert_eq!(again.code, 1, "{again:#?}");
    assert_eq!(sandbox.ok(&["chain", "pause", &id]), format!("chain {id} is paused\n"));
    assert_eq!(sandbox.json(&["chain", "get", &id, "--json"])["reason"], "paused by hand");
}

#[test]
fn changes_to_chains_are_told_in_json_one_by_one() {
    let sandbox = Sandbox::with_config(CONFIG);
    sandbox.ok(&["schedule", "every", "1h", "works"]);
    let ok = |row: &serde_json::Value| (row["id"].as_u64(), row["ok"].as_bool());
    for (args, more) in [
        (&["chain", "pause", "1", "99", "--json"][..], serde_json::Value::Null),
        (&["chain", "resume", "1", "99", "--json"], 2.into()),
        (&["chain", "end", "1", "99", "--json"], serde_json::Value::Null),
    ] {
        let outcome = sandbox.run(args);
        assert_eq!((outcome.code, outcome.stderr.as_str()), (1, ""), "{args:?}: {outcome:#?}");
        let rows: Vec<serde_json::Value> = serde_json::from_str(&outcome.stdout).unwrap();
        assert_eq!(
            rows.iter().map(ok).collect::<Vec<_>>(),
            [(Some(1), Some(true)), (Some(99), Some(false))]
        );
        assert_eq!(rows[0]["next"], more, "{args:?}");
        assert_eq!(rows[1]["error"], "there is no chain 99");
    }
}

#[test]
fn watch_prints_a_line_for_each_look_where_there_is_no_terminal() {
    let sandbox = Sandbox::new();
    sandbox.ok(&["schedule", "async", "h"]);
    let text = sandbox.ok(&["watch", "--count", "2", "--interval", "10ms"]);
    assert_eq!(text.lines().count(), 2);
    assert!(text.lines().all(|line| line.contains("pending 1  in-progress 0")), "{text}");
}

#[test]
fn what_has_been_kept_long_enough_is_deleted() {
    let sandbox =
        Sandbox::with_config(&format!("{CONFIG}\n[hooks.fails]\nretention = {{ failed = 0 }}"));
    for hook in ["works", "fails", "nobody_listens"] {
        sandbox.ok(&["schedule", "async", hook]);
    }
    sandbox.ok(&["run"]);
    assert_eq!(sandbox.ok(&["clean", "--dry-run"]), "would delete 1 action (1 failed)\n");
    assert_eq!(sandbox.ok(&["clean"]), "deleted 1 action (1 failed)\n");
    assert_eq!(sandbox.ok(&["action", "list", "--format", "ids"]), "1 3\n");
    assert_eq!(sandbox.ok(&["clean", "--before", "tomorrow"]), "deleted 1 action (1 complete)\n");
    let report = sandbox.json(&["clean", "--before", "tomorrow", "--status", "failed", "--json"]);
    assert_eq!(report["deleted"]["failed"], 1);
}

#[test]
fn many_actions_are_generated() {
    let sandbox = Sandbox::new();
    let text = sandbox.ok(&["action", "generate", "h", "async", "--count", "2500", "--group", "g"]);
    assert_eq!(text, "stored 2,500 actions, ids 1 to 2500\n");
    assert_eq!(sandbox.ok(&["action", "list", "--group", "g", "--format", "count"]), "2500\n");
}
