//! Processes that hold still for longer than their lease, and then go on.

use std::fs::File;
use std::time::Duration;

use crate::processes::frozen;
use crate::processes::worker::{Scene, Worker};

/// Freezes a worker at a moment when it has neither SQLite's lock nor its turn to write, as then nobody else could write.
fn freeze_unlocked(scene: &Scene, worker: &Worker) {
    let database = scene.folder.database();
    let file = rusqlite::Connection::open(&database).unwrap();
    file.busy_timeout(Duration::ZERO).unwrap();
    loop {
        worker.freeze();
        // The worker has the store open, so that its log is there.
        let turn = File::open(format!("{}-wal", database.display())).unwrap();
        let is_nobodys_turn = turn.try_lock().is_ok();
        drop(turn);
        if is_nobodys_turn && file.execute_batch("BEGIN IMMEDIATE; ROLLBACK").is_ok() {
            return;
        }
        worker.thaw();
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
