//! Sites that share PHP processes.

use action_scheduler::{Query, RunnerConfig, Shutdown, Status};
use action_scheduler_wordpress::WorkerLimit;
use action_scheduler_wordpress::attach::{OnBroken, keep};
use tokio::sync::watch;

use crate::life::until;
use crate::scene::{Scene, Setting};

const SHOP: (&str, &str) = (
    "shop",
    "<?php add_action( 'work', function ( $number ) {
        usleep( 20000 );
        file_put_contents( ABSPATH . 'worked', \"$number\\n\", FILE_APPEND );
    } );",
);

/// Half a minute of work for the one process that there may be.
const MUCH: u32 = 1500;

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_site_lets_others_have_their_turn() {
    let limit = WorkerLimit::new(1);
    let setting = || Setting { limit: limit.clone(), ..Setting::default() };
    let busy = Scene::set(&[SHOP], setting()).await;
    let calm = Scene::set(&[SHOP], setting()).await;
    for number in 0..MUCH {
        busy.enqueue("work", [number]).await;
    }
    let shutdown = Shutdown::new();
    let run = |scene: &Scene| {
        let config = RunnerConfig { workers: 1, ..RunnerConfig::default() };
        let (scheduler, workers) = (scene.scheduler.clone(), scene.workers.clone());
        let bell = watch::channel(0).1;
        tokio::spawn(keep(scheduler, workers, bell, config, OnBroken::Wait, shutdown.clone()))
    };
    let busy_runs = run(&busy);
    until(|| !busy.file("worked").is_empty()).await;

    let id = calm.enqueue("work", [1]).await;
    let calm_runs = run(&calm);
    until(|| !calm.file("worked").is_empty()).await;
    let before = busy.file("worked").lines().count();
    assert!(before < MUCH as usize, "it waited for all that the other had to do");

    // And the other goes on with what is left.
    until(|| busy.file("worked").lines().count() > before).await;
    shutdown.stop();
    busy_runs.await.unwrap().unwrap();
    calm_runs.await.unwrap().unwrap();
    assert_eq!(calm.action(id).await.status, Status::Complete);
    let failed = Query::new().status(Status::Failed);
    assert_eq!(busy.scheduler.count(failed).await.unwrap(), 0);
}
