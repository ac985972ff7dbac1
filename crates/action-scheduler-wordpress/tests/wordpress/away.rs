//! A database that goes away while the queue is run.

use std::time::{Duration, Instant};

use action_scheduler::{Query, RunnerConfig, Shutdown, Status};
use action_scheduler_wordpress::attach::{OnBroken, keep};
use testkit::servers::{MariaDb, WordPress};
use tokio::sync::watch;

use crate::scene::{Scene, Setting};

/// Uses the database, as every callback does.
const COUNTER: (&str, &str) = (
    "counter",
    "<?php
add_action( 'count', function ( $number ) {
    if ( ! update_option( \"counted_$number\", 1 ) ) {
        throw new RuntimeException( 'counted before, or not at all' );
    }
} );",
);

async fn complete(scene: &Scene, wanted: u64) {
    let begun = Instant::now();
    // What is asked while the database is away has no answer.
    while scene.scheduler.count(Query::new().status(Status::Complete)).await.ok() != Some(wanted) {
        assert!(begun.elapsed() < Duration::from_secs(60), "{wanted} are not complete");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_goes_away_and_comes_back_costs_no_action() {
    let mut server = MariaDb::start().await;
    let site = WordPress::install_in(&server).await;
    let scene = Scene::on(site, &[COUNTER], Setting::default()).await;
    let shutdown = Shutdown::new();
    let config = RunnerConfig { workers: 2, ..RunnerConfig::default() };
    let (_bell, bell) = watch::channel(0);
    let (scheduler, workers) = (scene.scheduler.clone(), scene.workers.clone());
    let kept = keep(scheduler, workers, bell, config, OnBroken::Wait, shutdown.clone());
    let running = tokio::spawn(kept);
    for number in 0..3 {
        scene.enqueue("count", [number]).await;
    }
    complete(&scene, 3).await;

    server.stop().await;
    assert!(scene.scheduler.enqueue_async("count", [3]).await.is_err(), "nothing is taken then");
    server.restart().await;

    for number in 4..7 {
        scene.enqueue("count", [number]).await;
    }
    complete(&scene, 6).await;
    assert_eq!(scene.scheduler.count(Query::new()).await.unwrap(), 6);
    shutdown.stop();
    running.await.unwrap().unwrap();
}
