//! Processes that hold still for longer than their lease, and then go on: what is to come of it on every store.

use std::time::Duration;

use action_scheduler::action::Attempt;
use action_scheduler::{Action, ActionId, Scheduler, Status, Step};
use testkit::crash::{HELD, HELD_SURVIVING, NO_ARGS, Orders};

use super::worker::{Scene, Worker, until};

/// How long a worker may hold still that is to be frozen.
pub const LEASE: Duration = Duration::from_millis(200);

pub async fn enqueue(scheduler: &Scheduler, hook: &str, n: usize) -> Vec<ActionId> {
    let mut ids = Vec::new();
    for _ in 0..n {
        ids.extend(scheduler.enqueue_async(hook, NO_ARGS).await.unwrap());
    }
    ids
}

pub async fn all(scheduler: &Scheduler, ids: &[ActionId], so: impl Fn(&Action) -> bool) -> bool {
    let actions = scheduler.store().fetch(ids.to_vec()).await.unwrap();
    actions.len() == ids.len() && actions.iter().all(so)
}

pub async fn steps(scheduler: &Scheduler, id: ActionId) -> Vec<(Step, Option<u32>)> {
    let entries = scheduler.logs(id).await.unwrap();
    entries.iter().map(|entry| (entry.step, entry.attempt.map(|a| a.0))).collect()
}

/// The actions, however long their logs are.
pub fn but_their_logs(actions: Vec<Action>) -> Vec<Action> {
    actions.into_iter().map(|action| Action { log_entries: 0, ..action }).collect()
}

pub fn open_gate(scene: &Scene, id: ActionId, attempt: u32) {
    std::fs::write(scene.folder.gate(id, Attempt(attempt)), "").unwrap();
}

/// Freezes a worker with two handlers that run and more in its claim, for longer than its lease.
pub async fn changes_nothing_but_the_log(scene: &Scene, freeze: impl AsyncFn(&Worker)) {
    let scheduler = scene.scheduler().await;
    let held = enqueue(&scheduler, HELD.hook, 2).await;
    let waiting = enqueue(&scheduler, "plain", 4).await;
    // Its two workers are busy while the rest of its claim waits.
    let sleepy = Orders { workers: 2, batch_size: 6, lease: LEASE, ..scene.orders() };
    let frozen = Worker::spawn(&sleepy);
    until("it is busy", async || scene.calls().len() == 2).await;
    freeze(&frozen).await;

    let other = Worker::spawn(&scene.orders());
    until("what it held is recovered", async || {
        all(&scheduler, &held, |action| action.status == Status::Failed).await
            && all(&scheduler, &waiting, |action| action.status == Status::Complete).await
    })
    .await;
    other.stop();

    for id in &held {
        open_gate(scene, *id, 1);
    }
    let before = but_their_logs(scheduler.store().fetch(held.clone()).await.unwrap());
    frozen.thaw();
    let crashed_then_late = [
        (Step::Created, None),
        (Step::Started, Some(1)),
        (Step::Crashed, Some(1)),
        (Step::LateResult, Some(1)),
    ];
    until("its results came in", async || {
        steps(&scheduler, held[0]).await == crashed_then_late
            && steps(&scheduler, held[1]).await == crashed_then_late
    })
    .await;
    // It takes its place again and works on.
    let new = enqueue(&scheduler, "plain", 1).await;
    until("it works again", async || {
        all(&scheduler, &new, |action| action.status == Status::Complete).await
    })
    .await;
    frozen.stop();

    let after = but_their_logs(scheduler.store().fetch(held.clone()).await.unwrap());
    assert_eq!(after, before);
    assert_called_once(scene, held.iter().chain(&waiting).chain(&new));
    let stats = scheduler.stats().await.unwrap();
    assert_eq!((stats.claims, stats.runners), (0, 0));
    scene.assert_no_errors();
}

/// Freezes a worker with a handler that is tried again after a crash, and gives it the next attempt of the same action.
pub async fn ends_the_attempt_that_is_over(scene: &Scene, freeze: impl AsyncFn(&Worker)) {
    let scheduler = scene.scheduler().await;
    let held = enqueue(&scheduler, HELD_SURVIVING.hook, 1).await;
    let id = held[0];
    let frozen = Worker::spawn(&Orders { lease: LEASE, ..scene.orders() });
    until("it is busy", async || scene.calls().len() == 1).await;
    freeze(&frozen).await;

    // It looks after what is stranded, and runs none of it.
    let other = Worker::spawn(&Orders { hooks: vec!["nothing".to_owned()], ..scene.orders() });
    until("the attempt is given up", async || {
        all(&scheduler, &held, |action| action.status == Status::Pending).await
    })
    .await;
    other.stop();

    frozen.thaw();
    until("the next attempt runs beside it", async || scene.calls().len() == 2).await;
    open_gate(scene, id, 1);
    until("the late end came in", async || steps(&scheduler, id).await.len() > 4).await;
    let beginning = [
        (Step::Created, None),
        (Step::Started, Some(1)),
        (Step::Crashed, Some(1)),
        (Step::Started, Some(2)),
        (Step::LateResult, Some(1)),
    ];
    assert_eq!(steps(&scheduler, id).await, beginning);
    assert!(all(&scheduler, &held, |action| action.status == Status::InProgress).await);
    open_gate(scene, id, 2);
    until("it is complete", async || {
        all(&scheduler, &held, |action| action.status == Status::Complete).await
    })
    .await;
    frozen.stop();
    assert_eq!(steps(&scheduler, id).await[5..], [(Step::Complete, Some(2))]);
    scene.assert_no_errors();
}

/// Handlers were called for each of these once, in its first attempt, and for nothing else. In the order of their ids.
pub fn assert_called_once<'a>(scene: &Scene, ids: impl Iterator<Item = &'a ActionId>) {
    let mut calls: Vec<_> =
        scene.calls().into_iter().map(|(id, attempt, _)| (id, attempt)).collect();
    calls.sort_unstable();
    assert_eq!(calls, ids.map(|id| (*id, 1)).collect::<Vec<_>>());
}
