//! Moving from one store to another.

use crate::sandbox::Sandbox;

const CONFIG: &str = r#"
[[handler]]
hook = "works"
command = ["/bin/sh", "-c", 'echo "$ACTION_SCHEDULER_ARGS" >> ran']

[[handler]]
hook = "slow"
command = ["/bin/sh", "-c", "touch begun; while test ! -e go; do sleep 0.02; done"]
"#;

const OLD: [&str; 2] = ["--store", "sqlite:old.db"];
const NEW: [&str; 2] = ["--store", "sqlite:new.db"];
const MIGRATE: [&str; 5] = ["migrate", "--from", "sqlite:old.db", "--to", "sqlite:new.db"];

fn with<'a>(first: &[&'a str], more: &[&'a str]) -> Vec<&'a str> {
    [first, more].concat()
}

/// An old store with one action that is complete, two that are pending, and a paused chain.
fn shop() -> Sandbox {
    let sandbox = Sandbox::with_config(CONFIG);
    sandbox.ok(&with(&OLD, &["schedule", "async", "works", "--args", "[1]"]));
    sandbox.ok(&with(&OLD, &["run"]));
    sandbox.ok(&with(&OLD, &["schedule", "async", "works", "--args", "[2]"]));
    sandbox.ok(&with(&OLD, &["schedule", "once", "tomorrow", "works", "--args", "[3]"]));
    let chain = sandbox.ok(&with(&OLD, &["schedule", "cron", "0 3 * * *", "works"]));
    sandbox.ok(&with(&OLD, &["chain", "pause", chain.trim(), "--reason", "holiday"]));
    sandbox
}

#[test]
fn a_store_moves_with_all_it_holds_and_goes_on() {
    let sandbox = shop();
    let before = sandbox.ok(&with(&OLD, &["action", "logs", "1"]));
    assert_eq!(
        sandbox.ok(&MIGRATE),
        "moved 2 pending actions, copied 2 finished ones (1 canceled, 1 complete)\n\
         compared: 2 finished actions with 6 log entries are the same in both, 2 moved, 1 chain\n"
    );
    assert_eq!(sandbox.ok(&with(&NEW, &["action", "logs", "1"])), before);
    let chains = sandbox.json(&with(&NEW, &["chain", "list", "--format", "json"]));
    assert_eq!((&chains[0]["state"], &chains[0]["reason"]), (&"paused".into(), &"holiday".into()));
    let logs = sandbox.ok(&with(&OLD, &["action", "logs", "2"]));
    assert!(logs.contains("action canceled via migrate: moved to sqlite:new.db (store "), "{logs}");
    let logs = sandbox.ok(&with(&NEW, &["action", "logs", "2"]));
    assert!(logs.contains("moved from sqlite:old.db, where it was action 2"), "{logs}");
    assert_eq!(sandbox.ok(&with(&OLD, &["run"])), "0 complete, 0 failed, in 0 batches\n");
    assert_eq!(sandbox.ok(&with(&NEW, &["run"])), "1 complete, 0 failed, in 1 batch\n");
    assert_eq!(std::fs::read_to_string(sandbox.path("ran")).unwrap(), "[1]\n[2]\n");
    // What comes later goes by the same command.
    sandbox.ok(&with(&OLD, &["schedule", "async", "works"]));
    let report = sandbox.json(&with(&MIGRATE, &["--json"]));
    assert_eq!((&report["complete"], &report["moved"]), (&true.into(), &1.into()));
    assert_eq!(report["copied"], serde_json::json!({}));
}

#[test]
fn a_dry_run_says_what_would_go_and_creates_nothing() {
    let sandbox = shop();
    let plan = sandbox.ok(&with(&MIGRATE, &["--dry-run"]));
    assert_eq!(
        plan,
        "sqlite:new.db would be brought up to date first:\n  \
         version 1: the tables of actions, chains, the log, claims and runners\n  \
         version 2: the identity of the store, and the journal of what is moved to it\n  \
         version 3: records, receipts of requests, and figures over time\n  \
         version 4: indexes of a group by status and of a chain by date, which take seconds where there are millions\n\
         would move 4 actions (1 canceled, 1 complete, 2 pending), with 8 log entries\n\
         and 1 chain (1 paused)\n"
    );
    assert!(!sandbox.path("new.db").exists());
    sandbox.ok(&with(&NEW, &["schedule", "async", "works"]));
    let plan = sandbox.json(&with(&MIGRATE, &["--dry-run", "--json"]));
    assert_eq!((&plan["taken_ids"], &plan["layout"]), (&1.into(), &serde_json::json!([])));
    let count = ["action", "list", "--format", "count"];
    assert_eq!(sandbox.ok(&with(&NEW, &count)), "1\n");
    assert_eq!(
        sandbox.ok(&with(&OLD, &["action", "list", "--status", "pending", "--format", "count"])),
        "2\n"
    );
}

#[test]
fn what_is_in_progress_is_waited_for_as_long_as_was_said() {
    let sandbox = shop();
    sandbox.ok(&with(&OLD, &["cancel", "works", "--all"]));
    sandbox.ok(&with(&OLD, &["schedule", "async", "slow"]));
    let mut running = sandbox.command(&with(&OLD, &["run"])).spawn().unwrap();
    while !sandbox.path("begun").exists() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let outcome = sandbox.run(&with(&MIGRATE, &["--passes", "1"]));
    assert_eq!(outcome.code, 1, "{outcome:#?}");
    let left = "left in sqlite:old.db: 1 in-progress; the same command moves them";
    assert!(outcome.stdout.contains(left), "{outcome:#?}");
    sandbox.write("go", "");
    assert!(running.wait().unwrap().success());
    let report = sandbox.json(&with(&MIGRATE, &["--json"]));
    assert_eq!((&report["complete"], &report["copied"]["complete"]), (&true.into(), &1.into()));
}

#[test]
fn a_store_is_not_moved_to_itself_nor_from_nowhere() {
    let sandbox = shop();
    let path = sandbox.path("old.db");
    let same = format!("sqlite:{}", path.display());
    let outcome = sandbox.run(&["migrate", "--from", "sqlite:old.db", "--to", &same]);
    assert_eq!(outcome.code, 2);
    assert!(
        outcome.stderr.contains("is the store that is moved from, or a copy of it"),
        "{outcome:#?}"
    );
    let outcome = sandbox.run(&["migrate", "--from", "sqlite:none.db", "--to", "sqlite:new.db"]);
    assert_eq!(outcome.code, 1);
    assert!(outcome.stderr.contains("there is no database at \"none.db\""), "{outcome:#?}");
    assert!(!sandbox.path("none.db").exists() && !sandbox.path("new.db").exists());
    assert_eq!(sandbox.run(&["migrate", "--from", "sqlite:old.db"]).code, 2);
    let outcome =
        sandbox.run(&["migrate", "--from", "odd://u:secret@h/d", "--to", "sqlite:new.db"]);
    assert_eq!(outcome.code, 2);
    assert!(!outcome.stderr.contains("secret"), "{outcome:#?}");
}

#[test]
fn the_layout_of_a_store_is_shown_and_brought_up_to_date() {
    let sandbox = Sandbox::new();
    let shown = sandbox.ok(&with(&NEW, &["migrate", "--dry-run"]));
    assert!(
        shown.starts_with("sqlite:new.db would be brought up to date:\n  version 1: "),
        "{shown}"
    );
    assert!(!sandbox.has_store());
    let done = sandbox.ok(&with(&NEW, &["migrate"]));
    assert!(done.starts_with("sqlite:new.db was brought up to date:\n"), "{done}");
    assert_eq!(sandbox.ok(&with(&NEW, &["migrate", "--dry-run"])), "sqlite:new.db is up to date\n");
}

/// Killed again and again while it moves, it ends with everything moved, and each action runs once.
#[test]
fn a_move_that_is_killed_goes_on_where_it_was() {
    let sandbox = Sandbox::with_config(CONFIG);
    let hooks = sandbox.ok(&with(
        &OLD,
        &["action", "generate", "works", "tomorrow", "--count", "3000", "--interval", "1m"],
    ));
    assert!(!hooks.is_empty());
    let mut kills = 0;
    for round in 0..60_u64 {
        let mut moving = sandbox
            .command(&with(&MIGRATE, &["--batch-size", "50"]))
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(std::time::Duration::from_millis(15 + round * 7));
        if let Some(status) = moving.try_wait().unwrap() {
            assert!(status.success());
            break;
        }
        // It may have ended this very moment.
        let _ = moving.kill();
        moving.wait().unwrap();
        kills += 1;
    }
    assert!(kills > 0, "it was never killed");
    let report = sandbox.json(&with(&MIGRATE, &["--json"]));
    assert_eq!((&report["complete"], &report["compared"]["moved"]), (&true.into(), &3000.into()));
    let pending = ["action", "list", "--status", "pending", "--format", "count"];
    assert_eq!(sandbox.ok(&with(&NEW, &pending)), "3000\n");
    assert_eq!(sandbox.ok(&with(&OLD, &pending)), "0\n");
    assert_eq!(sandbox.ok(&with(&NEW, &["action", "list", "--format", "count"])), "3000\n");
}
