//! Who runs the queue of a site without the plugin: the daemon, or WP-Cron while there is none.

use action_scheduler::Status;
use action_scheduler_wordpress::bridge;
use action_scheduler_wordpress::php::Php;
use action_scheduler_wordpress::site::Installation;
use serde_json::{Value, json};
use testkit::servers::WordPress;

use super::Shop;
use crate::scene::{MAILER, MISBEHAVING, RENEWALS, Scene, Setting};

/// Has WP-Cron run the queue, as a request of its own, which may come to a bad end.
async fn cron(shop: &Shop) {
    let file = "<?php
$_SERVER['HTTP_HOST'] = 'shop.test';
define( 'DISABLE_WP_CRON', true );
define( 'DOING_CRON', true );
require __DIR__ . '/wp-load.php';
do_action( 'action_scheduler_run_queue', 'WP Cron' );";
    shop.wordpress.write("run-queue.php", file);
    let run =
        "exec( PHP_BINARY . ' -d memory_limit=128M ' . getenv( 'SITE' ) . '/run-queue.php 2>&1' );";
    shop.wordpress.php(run).await;
}

async fn status(shop: &Shop, id: action_scheduler::ActionId) -> String {
    shop.ask(&format!("return ActionScheduler::store()->get_status( {id} );")).await
}

#[tokio::test]
async fn wp_cron_runs_what_is_due_in_the_order_of_the_plugin() {
    let shop = Shop::open().await;
    shop.wordpress.add_plugin(MAILER.0, MAILER.1);
    let scheduled: bool = shop
        .ask("$event = wp_get_scheduled_event( 'action_scheduler_run_queue', array( 'WP Cron' ) ); return 60 === $event->interval;")
        .await;
    assert!(scheduled);
    shop.ask::<()>(
        "as_schedule_single_action( time() - 5, 'mail_order', array( 'late' ) );
        as_schedule_single_action( time() - 9, 'mail_order', array( 'later' ) );
        as_schedule_single_action( time() - 1, 'mail_order', array( 'first' ), '', false, 1 );
        as_schedule_single_action( time() + 900, 'mail_order', array( 'not yet' ) );
        return update_option( 'note_hooks', 'noted' ) ? null : null;",
    )
    .await;
    cron(&shop).await;
    let mails = std::fs::read_to_string(shop.wordpress.path().join("mails")).unwrap();
    assert_eq!(mails, "[\"first\"]\n[\"later\"]\n[\"late\"]\n");
    let first = action_scheduler::ActionId::new(3).unwrap();
    assert_eq!(
        shop.log(first).await,
        ["action created", "action started via WP Cron", "action complete via WP Cron"]
    );
    let hooks = std::fs::read_to_string(shop.wordpress.path().join("hooks")).unwrap();
    let hooks: Vec<&str> = hooks.lines().take(4).collect();
    assert_eq!(
        hooks,
        [
            "before_execute [3,\"WP Cron\"]",
            "begin_execute [3,\"WP Cron\"]",
            "after_execute [3,{},\"WP Cron\"]",
            "completed_action [3]",
        ]
    );
    let counts: Value = shop.ask("return array( ActionScheduler::store()->action_counts(), ActionScheduler::store()->get_claim_count() );").await;
    assert_eq!(counts, json!([{"complete": 3, "pending": 1}, 0]));
    let store = shop.store().await;
    let action = store.fetch(vec![first]).await.unwrap().remove(0);
    assert_eq!((action.status, action.attempts.0), (Status::Complete, 1));
}

#[tokio::test]
async fn whatever_an_action_does_it_fails_alone_and_its_chain_goes_on() {
    let shop = Shop::open().await;
    shop.wordpress.add_plugin(MISBEHAVING.0, MISBEHAVING.1);
    let file = shop.wordpress.path().join("wp-content/mu-plugins/misbehaving.php");
    for (hook, reason) in [
        ("throw_exception", "action failed via WP Cron: no such order".to_owned()),
        (
            "throw_error",
            "action failed via WP Cron: Call to undefined function null_function()".to_owned(),
        ),
        ("trigger_error", "action failed via WP Cron: out of stock".to_owned()),
        (
            "no_such_hook",
            "action failed via WP Cron: no callback is registered for the hook no_such_hook"
                .to_owned(),
        ),
        ("exit_quietly", "unexpected shutdown: the callback ended PHP (exit or die)".to_owned()),
        (
            "declare_twice",
            format!(
                "unexpected shutdown: PHP Fatal error Cannot redeclare as_twice() (previously declared in {}",
                file.display()
            ),
        ),
        ("eat_memory", "unexpected shutdown: PHP Fatal error Allowed memory size of".to_owned()),
    ] {
        let id = shop
            .id(&format!(
                "return as_schedule_recurring_action( time() - 60, 3600, '{hook}', array( 'it' ) );"
            ))
            .await;
        let after = shop.id("return as_enqueue_async_action( 'be_good' );").await;
        cron(&shop).await;
        assert_eq!(status(&shop, id).await, "failed", "{hook}");
        let log = shop.log(id).await;
        assert_eq!(log[..2], ["action created", "action started via WP Cron"], "{hook}");
        assert!(log[2].starts_with(&reason), "{hook}: {log:?}");
        let claims: u32 = shop.ask("return ActionScheduler::store()->get_claim_count();").await;
        assert_eq!(claims, 0, "{hook}");
        let next: i64 = shop
            .ask(&format!("return as_next_scheduled_action( '{hook}', array( 'it' ) ) - time();"))
            .await;
        assert!((3500..=3600).contains(&next), "{hook}: {next}");
        // What was claimed with it was given back, if it was not run.
        cron(&shop).await;
        assert_eq!(status(&shop, after).await, "complete", "{hook}");
    }
}

#[tokio::test]
async fn a_chain_that_fails_again_and_again_ends() {
    let shop = Shop::open().await;
    shop.wordpress.add_plugin(MISBEHAVING.0, MISBEHAVING.1);
    shop.id("return as_schedule_recurring_action( time() - 60, 3600, 'throw_exception' );").await;
    let due = "global $wpdb; $wpdb->query( \"UPDATE wp_actionscheduler_actions SET scheduled_date_gmt = UTC_TIMESTAMP() - INTERVAL 1 MINUTE WHERE status = 'pending'\" ); return null;";
    for run in 1..=6 {
        shop.ask::<()>(due).await;
        cron(&shop).await;
        let pending: bool = shop.ask("return as_has_scheduled_action( 'throw_exception' );").await;
        assert_eq!(pending, run < 5, "after run {run}");
    }
    let last = action_scheduler::ActionId::new(5).unwrap();
    let log = shop.log(last).await;
    assert_eq!(
        log.last().unwrap(),
        "this action has failed again and again: no further instance is scheduled"
    );
}

#[tokio::test]
async fn what_a_callback_does_to_its_own_action_counts() {
    let shop = Shop::open().await;
    shop.wordpress.add_plugin(
        "own",
        "<?php
        add_action( 'cancel_itself', function () { as_unschedule_all_actions( 'cancel_itself' ); foreach ( as_get_scheduled_actions( array( 'hook' => 'cancel_itself', 'status' => 'in-progress' ), 'ids' ) as $id ) { ActionScheduler::store()->cancel_action( $id ); } } );
        add_action( 'times_out', function () { global $wpdb; $wpdb->query( \"UPDATE {$wpdb->prefix}actionscheduler_actions SET last_attempt_gmt = '2020-01-01' WHERE hook = 'times_out'\" ); ( new ActionScheduler_QueueCleaner() )->clean(); } );",
    );
    let canceled =
        shop.id("return as_schedule_recurring_action( time() - 60, 3600, 'cancel_itself' );").await;
    let slow =
        shop.id("return as_schedule_recurring_action( time() - 60, 3600, 'times_out' );").await;
    cron(&shop).await;
    assert_eq!(status(&shop, canceled).await, "canceled");
    assert!(!shop.ask::<bool>("return as_has_scheduled_action( 'cancel_itself' );").await);
    // It was taken for failed, and succeeded after all: there is one next instance, not two.
    assert_eq!(status(&shop, slow).await, "complete");
    let next: usize = shop.ask("return count( as_get_scheduled_actions( array( 'hook' => 'times_out', 'status' => 'pending' ) ) );").await;
    assert_eq!(next, 1);
    assert!(shop.log(slow).await[2].starts_with("action marked as failed after 300 seconds"));
}

#[tokio::test]
async fn old_actions_are_deleted_and_lost_claims_given_back() {
    let shop = Shop::open().await;
    shop.ask::<()>(
        "global $wpdb;
        foreach ( array( 'old', 'failed', 'claimed', 'stuck', 'fresh', 'canceled', 'canceled long ago' ) as $hook ) { as_schedule_single_action( time() + 900, $hook ); }
        $set = function ( $hook, $change ) use ( $wpdb ) { $wpdb->query( \"UPDATE wp_actionscheduler_actions SET $change WHERE hook = '$hook'\" ); };
        $set( 'old', \"status = 'complete', last_attempt_gmt = UTC_TIMESTAMP() - INTERVAL 32 DAY, scheduled_date_gmt = last_attempt_gmt\" );
        $set( 'canceled', \"status = 'canceled'\" );
        $set( 'canceled long ago', \"status = 'canceled', scheduled_date_gmt = UTC_TIMESTAMP() - INTERVAL 32 DAY\" );
        $set( 'failed', \"status = 'failed', last_attempt_gmt = UTC_TIMESTAMP() - INTERVAL 32 DAY\" );
        $set( 'claimed', 'claim_id = 7, last_attempt_gmt = UTC_TIMESTAMP() - INTERVAL 6 MINUTE' );
        $set( 'stuck', \"status = 'in-progress', claim_id = 7, last_attempt_gmt = UTC_TIMESTAMP() - INTERVAL 6 MINUTE\" );
        $set( 'fresh', \"status = 'in-progress', claim_id = 8, last_attempt_gmt = UTC_TIMESTAMP() - INTERVAL 4 MINUTE\" );
        return null;",
    )
    .await;
    cron(&shop).await;
    let left: Value = shop
        .ask("global $wpdb; return array(
            $wpdb->get_col( \"SELECT CONCAT_WS(' ', hook, status, claim_id) FROM wp_actionscheduler_actions ORDER BY action_id\" ),
            $wpdb->get_col( 'SELECT DISTINCT action_id FROM wp_actionscheduler_logs ORDER BY 1' ),
        );")
        .await;
    assert_eq!(
        left,
        json!([
            [
                "failed failed 0",
                "claimed pending 0",
                "stuck failed 7",
                "fresh in-progress 8",
                "canceled canceled 0"
            ],
            ["2", "3", "4", "5", "6"]
        ])
    );
}

#[tokio::test]
async fn two_runners_never_have_the_same_action() {
    let shop = Shop::open().await;
    shop.wordpress.add_plugin(RENEWALS.0, RENEWALS.1);
    shop.wordpress.add_plugin("batches", "<?php add_filter( 'action_scheduler_queue_runner_concurrent_batches', function () { return 9; } );");
    shop.ask::<()>("for ( $n = 0; $n < 120; $n++ ) { as_enqueue_async_action( 'charge_renewal', array( $n ) ); } return null;").await;
    tokio::join!(cron(&shop), cron(&shop), cron(&shop));
    cron(&shop).await;
    let charges = std::fs::read_to_string(shop.wordpress.path().join("charges")).unwrap();
    let mut charged: Vec<u32> =
        charges.lines().map(|line| line.split_once(' ').unwrap().0.parse().unwrap()).collect();
    charged.sort_unstable();
    assert_eq!(charged, (0..120).collect::<Vec<_>>());
}

#[tokio::test]
async fn the_daemon_runs_what_php_schedules_and_wp_cron_leaves_it_alone() {
    let wordpress = WordPress::install().await;
    let installation = Installation::open(&wordpress.path(), &Php::default()).await.unwrap();
    bridge::install(&installation).unwrap();
    let scene = Scene::on(wordpress, &[MAILER], Setting::default()).await;
    let ready = scene.workers.probe().await.unwrap();
    assert_eq!(ready.source, "bridge");
    let site = installation.sites().await.unwrap().remove(0);
    let action_scheduler::store::StoreUrl::MySql(url) = &site.store else { unreachable!() };
    let mut notices = action_scheduler_wordpress::tables::Notices::new(url);
    notices.give(url, &json!({"name": "test", "socket": "", "site": "x"})).await.unwrap();
    let shop = Shop { wordpress: scene.wordpress, site };
    let id = shop.id("return as_schedule_recurring_action( time() - 60, 3600, 'mail_order', array( 'order' => 7 ), 'mails' );").await;
    cron(&shop).await;
    assert_eq!(status(&shop, id).await, "pending");
    let scene = Scene { wordpress: shop.wordpress, ..scene };
    let report = scene.drain().await;
    assert_eq!((report.complete, report.failed), (1, 0), "{:?}", scene.log(id).await);
    assert_eq!(scene.file("mails"), "[7]\n");
    // Once each: the logger of the bridge is silent where the daemon writes.
    assert_eq!(
        scene.log(id).await,
        ["action created", "action started via test", "action complete via test"]
    );
    let next = scene.wordpress.request("echo as_next_scheduled_action( 'mail_order', array( 'order' => 7 ), 'mails' ) - time();").await;
    // From the end of the run on, in whole seconds, and not before.
    assert!((3500..=3601).contains(&next.trim().parse::<i64>().unwrap()), "{next}");

    // What a callback schedules with the bridge's functions is told to the daemon at once.
    scene.wordpress.add_plugin("more", "<?php add_action( 'more', function () { as_enqueue_async_action( 'mail_order', array( 8 ) ); } );");
    let mut stored = scene.workers.stored();
    stored.mark_unchanged();
    scene.run("more", [1]).await;
    assert!(stored.has_changed().unwrap());
    scene.drain().await;
    assert_eq!(scene.file("mails"), "[7]\n[8]\n");
}

#[tokio::test]
async fn once_a_day_plugins_are_asked_for_their_recurring_actions() {
    let shop = Shop::open().await;
    shop.wordpress.add_plugin("asked", "<?php add_action( 'action_scheduler_ensure_recurring_actions', function () { update_option( 'asked', 1 + get_option( 'asked', 0 ) ); } );");
    assert!(
        shop.ask::<bool>(
            "return as_supports( 'ensure_recurring_actions_hook' ) && ! as_supports( 'magic' );"
        )
        .await
    );
    let in_admin = "define( 'WP_ADMIN', true ); require getenv( 'SITE' ) . '/wp-load.php';";
    for _ in 0..2 {
        shop.wordpress.php(in_admin).await;
        cron(&shop).await;
    }
    let asked: Value = shop.ask("return array( get_option( 'asked' ), as_next_scheduled_action( 'action_scheduler_bridge_daily' ) > time() + 86000 );").await;
    assert_eq!(asked, json!(["1", true]));
}

#[tokio::test]
async fn the_page_of_scheduled_actions_shows_the_counts() {
    let shop = Shop::open().await;
    let page: String = shop
        .ask(
            "require ABSPATH . 'wp-admin/includes/admin.php';
            wp_set_current_user( 1 );
            as_enqueue_async_action( 'h' );
            global $menu, $submenu;
            do_action( 'admin_menu' );
            $found = array_filter( $submenu['tools.php'], function ( $entry ) { return 'action-scheduler' === $entry[2] && 'manage_options' === $entry[1]; } );
            ob_start();
            ActionScheduler::admin_view()->render_admin_ui();
            return count( $found ) . preg_replace( '/<[^>]*>/', ' ', ob_get_clean() );",
        )
        .await;
    let words: Vec<&str> = page.split_whitespace().collect();
    assert_eq!(words.join(" "), "1 Scheduled Actions Pending 1 Past-due 1");
}
