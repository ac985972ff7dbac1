//! The benchmark: that it measures what it says. How fast it is, is no matter of tests.

use serde_json::Value;

use crate::sandbox::{Sandbox, outcome};

fn shares(report: &Value) -> Vec<u64> {
    let shares = report["shares"].as_array().unwrap();
    shares.iter().map(|share| share.as_u64().unwrap()).collect()
}

#[test]
fn one_runner_drains_all_unless_asked_otherwise() {
    let sandbox = Sandbox::new();
    let report = sandbox.json(&["bench", "--actions", "300", "--json"]);
    assert_eq!((&report["runners"], &report["shares"]), (&1.into(), &[300].into()));
    assert_eq!((&report["rounds"], &report["one_runner_per_s"]), (&3.into(), &Value::Null));
    assert_eq!(report["share_deviation_percent"], 0.0);
    assert!(report["engine_per_s"].as_f64().unwrap() > 0.0);
    assert!(!sandbox.has_store(), "what was made for the measurement is removed");
}

#[test]
fn runners_in_processes_of_their_own_share_a_drain() {
    let sandbox = Sandbox::new();
    let report = sandbox.json(&[
        "bench",
        "--actions",
        "2000",
        "--rounds",
        "1",
        "--backlog",
        "50",
        "--runners",
        "3",
        "--json",
    ]);
    let shares = shares(&report);
    assert_eq!((&report["runners"], shares.len()), (&3.into(), 3));
    assert_eq!(shares.iter().sum::<u64>(), 2000, "each action is run once: {shares:?}");
    let mean = 2000.0 / 3.0;
    let farthest = shares.iter().map(|share| (*share as f64 - mean).abs()).fold(0.0, f64::max);
    let deviation = report["share_deviation_percent"].as_f64().unwrap();
    assert!((deviation - farthest / mean * 100.0).abs() < 0.001, "{report}");
    let rate = |key: &str| report[key].as_f64().unwrap();
    let ratio = rate("engine_per_s") / rate("one_runner_per_s");
    assert!((rate("one_runner_ratio") - ratio).abs() < 0.001, "{report}");
    assert!(!sandbox.has_store());
}

#[test]
fn what_was_measured_stays_in_a_store_that_was_named_and_is_measured_once() {
    let sandbox = Sandbox::new();
    let store = ["--store", "sqlite:shop.db", "bench"];
    let bench = [&store[..], &["--actions", "200", "--rounds", "2", "--runners", "2"]].concat();
    let text = sandbox.ok(&bench);
    assert!(text.contains("shares of the runners:"), "{text}");
    let list = ["--store", "sqlite:shop.db", "action", "list", "--hook", "bench"];
    let count = [&list[..], &["--status", "complete", "--format", "count"]].concat();
    assert_eq!(sandbox.ok(&count), "800\n", "two rounds, each with a drain by one runner too");
    let refused = sandbox.run(&bench);
    assert_eq!(refused.code, 2, "{refused:#?}");
    assert!(refused.stderr.contains("it has actions"), "{refused:#?}");
}

#[test]
fn a_steady_rate_is_measured_at_its_beginning_and_its_end() {
    let sandbox = Sandbox::new();
    let report =
        sandbox.json(&["bench", "--rate", "200", "--for", "500ms", "--hold-transaction", "--json"]);
    assert_eq!((&report["actions"], &report["rate"]), (&100.into(), &200.into()));
    assert_eq!(report["held_transaction"], true);
    for part in ["first", "last"] {
        for key in ["starts_per_s", "latency_p50_ms", "latency_p99_ms"] {
            assert!(report[part][key].is_number(), "{part} {key}: {report}");
        }
    }
    assert_eq!(report["dead_rows_per_action"], Value::Null, "SQLite does not count them");
    assert!(!sandbox.has_store());
}

#[test]
fn actions_are_created_over_http_and_counted() {
    let sandbox = Sandbox::new();
    let report =
        sandbox.json(&["bench", "--http", "--actions", "2500", "--connections", "3", "--json"]);
    assert_eq!((&report["actions"], &report["singles"]), (&2500.into(), &2500.into()));
    assert_eq!((&report["connections"], &report["bulk"]), (&3.into(), &1000.into()));
    for key in ["http_single_per_s", "http_bulk_per_s"] {
        assert!(report[key].as_f64().unwrap() > 0.0, "{key}: {report}");
    }
    assert!(!sandbox.has_store());
}

#[test]
fn remote_workers_drain_all_and_those_that_wait_get_none() {
    let sandbox = Sandbox::new();
    let workers = ["--connections", "3", "--remote-batch", "7", "--waiting", "5"];
    let bench = [&["bench", "--remote", "--actions", "100", "--json"], &workers[..]].concat();
    let report = sandbox.json(&bench);
    assert_eq!((&report["actions"], &report["connections"]), (&100.into(), &3.into()));
    assert_eq!((&report["remote_batch"], &report["waiting"]), (&7.into(), &5.into()));
    assert!(report["remote_drain_per_s"].as_f64().unwrap() > 0.0, "{report}");
    assert!(!sandbox.has_store());
}

#[test]
fn a_drain_is_measured_with_the_overview_open_and_without() {
    let sandbox = Sandbox::new();
    let store = ["--store", "sqlite:shop.db"];
    let bench = ["bench", "--overview", "--actions", "300", "--rounds", "2", "--json"];
    let report = sandbox.json(&[&store[..], &bench].concat());
    let rate = |key: &str| report[key].as_f64().unwrap();
    for (ratio, of) in [("served_ratio", "served_per_s"), ("watched_ratio", "watched_per_s")] {
        assert!((rate(ratio) - rate(of) / rate("alone_per_s")).abs() < 0.001, "{report}");
    }
    assert!(report["looks"].as_u64().unwrap() >= 2, "once when it is opened: {report}");
    let list = ["action", "list", "--status", "complete", "--format", "count"];
    assert_eq!(sandbox.ok(&[&store[..], &list].concat()), "1800\n", "three drains in each round");
    let tokens = sandbox.ok(&[&store[..], &["token", "list"]].concat());
    assert!(!tokens.contains("bench"), "{tokens}");
}

#[test]
fn each_page_of_the_admin_is_asked_for_over_what_is_stored() {
    let sandbox = Sandbox::new();
    let store = ["--store", "sqlite:shop.db"];
    sandbox.ok(&[&store[..], &["schedule", "async", "send_invoice"]].concat());
    let bench = ["bench", "--pages", "--rounds", "1", "--json"];
    let report = sandbox.json(&[&store[..], &bench].concat());
    assert_eq!(report["actions"], 1);
    let pages = report["pages"].as_array().unwrap();
    let paths: Vec<&str> = pages.iter().map(|page| page["path"].as_str().unwrap()).collect();
    for path in
        ["/", "/actions?status=failed", "/actions/1", "/hooks", "/actions/export?format=csv"]
    {
        assert!(paths.contains(&path), "{path}: {paths:?}");
    }
    for page in pages {
        assert!(page["median_ms"].as_f64().unwrap() > 0.0, "{page}");
    }
}

#[test]
fn options_that_do_not_go_together_are_refused() {
    let sandbox = Sandbox::new();
    for args in [
        &["--rate", "10"][..],
        &["--for", "1s"],
        &["--hold-transaction"],
        &["--rate", "10", "--for", "1s", "--actions", "5"],
        &["--rate", "10", "--for", "1s", "--runners", "2"],
        &["--runners", "0"],
        &["--runners", "65"],
        &["--rate", "0", "--for", "1s"],
        &["--http", "--remote"],
        &["--http", "--rounds", "2"],
        &["--overview", "--connections", "2"],
        &["--pages", "--actions", "5"],
        &["--connections", "2"],
        &["--rate", "10", "--for", "0s"],
    ] {
        let outcome = sandbox.run(&[&["bench"], args].concat());
        assert_eq!(outcome.code, 2, "{args:?}: {outcome:#?}");
    }
    assert!(!sandbox.has_store());
}

#[test]
fn a_runner_of_the_benchmark_ends_when_nobody_talks_to_it_any_more() {
    let sandbox = Sandbox::new();
    let mut command = sandbox.command(&["bench-runner", "--workers", "2"]);
    command.env("ACTION_SCHEDULER_STORE", "sqlite:shop.db");
    let outcome = outcome(command);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (0, "\"ready\"\n"), "{outcome:#?}");
    let outcome = sandbox.run(&["bench-runner", "--workers", "2"]);
    assert_eq!(outcome.code, 1, "{outcome:#?}");
    assert!(outcome.stderr.contains("ACTION_SCHEDULER_STORE"), "{outcome:#?}");
}

#[test]
fn clients_of_the_benchmark_want_to_be_told_whom_to_ask() {
    let sandbox = Sandbox::new();
    let outcome = sandbox.run(&["bench-clients", "--task", "drain", "--connections", "1"]);
    assert_eq!(outcome.code, 1, "{outcome:#?}");
    assert!(outcome.stderr.contains("ACTION_SCHEDULER_BENCH_ADDRESS"), "{outcome:#?}");
}
