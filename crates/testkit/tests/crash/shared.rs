//! Processes that share a file, and are left alone.

use testkit::crash::{Orders, SINGLE, UNIQUE};

use crate::assert_file_is_whole;
use crate::processes::books;
use crate::processes::worker::{Scene, Worker, until_drained};

#[tokio::test(flavor = "multi_thread")]
async fn several_processes_share_a_file_each_action_runs_once_and_nobody_is_told_that_it_is_busy() {
    const PROCESSES: u64 = 4;
    let scene = Scene::new();
    // All of them find no file, and make it.
    let orders =
        |seed| Orders { seed, enqueues: Some(400), concurrent_batches: None, ..scene.orders() };
    let mut workers: Vec<_> = (0..PROCESSES).map(|seed| Worker::spawn(&orders(seed))).collect();
    for worker in &mut workers {
        worker.says("ready");
        worker.says("enqueued");
    }
    let scheduler = scene.scheduler().await;
    until_drained(&scheduler, PROCESSES).await;
    workers.into_iter().for_each(Worker::stop);

    let tally = books::check(&scene, &scheduler, 0).await;
    assert_file_is_whole(&scene);
    assert_eq!((tally.crashed, tally.late_results), (0, 0), "{tally:?}");
    assert!(tally.accepted == tally.actions && tally.actions > 1000, "{tally:?}");
    let once = |hook: &str| {
        SINGLE.into_iter().chain([UNIQUE]).any(|kind| kind.hook == hook && kind.max_attempts == 1)
    };
    let (calls, actions) = (scene.calls(), books::actions_by_hook(&scheduler).await);
    for (hook, actions) in actions.into_iter().filter(|(hook, _)| once(hook)) {
        assert_eq!(
            calls.iter().filter(|(_, _, called)| *called == hook).count(),
            actions,
            "{hook}"
        );
    }
}
