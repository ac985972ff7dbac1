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
