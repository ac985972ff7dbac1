//! Processes that are killed at random moments.

use std::time::Duration;

use crate::assert_file_is_whole;
use crate::processes::killing::{Rounds, kill_at_any_moment};
use crate::processes::worker::Scene;

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_moment_nothing_is_lost_nothing_runs_twice_and_chains_go_on() {
    let scene = Scene::new();
    let round = Rounds { at_work: 1..=2, killed: 1..=1, pause: Duration::from_millis(6) };
    kill_at_any_moment(&scene, round).await;
    assert_file_is_whole(&scene);
}
