//! Processes that hold still for longer than their lease, and then go on.

use action_scheduler::Status;
use testkit::crash::{HELD, Orders};

use crate::processes::frozen::{self, LEASE};
use crate::processes::worker::{Scene, Worker, until};
use crate::server::{Engine, Server, on_each_engine};

on_each_engine!(
    a_worker_that_held_still_longer_than_its_lease_changes_nothing_but_the_log,
    the_late_end_of_an_attempt_is_not_taken_for_the_next_one_in_the_same_worker,
    a_worker_that_holds_still_in_the_middle_of_a_transaction_does_not_hold_up_others,
);

async fn a_worker_that_held_still_longer_than_its_lease_changes_nothing_but_the_log(
    engine: Engine,
) {
    let server = engine.start().await;
    let scene = Scene::at(server.url());
    frozen::changes_nothing_but_the_log(&scene, async |worker| {
        freeze_at_rest(&server, worker).await
    })
    .await;
}

async fn the_late_end_of_an_attempt_is_not_taken_for_the_next_one_in_the_same_worker(
    engine: Engine,
) {
    let server = engine.start().await;
    let scene = Scene::at(server.url());
    frozen::ends_the_attempt_that_is_over(&scene, async |worker| {
        freeze_at_rest(&server, worker).await;
    })
    .await;
}

/// The server ends its transaction, and others need not wait for the end of the connection.
async fn a_worker_that_holds_still_in_the_middle_of_a_transaction_does_not_hold_up_others(
    engine: Engine,
) {
    let server = engine.start().await;
    let scene = Scene::at(server.url());
    let scheduler = scene.scheduler().await;
    let held = frozen::enqueue(&scheduler, HELD.hook, 2).await;
    let frozen = Worker::spawn(&Orders { workers: 2, lease: LEASE, ..scene.orders() });
    until("it is busy", async || scene.calls().len() == 2).await;
    // Its signs of life are transactions, too.
    until("it is frozen in a transaction", async || {
        frozen.freeze();
        // One that was about to be committed goes through.
        let waits = server.has_waiting_transaction().await
            && server.has_waiting_transaction().await
            && server.has_waiting_transaction().await;
        if !waits {
            frozen.thaw();
        }
        waits
    })
    .await;

    let other = Worker::spawn(&scene.orders());
    until("what it held is recovered", async || {
        frozen::all(&scheduler, &held, |action| action.status == Status::Failed).await
    })
    .await;
    let new = frozen::enqueue(&scheduler, "plain", 20).await;
    until("others work", async || {
        frozen::all(&scheduler, &new, |action| action.status == Status::Complete).await
    })
    .await;
    frozen.thaw();
    for id in &held {
        frozen::open_gate(&scene, *id, 1);
    }
    until("its late results came in", async || {
        let late = (action_scheduler::Step::LateResult, Some(1));
        frozen::steps(&scheduler, held[0]).await.contains(&late)
            && frozen::steps(&scheduler, held[1]).await.contains(&late)
    })
    .await;
    assert!(frozen::all(&scheduler, &held, |action| action.status == Status::Failed).await);
    other.stop();
    frozen.stop();
}

/// Freezes a worker at a moment when it has no transaction open.
async fn freeze_at_rest(server: &Server, worker: &Worker) {
    loop {
        worker.freeze();
        if !server.has_waiting_transaction().await {
            return;
        }
        worker.thaw();
    }
}
