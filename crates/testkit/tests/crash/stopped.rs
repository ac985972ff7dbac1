//! Processes that hold still for longer than their lease, and then go on.

use std::time::Duration;

use crate::processes::frozen;
use crate::processes::worker::{Scene, Worker};

/// Freezes a worker at a moment when it does not hold SQLite's lock, as then nobody else could write.
fn freeze_unlocked(scene: &Scene, worker: &Worker) {
    let file = rusqlite::Connection::open(scene.folder.database()).unwrap();
    file.busy_timeout(Duration::ZERO).unwrap();
    loop {
        worker.freeze();
        match file.execute_batch("BEGIN IMMEDIATE; ROLLBACK") {
            Ok(()) => return,
            Err(_) => worker.thaw(),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_held_still_longer_than_its_lease_changes_nothing_but_the_log() {
    let scene = Scene::new();
    frozen::changes_nothing_but_the_log(&scene, async |worker| freeze_unlocked(&scene, worker))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_late_end_of_an_attempt_is_not_taken_for_the_next_one_in_the_same_worker() {
    let scene = Scene::new();
    frozen::ends_the_attempt_that_is_over(&scene, async |worker| freeze_unlocked(&scene, worker))
        .await;
}
