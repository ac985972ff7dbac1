//! Sites that cannot be loaded: nothing is lost, and what is wrong is told.

use action_scheduler::Status;
use action_scheduler_wordpress::Health;

use crate::scene::{MISBEHAVING, Scene};

#[tokio::test]
async fn an_action_of_a_site_that_cannot_be_loaded_goes_back_to_the_queue() {
    let scene = Scene::new(&[MISBEHAVING]).await;
    scene.wordpress.add_plugin("broken", "<?php\nthis is no PHP;");
    let error = scene.workers.probe().await.unwrap_err();
    let file = scene.plugin("broken");
    assert!(error.reason.contains("PHP Fatal error: syntax error"), "{error}");
    assert!(error.reason.ends_with(&format!("in {file} on line 2")), "{error}");
    assert_eq!(*scene.workers.health().borrow(), Health::Broken(error));

    let id = scene.enqueue("be_good", ["it"]).await;
    let config = action_scheduler::RunnerConfig { workers: 1, ..Default::default() };
    let shutdown = action_scheduler::Shutdown::new();
    let runner = action_scheduler::Runner::new(scene.scheduler.clone(), config);
    let mut health = scene.workers.health();
    health.mark_unchanged();
    let stopping = async {
        health.changed().await.unwrap();
        shutdown.stop();
    };
    let (report, ()) = tokio::join!(runner.run(shutdown.clone()), stopping);
    let report = report.unwrap();
    assert_eq!((report.complete, report.failed), (0, 0));
    let action = scene.action(id).await;
    assert_eq!((action.status, action.attempts.0), (Status::Pending, 0));
    let log = scene.log(id).await;
    assert!(
        log.last().unwrap().starts_with("action reset via test: WordPress cannot be loaded"),
        "{log:?}"
    );

    scene.wordpress.remove("wp-content/mu-plugins/broken.php");
    let ready = scene.workers.probe().await.unwrap();
    assert_eq!(ready.source, "none");
    scene.drain().await;
    assert_eq!(scene.action(id).await.status, Status::Complete);
}

#[tokio::test]
async fn maintenance_is_told_and_seen_by_warm_workers() {
    let scene = Scene::new(&[MISBEHAVING]).await;
    scene.run("be_good", [1]).await;
    scene.wordpress.write(".maintenance", "<?php $upgrading = time();");
    let id = scene.enqueue("be_good", [2]).await;
    let config = action_scheduler::RunnerConfig { workers: 1, ..Default::default() };
    let shutdown = action_scheduler::Shutdown::new();
    let runner = action_scheduler::Runner::new(scene.scheduler.clone(), config);
    let mut health = scene.workers.health();
    let stopping = async {
        health
            .wait_for(|health| matches!(health, Health::Broken(error) if error.maintenance))
            .await
            .unwrap();
        shutdown.stop();
    };
    let (report, ()) = tokio::join!(runner.run(shutdown.clone()), stopping);
    report.unwrap();
    assert_eq!(scene.action(id).await.status, Status::Pending);
    scene.wordpress.remove(".maintenance");
    scene.drain().await;
    assert_eq!(scene.action(id).await.status, Status::Complete);
}

#[tokio::test]
async fn an_exit_while_loading_is_told() {
    let scene = Scene::new(&[MISBEHAVING]).await;
    scene.wordpress.add_plugin("exits", "<?php echo 'licence expired'; exit;");
    let error = scene.workers.probe().await.unwrap_err();
    assert_eq!(error.reason, "it ended PHP (exit or die) while it was loading");
}
