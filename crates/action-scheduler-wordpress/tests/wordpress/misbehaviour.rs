//! Callbacks that do what they should not: each fails its own action, with what PHP has to say, and nothing else.

use std::time::{Duration, Instant};

use action_scheduler::schedule::{Cadence, Interval};
use action_scheduler::{Policy, Status};

use crate::scene::{MISBEHAVING, RENEWALS, Scene, Setting};

/// Where in the plugin something happens.
fn line_of(text: &str) -> usize {
    MISBEHAVING.1.lines().position(|line| line.contains(text)).unwrap() + 1
}

/// Runs one that misbehaves between two that behave; gives its log without how it began.
async fn among_others(scene: &Scene, hook: &str) -> Vec<String> {
    let before = scene.enqueue("be_good", ["before"]).await;
    let id = scene.enqueue(hook, ["it"]).await;
    let after = scene.enqueue("be_good", ["after"]).await;
    let report = scene.drain().await;
    assert_eq!((report.complete, report.failed), (2, 1), "{hook}: {:?}", scene.log(id).await);
    for (id, status) in
        [(before, Status::Complete), (id, Status::Failed), (after, Status::Complete)]
    {
        assert_eq!(scene.action(id).await.status, status, "{hook}");
    }
    let mut log = scene.log(id).await;
    log.split_off(2)
}

#[tokio::test]
async fn a_fatal_error_fails_its_action_alone_with_its_place() {
    let scene = Scene::new(&[MISBEHAVING]).await;
    let file = scene.plugin("misbehaving");
    let place = |text: &str| format!("in {file} on line {}", line_of(text));
    for (hook, reason) in [
        (
            "throw_exception",
            format!("DomainException: no such order {}", place("'throw_exception'")),
        ),
        (
            "throw_error",
            format!("Error: Call to undefined function null_function() {}", place("'throw_error'")),
        ),
        ("exit_quietly", "the callback ended PHP (exit or die)".to_owned()),
        ("exit_with_code", "the callback ended PHP (exit or die)".to_owned()),
        ("call_wp_die", format!("wp_die: You may not do this. {}", place("'call_wp_die'"))),
        ("trigger_error", format!("PHP Fatal error: out of stock {}", place("'trigger_error'"))),
        ("crash", "the PHP worker ended without a word: killed by signal 11 (SIGSEGV)".to_owned()),
        (
            "kill_itself",
            "the PHP worker ended without a word: killed by signal 9 (SIGKILL)".to_owned(),
        ),
        ("no_such_hook", "no callback is registered for the hook no_such_hook".to_owned()),
    ] {
        let log = among_others(&scene, hook).await;
        let last = log.last().unwrap();
        assert!(last.starts_with(&format!("action failed via test: {reason}")), "{hook}: {log:?}");
    }
}

#[tokio::test]
async fn out_of_memory_is_told_with_its_place() {
    let scene = Scene::new(&[MISBEHAVING]).await;
    let log = among_others(&scene, "eat_memory").await;
    let last = log.last().unwrap();
    assert!(
        last.contains("PHP Fatal error: Allowed memory size of 268435456 bytes exhausted"),
        "{last}"
    );
    let line = line_of("str_repeat( 'x', 1000000 )");
    assert!(
        last.ends_with(&format!("in {} on line {line}", scene.plugin("misbehaving"))),
        "{last}"
    );
}

#[tokio::test]
async fn a_fatal_error_that_nothing_catches_is_told_with_its_place() {
    let scene = Scene::new(&[MISBEHAVING]).await;
    let log = among_others(&scene, "declare_twice").await;
    let last = log.last().unwrap();
    assert!(last.contains("PHP Fatal error: Cannot redeclare as_twice()"), "{last}");
    assert!(last.contains(&scene.plugin("misbehaving")), "{last}");
}

#[tokio::test]
async fn a_connection_that_is_closed_or_spoiled_fails_the_action() {
    let scene = Scene::new(&[MISBEHAVING]).await;
    let log = among_others(&scene, "close_connection").await;
    let last = log.last().unwrap();
    assert!(
        last.starts_with("action failed via test: the PHP worker ended without a word"),
        "{last}"
    );
    let log = among_others(&scene, "write_garbage").await;
    let last = log.last().unwrap();
    assert!(last.contains("is not of the protocol: \"HTTP/1.1 200 OK"), "{last}");
}

#[tokio::test]
async fn an_endless_loop_is_ended_with_the_place_where_it_was() {
    let policy = Policy {
        timeout: Duration::from_secs(1),
        kill_after: Duration::from_secs(3),
        ..Policy::default()
    };
    let scene = Scene::set(&[MISBEHAVING], Setting { policy, ..Setting::default() }).await;
    for (hook, line) in [("loop", "usleep( 100 )"), ("hang", "'hang', ")] {
        // Warm: the time is not spent on loading WordPress.
        scene.run("be_good", ["before"]).await;
        let id = scene.enqueue(hook, ["it"]).await;
        let good = scene.enqueue("be_good", ["after"]).await;
        scene.drain().await;
        let log = scene.log(id).await;
        let place = format!(
            "it was still running in {} on line {}",
            scene.plugin("misbehaving"),
            line_of(line)
        );
        assert!(log.iter().any(|entry| entry.contains(&place)), "{hook}: {place}: {log:?}");
        assert_eq!(scene.action(id).await.status, Status::Failed);
        assert_eq!(scene.action(good).await.status, Status::Complete);
    }
    scene.run("be_good", ["before"]).await;
    let begun = Instant::now();
    let id = scene.enqueue("hang_deaf", ["it"]).await;
    scene.drain().await;
    assert_eq!(scene.action(id).await.status, Status::Failed);
    assert!(begun.elapsed() < Duration::from_secs(60), "it sleeps for a thousand");
}

#[tokio::test]
async fn what_a_callback_starts_ends_with_its_worker() {
    let scene = Scene::new(&[MISBEHAVING]).await;
    scene.run("background_child", ["it"]).await;
    let child = format!("/proc/{}", scene.file("child"));
    assert!(std::path::Path::new(&child).exists());
    scene.workers.close().await;
    // The group is killed; a moment later, nobody is there.
    let begun = Instant::now();
    while std::fs::read_to_string(format!("{child}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
    {
        assert!(begun.elapsed() < Duration::from_secs(60), "{child} lives on");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn output_goes_into_the_log_wherever_it_is_printed() {
    let scene = Scene::new(&[MISBEHAVING]).await;
    let log = scene.run("print_around", ["it"]).await;
    for text in [
        "printed",
        "without a buffer",
        "to the error stream",
        "to the output stream",
        "in a buffer left open",
    ] {
        assert!(log[0].contains(text), "{text}: {log:?}");
    }
    assert_eq!(log[1..], ["action complete via test"]);
    let log = scene.run("print_much", ["it"]).await;
    assert!(log[0].starts_with("… 19"), "{}", &log[0][..100]);
    assert!(log[0].ends_with("x\nthe end"), "{}", &log[0][log[0].len() - 100..]);
    assert!(log[0].len() < 10_000);
    // What one printed is not told of the next.
    assert_eq!(scene.run("be_good", ["it"]).await, ["action complete via test"]);
}

#[tokio::test]
async fn warnings_go_into_the_log_with_their_place() {
    let scene = Scene::new(&[MISBEHAVING]).await;
    let log = scene.run("warn", ["it"]).await;
    let file = scene.plugin("misbehaving");
    let (low, undefined) = (line_of("stock is low"), line_of("$undefined"));
    assert_eq!(log[0], format!("PHP Warning: stock is low in {file} on line {low} (3 times)"));
    assert_eq!(
        log[1],
        format!("PHP Warning: Undefined variable $undefined in {file} on line {undefined}")
    );
    assert!(!log.iter().any(|entry| entry.contains("nobody wants to know")), "{log:?}");
    assert_eq!(log.last().map(String::as_str), Some("action complete via test"));
}

#[tokio::test]
async fn an_action_leaves_no_traces_for_the_next_one() {
    let workers = action_scheduler_wordpress::WorkerSettings { workers: 1, ..Default::default() };
    let scene = Scene::set(&[MISBEHAVING], Setting { workers, ..Setting::default() }).await;
    scene.run("leave_traces", ["it"]).await;
    let log = scene.run("find_traces", ["it"]).await;
    assert!(log[0].starts_with("PHP Warning: still told"), "{log:?}");
    assert_eq!(log[1..], ["action complete via test"]);
    assert_eq!(scene.workers.started(), 1);
}

#[tokio::test]
async fn a_recurring_chain_goes_on_after_a_callback_that_ended_php() {
    let scene = Scene::new(&[MISBEHAVING]).await;
    let hourly = Interval::new(Duration::from_secs(3600), Cadence::AfterRun).unwrap();
    let scheduled = scene
        .scheduler
        .schedule_recurring(
            scene.scheduler.now() - jiff::SignedDuration::from_secs(60),
            hourly,
            "exit_quietly",
            ["it"],
        )
        .await
        .unwrap();
    let id = scheduled.unwrap();
    scene.drain().await;
    assert_eq!(scene.action(id).await.status, Status::Failed);
    let next = action_scheduler::Query::new().status(Status::Pending);
    let next = scene.scheduler.query(next).await.unwrap();
    assert_eq!(next.len(), 1);
    assert_eq!(next[0].hook.as_str(), "exit_quietly");
}

#[tokio::test]
async fn a_worker_that_is_killed_fails_its_action_and_no_charge_is_made_twice() {
    let scene = Scene::new(&[RENEWALS]).await;
    for subscription in 0..40 {
        scene.enqueue("charge_renewal", [subscription]).await;
    }
    let draining = scene.drain();
    let killing = async {
        let mut killed = 0;
        let begun = Instant::now();
        while killed < 5 && begun.elapsed() < Duration::from_secs(60) {
            tokio::time::sleep(Duration::from_millis(5)).await;
            let charges = scene.file("charges");
            let Some((_, process)) = charges.lines().last().and_then(|line| line.split_once(' '))
            else {
                continue;
            };
            let process = rustix::process::Pid::from_raw(process.parse().unwrap()).unwrap();
            killed += usize::from(
                rustix::process::kill_process(process, rustix::process::Signal::KILL).is_ok(),
            );
        }
    };
    let report = tokio::select! {
        report = draining => report,
        () = async { killing.await; std::future::pending().await } => unreachable!(),
    };
    assert_eq!(report.complete + report.failed, 40);
    let charges = scene.file("charges");
    let mut charged: Vec<u32> =
        charges.lines().map(|line| line.split_once(' ').unwrap().0.parse().unwrap()).collect();
    charged.sort_unstable();
    let count = charged.len();
    charged.dedup();
    assert_eq!(charged.len(), count, "charged twice: {charges}");
}
