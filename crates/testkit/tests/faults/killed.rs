//! Several processes on one database, some of which are killed at random moments, again and again.

use std::time::Duration;

use crate::processes::killing::{Rounds, kill_at_any_moment};
use crate::processes::worker::Scene;
use crate::server::{Engine, on_each_engine};

on_each_engine!(killed_at_any_moment_nothing_is_lost_nothing_runs_twice_and_chains_go_on);

async fn killed_at_any_moment_nothing_is_lost_nothing_runs_twice_and_chains_go_on(engine: Engine) {
    let server = engine.start().await;
    let scene = Scene::at(server.url());
    let round = Rounds { at_work: 2..=4, killed: 1..=2, pause: Duration::from_millis(20) };
    kill_at_any_moment(&scene, round).await;
}
