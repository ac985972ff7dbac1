//! `--wordpress`: the queue of a real site, from the outside.

mod import_posts;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use action_scheduler::action::NewAction;
use action_scheduler::{Args, Query, Schedule, Scheduler, Status};
use mysql_async::prelude::Queryable;
use testkit::servers::WordPress;

use crate::sandbox::Sandbox;
use crate::serve::Serving;

const PLUGIN: &str = "<?php
add_action( 'greet', function ( $name ) { file_put_contents( ABSPATH . 'greeted', \"$name\\n\", FILE_APPEND ); } );
add_action( 'greet_slowly', function ( $name ) { usleep( 5000 ); do_action( 'greet', $name ); } );
add_action( 'decline', function () { throw new RuntimeException( 'card declined' ); } );
";

async fn site() -> WordPress {
    let site = WordPress::install().await;
    site.add_plugin("greeter", PLUGIN);
    site
}

fn greeted(site: &WordPress) -> String {
    std::fs::read_to_string(site.path().join("greeted")).unwrap_or_default()
}

fn folder(site: &WordPress) -> String {
    site.path().display().to_string()
}

#[tokio::test]
async fn one_command_runs_what_is_due_on_a_site() {
    let site = site().await;
    let (sandbox, folder) = (Sandbox::new(), folder(&site));
    let on_site = |args: &[&str]| sandbox.ok(&[args, &["--wordpress", &folder]].concat());
    on_site(&["schedule", "async", "greet", "--args", r#"["Ada"]"#]);
    on_site(&["schedule", "async", "decline"]);
    let report = sandbox.json(&["run", "--wordpress", &folder, "--json"]);
    assert_eq!((&report["complete"], &report["failed"]), (&1.into(), &1.into()), "{report}");
    assert_eq!(greeted(&site), "Ada\n");
    let log = on_site(&["action", "logs", "2"]);
    assert!(log.contains("RuntimeException: card declined in"), "{log}");
    on_site(&["schedule", "once", "+1 day", "greet", "--args", r#"["Bob"]"#]);
    on_site(&["action", "run", "3"]);
    assert_eq!(greeted(&site), "Ada\nBob\n");
    let status = on_site(&["status"]);
    assert!(status.contains("mysql://root@"), "{status}");
}

#[tokio::test]
async fn serve_runs_a_site_and_says_why_it_waits_for_a_broken_one() {
    let site = site().await;
    let (sandbox, folder) = (Sandbox::new(), folder(&site));
    let serving = Serving::start(sandbox.command(&["serve", "--wordpress", &folder]));
    serving.wait_for("handler    *: php");
    sandbox.ok(&["schedule", "async", "greet", "--args", r#"["Ada"]"#, "--wordpress", &folder]);
    serving.wait_for("complete");
    assert_eq!(greeted(&site), "Ada\n");

    site.add_plugin("broken", "<?php\nthis is no PHP;");
    // Not after the two seconds in which it sees that by itself.
    serving.signal("-HUP");
    serving.wait_for("PHP workers are replaced");
    sandbox.ok(&["schedule", "async", "greet", "--args", r#"["Bob"]"#, "--wordpress", &folder]);
    let line = serving.wait_for("the queue stands still");
    assert!(line.contains("PHP Fatal error: syntax error"), "{line}");
    site.remove("wp-content/mu-plugins/broken.php");
    serving.wait_for("WordPress can be loaded again");
    serving.wait_for("complete");
    assert_eq!(greeted(&site), "Ada\nBob\n");
}

/// How often each action was called, by its number.
fn calls(site: &WordPress) -> BTreeMap<String, usize> {
    let mut calls = BTreeMap::new();
    for line in greeted(site).lines() {
        *calls.entry(line.to_owned()).or_default() += 1;
    }
    calls
}

#[tokio::test]
async fn a_daemon_that_is_killed_loses_nothing_and_runs_no_callback_twice() {
    const ACTIONS: usize = 500;
    const KILLS: usize = 4;
    let site = site().await;
    let (sandbox, folder) = (Sandbox::new(), folder(&site));
    let queue = Scheduler::open(&site.url()).await.unwrap();
    let actions = (0..ACTIONS).map(|number| {
        NewAction::new("greet".parse().unwrap(), Schedule::Async)
            .args(Args::new([number.to_string()]).unwrap())
    });
    queue.insert(actions.collect()).await.unwrap();
    for _ in 0..KILLS {
        let before = calls(&site).len();
        let serve = ["serve", "--wordpress", &folder, "--listen", "off"];
        let mut daemon = sandbox.command(&serve).spawn().unwrap();
        let begun = Instant::now();
        while calls(&site).len() < before + ACTIONS / KILLS / 3 {
            assert!(begun.elapsed() < Duration::from_secs(60), "nothing is called");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        daemon.kill().unwrap();
        daemon.wait().unwrap();
    }
    // Its dead predecessors held some: they are given back, or failed where they had been started.
    sandbox.ok(&["run", "--wordpress", &folder]);
    let actions = queue.query(Query::new().unlimited()).await.unwrap();
    assert_eq!(actions.len(), ACTIONS);
    let calls = calls(&site);
    for action in &actions {
        let number = action.args.as_str().trim_matches(['[', ']', '"']);
        let called = calls.get(number).copied().unwrap_or_default();
        match action.status {
            Status::Complete => assert_eq!(called, 1, "{action:?}"),
            Status::Failed => assert!(called <= 1, "{action:?}"),
            _ => panic!("it was neither run nor failed: {action:?}"),
        }
    }
    let complete = actions.iter().filter(|action| action.status == Status::Complete).count();
    assert!(complete > ACTIONS / 2, "{complete} are complete");
}

#[tokio::test]
async fn a_bridge_that_is_taken_away_in_the_middle_of_a_run_costs_nothing() {
    const ACTIONS: usize = 400;
    let site = site().await;
    let (sandbox, folder) = (Sandbox::new(), folder(&site));
    sandbox.ok(&["wordpress", "install", "--wordpress", &folder]);
    let queue = Scheduler::open(&site.url()).await.unwrap();
    let actions = (0..ACTIONS).map(|number| {
        NewAction::new("greet_slowly".parse().unwrap(), Schedule::Async)
            .args(Args::new([number.to_string()]).unwrap())
    });
    queue.insert(actions.collect()).await.unwrap();
    let serve = ["serve", "--wordpress", &folder, "--listen", "off"];
    let mut serving = Serving::start(sandbox.command(&serve));
    let called = async |wanted: usize| {
        let begun = Instant::now();
        while calls(&site).len() < wanted {
            assert!(begun.elapsed() < Duration::from_secs(60), "{wanted} are not called");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    called(ACTIONS / 10).await;
    sandbox.ok(&["wordpress", "uninstall", "--wordpress", &folder]);
    called(ACTIONS).await;
    // Nobody rings any more.
    let last = Args::new(["last"]).unwrap();
    queue.enqueue_async("greet", last).await.unwrap();
    called(ACTIONS + 1).await;
    serving.signal("-TERM");
    assert_eq!(serving.exit_code(), Some(0));
    assert!(calls(&site).values().all(|times| *times == 1), "{:?}", calls(&site));
    let complete = queue.count(Query::new().status(Status::Complete)).await.unwrap();
    assert_eq!(complete, ACTIONS as u64 + 1);
}

#[tokio::test]
async fn several_sites_are_served_by_one_daemon() {
    let (first, second) = (site().await, site().await);
    let (sandbox, folders) = (Sandbox::new(), [folder(&first), folder(&second)]);
    for (folder, name) in folders.iter().zip(["Ada", "Bob"]) {
        let args = format!("[{name:?}]");
        sandbox.ok(&["schedule", "async", "greet", "--args", &args, "--wordpress", folder]);
    }
    let both = folders.join(",");
    let serving = Serving::start(sandbox.command(&["serve", "--wordpress", &both]));
    serving.wait_for("complete");
    serving.wait_for("complete");
    assert_eq!((greeted(&first).as_str(), greeted(&second).as_str()), ("Ada\n", "Bob\n"));
}

#[tokio::test]
async fn what_is_no_wordpress_is_refused() {
    let sandbox = Sandbox::new();
    let outcome = sandbox.run(&["run", "--wordpress", "."]);
    assert_eq!(outcome.code, 1);
    assert!(outcome.stderr.contains("there is no WordPress"), "{}", outcome.stderr);
    sandbox.write("wp-load.php", "<?php");
    let outcome = sandbox.run(&["serve", "--wordpress", "."]);
    assert!(outcome.stderr.contains("there is no wp-config.php"), "{}", outcome.stderr);
    sandbox.write("wp-config.php", "<?php define('DB_NAME', 'x'); $table_prefix = 'wp_';");
    let outcome = sandbox.run(&["status", "--wordpress", ".", "--php-user", "nobody"]);
    assert!(outcome.stderr.contains("does not define DB_HOST"), "{}", outcome.stderr);
    let outcome = sandbox.run(&["status", "--wordpress", ".", "--php-user", "no-such-user"]);
    assert_eq!(outcome.code, 2);
    assert!(outcome.stderr.contains("there is no user \"no-such-user\""), "{}", outcome.stderr);
}

#[tokio::test]
async fn a_site_that_cannot_be_loaded_keeps_its_queue_and_run_says_why() {
    let site = site().await;
    let (sandbox, folder) = (Sandbox::new(), folder(&site));
    sandbox.ok(&["schedule", "async", "greet", "--args", r#"["Ada"]"#, "--wordpress", &folder]);
    site.write(".maintenance", "<?php $upgrading = time();");
    let outcome = sandbox.run(&["run", "--wordpress", &folder]);
    assert_eq!(outcome.code, 1);
    assert!(outcome.stderr.contains("the site is in maintenance mode"), "{}", outcome.stderr);
    site.remove(".maintenance");
    sandbox.ok(&["run", "--wordpress", &folder]);
    assert_eq!(greeted(&site), "Ada\n");
}

#[tokio::test]
async fn the_doctor_says_what_to_do() {
    let site = site().await;
    let (sandbox, folder) = (Sandbox::new(), folder(&site));
    let doctor = |args: &[&str]| {
        sandbox.run(&[&["wordpress", "doctor", "--wordpress", &folder], args].concat())
    };
    let before = doctor(&[]);
    assert_eq!(before.code, 0, "{before:#?}");
    assert!(before.stdout.contains("there are no tables of a queue yet"), "{}", before.stdout);
    assert!(before.stdout.contains("no plugin brings Action Scheduler"), "{}", before.stdout);
    sandbox.ok(&["status", "--wordpress", &folder]);
    assert!(doctor(&[]).stdout.contains("doubtful  bridge       not installed"), "no bridge yet");
    sandbox.ok(&["wordpress", "install", "--wordpress", &folder]);
    let installed = doctor(&[]).stdout;
    assert!(installed.contains("installed; no daemon runs this queue"), "{installed}");
    assert!(installed.contains("the bridge provides the functions that schedule"), "{installed}");
    assert!(
        installed.contains("no daemon; no open claims of the site's own runner"),
        "{installed}"
    );
    assert!(installed.contains("every status, and what is pending, can be read"), "{installed}");
    let mut connection = site.connect().await;
    let damaged = "INSERT INTO wp_actionscheduler_actions (hook, status, args, schedule, scheduled_date_gmt)
        VALUES ('x', 'lost', '[]', 'O:1', UTC_TIMESTAMP()), ('x', 'pending', '[', 'O:1', UTC_TIMESTAMP()),
        ('x', 'pending', '[]', 'a:0:{}', UTC_TIMESTAMP()), ('x', 'in-progress', '[]', 'O:1', UTC_TIMESTAMP())";
    connection.query_drop(damaged).await.unwrap();
    connection
        .query_drop(
            "INSERT INTO wp_actionscheduler_claims (date_created_gmt) VALUES (UTC_TIMESTAMP())",
        )
        .await
        .unwrap();
    let damaged = doctor(&[]).stdout;
    for found in [
        "1 have a status that nobody knows",
        "2 have args or a schedule that cannot be read",
        "1 are in-progress without a claim",
        "open claims of the site's own runner: 1",
    ] {
        assert!(damaged.contains(found), "{found:?} in {damaged}");
    }
    site.add_plugin("broken", "<?php\nthis is no PHP;");
    let broken = doctor(&["--json"]);
    assert_eq!(broken.code, 1);
    let findings: serde_json::Value = serde_json::from_str(&broken.stdout).unwrap();
    let bad: Vec<&serde_json::Value> =
        findings.as_array().unwrap().iter().filter(|finding| finding["verdict"] == "bad").collect();
    assert_eq!(bad.len(), 1, "{findings}");
    assert!(bad[0]["found"].as_str().unwrap().contains("syntax error"), "{findings}");
    sandbox.ok(&["wordpress", "uninstall", "--wordpress", &folder]);
    assert_eq!(sandbox.run(&["wordpress", "uninstall", "--wordpress", &folder]).code, 1);
}
