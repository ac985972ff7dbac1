//! Events of WP-Cron: moved into the queue when they are due, and run there.

use action_scheduler::{Action, Query, Shutdown, Status};
use action_scheduler_wordpress::attach::{EventSite, move_events};
use action_scheduler_wordpress::bridge;
use action_scheduler_wordpress::php::Php;
use action_scheduler_wordpress::site::Installation;
use tokio::sync::watch;

use crate::scene::Scene;

/// Notes its calls in a file.
const LISTENER: (&str, &str) = (
    "listener",
    "<?php
add_action( 'tick', function ( ...$args ) {
    file_put_contents( ABSPATH . 'ticks', json_encode( $args ), FILE_APPEND );
}, 10, 2 );",
);

/// The dates of all events, by hook.
const DATES: &str = "$dates = array();
foreach ( _get_cron_array() as $date => $hooks ) {
    foreach ( $hooks as $hook => $events ) {
        $dates[ $hook ] = $date < time() ? 'past' : 'to come';
    }
}
echo json_encode( array_intersect_key( $dates, array( 'tick' => 1, 'tock' => 1 ) ) );";

async fn scene() -> Scene {
    let scene = Scene::new(&[LISTENER]).await;
    let installation = Installation::open(&scene.wordpress.path(), &Php::default()).await.unwrap();
    bridge::install(&installation).unwrap();
    scene
}

/// What was moved of the events that this is about: WordPress has some of its own.
async fn moved(scene: &Scene) -> Vec<Action> {
    let query = Query::new().group("wp-cron".parse().unwrap()).unlimited();
    let mut moved = scene.scheduler.query(query).await.unwrap();
    moved.retain(|action| ["tick", "tock"].contains(&action.hook.as_str()));
    moved
}

#[tokio::test]
async fn a_single_event_runs_once_as_an_action_with_its_args() {
    let scene = scene().await;
    let ask = "wp_schedule_single_event( time() - 5, 'tick', array( 'a', array( 'b' => 1 ) ) );";
    scene.wordpress.request(ask).await;
    assert!(scene.workers.move_events().await.unwrap() >= 1);
    assert_eq!(scene.workers.move_events().await.unwrap(), 0, "it is there no more");
    scene.drain().await;
    assert_eq!(scene.file("ticks"), r#"["a",{"b":1}]"#);
    let actions = moved(&scene).await;
    assert_eq!(actions.len(), 1);
    assert_eq!((actions[0].hook.as_str(), actions[0].status), ("tick", Status::Complete));
    assert_eq!(scene.wordpress.request(DATES).await, "[]");
}

#[tokio::test]
async fn a_recurring_event_gets_its_next_date() {
    let scene = scene().await;
    scene.wordpress.request("wp_schedule_event( time() - 5, 'hourly', 'tick' );").await;
    assert_eq!(scene.wordpress.request(DATES).await, r#"{"tick":"past"}"#);
    scene.workers.move_events().await.unwrap();
    assert_eq!(moved(&scene).await.len(), 1);
    assert_eq!(scene.wordpress.request(DATES).await, r#"{"tick":"to come"}"#);
}

#[tokio::test]
async fn an_event_that_is_not_due_stays_and_one_that_nobody_listens_to_is_passed_over() {
    let scene = scene().await;
    let ask = "wp_schedule_single_event( time() + 500, 'tick' );
        wp_schedule_single_event( time() - 5, 'tock' );";
    scene.wordpress.request(ask).await;
    scene.workers.move_events().await.unwrap();
    assert_eq!(scene.wordpress.request(DATES).await, r#"{"tick":"to come"}"#);
    assert!(moved(&scene).await.is_empty());
}

#[tokio::test]
async fn while_the_sites_own_wp_cron_is_at_work_events_are_left_to_it() {
    let scene = scene().await;
    let ask = "wp_schedule_single_event( time() - 5, 'tick' );
        set_transient( 'doing_cron', sprintf( '%.22F', microtime( true ) ) );";
    scene.wordpress.request(ask).await;
    let refused = scene.workers.move_events().await.unwrap_err();
    assert_eq!(refused.reason, "wp-cron.php is at work");
    assert_eq!(scene.wordpress.request(DATES).await, r#"{"tick":"past"}"#);
}

#[tokio::test]
async fn an_event_that_cannot_be_stored_stays_and_keeps_no_other_back() {
    let scene = scene().await;
    let ask = "wp_schedule_single_event( time() - 6, 'tick', array( str_repeat( 'x', 9000 ) ) );
        wp_schedule_single_event( time() - 5, 'tick', array( 'short' ) );";
    scene.wordpress.request(ask).await;
    let refused = scene.workers.move_events().await.unwrap_err();
    assert!(refused.reason.starts_with("tick: "), "{}", refused.reason);
    scene.drain().await;
    assert_eq!(scene.file("ticks"), r#"["short"]"#);
    assert_eq!(scene.wordpress.request(DATES).await, r#"{"tick":"past"}"#);
}

#[tokio::test]
async fn events_are_moved_as_soon_as_they_are_due() {
    let scene = scene().await;
    let installation = Installation::open(&scene.wordpress.path(), &Php::default()).await.unwrap();
    let site = installation.sites().await.unwrap().remove(0);
    let shutdown = Shutdown::new();
    let (_sites, all) = watch::channel(EventSite::new(&site, &scene.workers).into_iter().collect());
    let moving = tokio::spawn(move_events(all, shutdown.clone()));
    scene.wordpress.request("wp_schedule_single_event( time() + 1, 'tick' );").await;
    let begun = std::time::Instant::now();
    while moved(&scene).await.is_empty() {
        assert!(begun.elapsed().as_secs() < 60, "it was not moved");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    shutdown.stop();
    moving.await.unwrap();
}
