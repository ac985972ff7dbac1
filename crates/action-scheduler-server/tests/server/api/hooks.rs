//! Hooks over HTTP: what holds for each, and what it did lately.

use std::time::Duration;

use action_scheduler::Hook;
use action_scheduler::store::{Figure, FigureCounts, Resolution};
use reqwest::Method;
use serde_json::{Value, json};

use crate::running::Running;

/// What a hook did in the minute, and the hour, that lies so far back.
async fn did(server: &Running, hook: &str, back: Duration, counts: FigureCounts) {
    let at = server.scheduler.now() - back;
    let figure = |resolution| Figure {
        resolution,
        at,
        hook: Some(Hook::new(hook).unwrap()),
        counts: counts.clone(),
    };
    let figures = Resolution::ALL.map(figure).to_vec();
    server.scheduler.store().add_figures(figures).await.unwrap();
}

fn attempts(complete: u64, failed: u64, ran: Duration) -> FigureCounts {
    let mut counts =
        FigureCounts { complete, failed, started: complete + failed, ..FigureCounts::default() };
    (0..complete + failed).for_each(|_| counts.ran.count(ran));
    counts
}

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_hook_has_the_figures_of_the_last_hour_and_of_the_last_day() {
    let server = Running::start().await;
    for hook in ["mail", "pay"] {
        server.create(json!({"hook": hook, "schedule": {"at": "tomorrow"}})).await;
    }
    did(&server, "mail", 10 * MINUTE, attempts(3, 1, Duration::from_secs(2))).await;
    did(&server, "mail", 300 * MINUTE, attempts(10, 5, Duration::from_secs(2))).await;
    did(&server, "mail", 1500 * MINUTE, attempts(100, 100, Duration::from_secs(2))).await;

    let hooks = server.look("/hooks").await;
    let [mail, pay] = hooks["hooks"].as_array().unwrap().as_slice() else { panic!("{hooks}") };
    let (hour, day) = (&mail["figures"]["last_hour"], &mail["figures"]["last_day"]);
    assert_eq!(
        (&hour["complete"], &hour["failed"], &hour["started"]),
        (&3.into(), &1.into(), &4.into())
    );
    assert_eq!((&day["complete"], &day["failed"]), (&13.into(), &6.into()));
    assert_eq!(hour["run_time"]["mean"], 2.0);
    let p95 = hour["run_time"]["p95"].as_f64().unwrap();
    assert!((1.0..=2.0).contains(&p95), "{p95}");
    assert_eq!(hour["delay"], json!({"mean": null, "p50": null, "p95": null, "p99": null}));
    assert_eq!(pay["figures"]["last_day"]["started"], 0);

    assert_eq!(&server.look("/hooks/mail").await, mail);
    assert_eq!(mail["actions"]["pending"], 1);
    assert_eq!(mail["policy"]["max_attempts"], 1);
}

#[tokio::test]
async fn a_hook_that_nothing_knows_is_not_found_and_one_with_signs_in_it_is() {
    let server = Running::start().await;
    let answer = server.call(Method::GET, "/hooks/nothing", Value::Null).await;
    assert_eq!(answer.status.as_u16(), 404);
    server.create(json!({"hook": "a/b ?"})).await;
    assert_eq!(server.look("/hooks/a%2Fb%20%3F").await["hook"], "a/b ?");
}
