//! The functions that schedule.

use action_scheduler::action::{NewAction, Unique};
use action_scheduler::{Args, Query, Schedule, Status};
use mysql_async::prelude::Queryable;
use serde_json::{Value, json};

use super::Shop;

#[tokio::test]
async fn schedules_of_every_kind_are_read_back() {
    let shop = Shop::open().await;
    let read: Value = shop
        .ask(
            "$at  = 1909000000;
            $ids = array(
                as_enqueue_async_action( 'async', array( 'a' => 1 ), 'g', false, 7 ),
                as_schedule_single_action( $at, 'single', array( 1, 2 ) ),
                as_schedule_single_action( '2030-06-29 21:46:40', 'text' ),
                as_schedule_single_action( new DateTime( '2030-06-29 23:46:40+02:00' ), 'date' ),
                as_schedule_recurring_action( $at, '60', 'recurring', array(), '', false, 999 ),
                as_schedule_recurring_action( $at, 0, 'no interval' ),
                as_schedule_cron_action( $at, '@daily', 'cron' ),
                as_schedule_cron_action( $at, '', 'no expression' ),
            );
            $read = array();
            foreach ( $ids as $id ) {
                $action   = ActionScheduler::store()->fetch_action( $id );
                $schedule = $action->get_schedule();
                $read[]   = array(
                    $action->get_hook(), $action->get_args(), $action->get_group(), $action->get_priority(), get_class( $schedule ),
                    $schedule->get_date() ? $schedule->get_date()->format( 'c' ) : null,
                    $schedule->is_recurring() ? $schedule->get_recurrence() : null,
                );
            }
            return $read;",
        )
        .await;
    let at = "2030-06-29T21:46:40+00:00";
    let (simple, midnight) = ("ActionScheduler_SimpleSchedule", "2030-06-30T00:00:00+00:00");
    assert_eq!(
        read,
        json!([
            ["async", {"a": 1}, "g", 7, "ActionScheduler_NullSchedule", null, null],
            ["single", [1, 2], "", 10, simple, at, null],
            ["text", [], "", 10, simple, at, null],
            ["date", [], "", 10, simple, at, null],
            ["recurring", [], "", 255, "ActionScheduler_IntervalSchedule", at, 60],
            ["no interval", [], "", 10, simple, at, null],
            ["cron", [], "", 10, "ActionScheduler_CronSchedule", midnight, "0 0 * * *"],
            ["no expression", [], "", 10, simple, at, null],
        ])
    );
}

#[tokio::test]
async fn a_unique_action_is_left_out_while_the_same_one_is_pending_or_in_progress() {
    let shop = Shop::open().await;
    let made: Vec<bool> = shop
        .ask(
            "global $wpdb;
            $make = function ( $args, $group = 'g', $hook = 'h' ) {
                return as_enqueue_async_action( $hook, $args, $group, true ) > 0;
            };
            $made = array( $make( array( 1 ) ), $make( array( 1 ) ), $make( array( 2 ) ), $make( array( 1 ), '' ), $make( array( 1 ), 'g', 'other' ) );
            $made[] = $make( array( str_repeat( 'x', 300 ) ) );
            $made[] = $make( array( str_repeat( 'x', 300 ) ) );
            $wpdb->query( \"UPDATE wp_actionscheduler_actions SET status = 'in-progress' WHERE action_id = 1\" );
            $made[] = $make( array( 1 ) );
            $wpdb->query( \"UPDATE wp_actionscheduler_actions SET status = 'complete' WHERE action_id = 1\" );
            $made[] = $make( array( 1 ) );
            $made[] = as_schedule_single_action( time(), 'h', array( 1 ), 'g', true ) > 0;
            $made[] = as_schedule_recurring_action( time(), 60, 'h', array( 1 ), 'g', true ) > 0;
            $made[] = as_schedule_cron_action( time(), '@daily', 'h', array( 1 ), 'g', true ) > 0;
            return $made;",
        )
        .await;
    let expected = [true, false, true, true, true, true, false, false, true, false, false, false];
    assert_eq!(made, expected);
}

#[tokio::test]
async fn of_many_requests_at_once_one_stores_a_unique_action() {
    let shop = Shop::open().await;
    shop.ask::<()>("return null;").await;
    let body = "return count( array_filter( array_map( function ( $n ) {
        return as_enqueue_async_action( 'h', array( $n ), 'g', true );
    }, range( 1, 40 ) ) ) );";
    let made = tokio::join!(
        shop.ask::<u32>(body),
        shop.ask::<u32>(body),
        shop.ask::<u32>(body),
        shop.ask::<u32>(body)
    );
    assert_eq!(made.0 + made.1 + made.2 + made.3, 40, "{made:?}");
    let stored: u32 = shop
        .ask("return as_get_scheduled_actions( array( 'hook' => 'h', 'per_page' => 0 ), 'ids' ) ? ActionScheduler::store()->query_actions( array( 'hook' => 'h' ), 'count' ) : 0;")
        .await;
    assert_eq!(stored, 40);
}

#[tokio::test]
async fn what_php_and_the_daemon_store_at_once_is_unique_too() {
    let shop = Shop::open().await;
    let scheduler = shop.scheduler().await;
    // Stands in the way of both, after they have looked and before they can store.
    let mut gate = shop.wordpress.connect().await;
    gate.query_drop("BEGIN").await.unwrap();
    let all = "SELECT action_id FROM wp_actionscheduler_actions FORCE INDEX (PRIMARY) FOR UPDATE";
    gate.query_drop(all).await.unwrap();

    let action = NewAction::new("h".parse().unwrap(), Schedule::Async)
        .args(Args::new([1]).unwrap())
        .group("g".parse().unwrap())
        .unique(Unique::Args);
    let by_daemon = tokio::spawn(async move { scheduler.insert(vec![action]).await });
    waiting(&shop, 1).await;
    let asked = shop.ask::<i64>("return as_enqueue_async_action( 'h', array( 1 ), 'g', true );");
    let open = async {
        waiting(&shop, 2).await;
        gate.query_drop("COMMIT").await.unwrap();
    };
    let (by_php, ()) = tokio::join!(asked, open);
    let by_daemon = by_daemon.await.unwrap().unwrap();
    assert_eq!((by_php, by_daemon[0].is_some()), (0, true));
    assert_eq!(shop.scheduler().await.count(Query::new()).await.unwrap(), 1);
}

/// Waits until so many statements wait for a lock.
async fn waiting(shop: &Shop, wanted: usize) {
    let mut connection = shop.wordpress.connect().await;
    let begun = std::time::Instant::now();
    loop {
        let waits: usize = connection
            .query_first(
                "SELECT COUNT(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'",
            )
            .await
            .unwrap()
            .unwrap_or_default();
        if waits >= wanted {
            return;
        }
        assert!(begun.elapsed().as_secs() < 60, "{waits} of {wanted} wait");
        // The server renews the table only when nobody has looked at it for 100 ms.
        tokio::time::sleep(std::time::Duration::from_millis(150)).await;
    }
}

#[tokio::test]
async fn unscheduling_cancels_the_next_one_or_all() {
    let shop = Shop::open().await;
    let canceled: Value = shop
        .ask(
            "$at    = time() + 1000;
            $later = as_schedule_single_action( $at + 5, 'h', array( 1 ), 'g' );
            $first = as_schedule_single_action( $at, 'h', array( 1 ), 'g' );
            as_schedule_single_action( $at - 5, 'h', array( 2 ), 'g' );
            as_schedule_single_action( $at - 9, 'h', array(), 'g' );
            return array(
                as_unschedule_action( 'h', array( 1 ) ) === $first,
                as_unschedule_action( 'h', array( 1 ), 'g' ) === $later,
                as_unschedule_action( 'h', array( 1 ) ),
                as_unschedule_action( 'h' ) > 0,
                as_unschedule_action( 'h' ),
                as_unschedule_action( 'h', null ) > 0,
                as_unschedule_action( 'no such hook' ),
            );",
        )
        .await;
    assert_eq!(canceled, json!([true, true, null, true, null, true, null]));

    let left: Value = shop
        .ask(
            "$left = function () { return ActionScheduler::store()->query_actions( array( 'status' => 'pending' ), 'count' ); };
            foreach ( array( 'a', 'a', 'a', 'b', 'b' ) as $n => $hook ) {
                as_enqueue_async_action( $hook, array( $n % 2 ), 'b' === $hook ? 'g' : '' );
            }
            $counts = array( $left() );
            as_unschedule_all_actions( 'a', array( 1 ) );
            $counts[] = $left();
            as_unschedule_all_actions( 'a' );
            $counts[] = $left();
            as_unschedule_all_actions( '', array(), 'other' );
            $counts[] = $left();
            as_unschedule_all_actions( '', array(), 'g' );
            $counts[] = $left();
            return $counts;",
        )
        .await;
    assert_eq!(left, json!([5, 4, 2, 2, 0]));

    // The engine sees them canceled, each with an entry in its log.
    let store = shop.store().await;
    let everything = action_scheduler::Query::new().unlimited();
    for action in store.query(everything).await.unwrap() {
        assert_eq!(action.status, Status::Canceled);
        assert_eq!(shop.log(action.id).await, ["action created", "action canceled"]);
    }
}

#[tokio::test]
async fn what_runs_next_is_a_time_or_true_or_false() {
    let shop = Shop::open().await;
    let next: Value = shop
        .ask(
            "global $wpdb;
            $at = time() + 1000;
            as_schedule_single_action( $at + 50, 'single', array( 1 ), 'g' );
            as_schedule_single_action( $at, 'single', array( 2 ) );
            as_enqueue_async_action( 'async' );
            $running = as_schedule_single_action( $at, 'running' );
            $wpdb->query( \"UPDATE wp_actionscheduler_actions SET status = 'in-progress' WHERE action_id = $running\" );
            $done = as_schedule_single_action( $at, 'done' );
            $wpdb->query( \"UPDATE wp_actionscheduler_actions SET status = 'complete' WHERE action_id = $done\" );
            $next = function ( ...$args ) use ( $at ) {
                $next = as_next_scheduled_action( ...$args );
                return array( is_int( $next ) ? $next - $at : $next, as_has_scheduled_action( ...$args ) );
            };
            return array(
                $next( 'single' ), $next( 'single', array( 1 ) ), $next( 'single', array( 1 ), 'g' ), $next( 'single', array( 1 ), 'x' ),
                $next( 'single', array() ), $next( 'async' ), $next( 'running' ), $next( 'done' ), $next( 'nothing' ),
            );",
        )
        .await;
    assert_eq!(
        next,
        json!([
            [0, true],
            [50, true],
            [50, true],
            [false, false],
            [false, false],
            [true, true],
            [true, true],
            [false, false],
            [false, false]
        ])
    );
}

#[tokio::test]
async fn filters_replace_what_a_call_does() {
    let shop = Shop::open().await;
    let made: Value = shop
        .ask(
            "$asked = array();
            foreach ( array( 'enqueue_async', 'schedule_single', 'schedule_recurring', 'schedule_cron' ) as $name ) {
                add_filter( \"pre_as_{$name}_action\", function ( $pre, ...$args ) use ( $name, &$asked ) {
                    $asked[ $name ] = $args;
                    return array( 'enqueue_async' => 77, 'schedule_single' => 'no number', 'schedule_recurring' => 0, 'schedule_cron' => null )[ $name ];
                }, 10, 8 );
            }
            return array(
                as_enqueue_async_action( 'h', array( 1 ), 'g', true, 3 ),
                as_schedule_single_action( 5, 'h', array( 1 ), 'g', false, 3 ),
                as_schedule_recurring_action( 5, 60, 'h', array( 1 ), 'g', false, 3 ),
                as_schedule_cron_action( 5, '@daily', 'h', array( 1 ), 'g', false, 3 ),
                $asked,
                ActionScheduler::store()->query_actions( array(), 'count' ),
            );",
        )
        .await;
    assert_eq!(
        made,
        json!([77, 0, 0, 1, {
            "enqueue_async": ["h", [1], "g", 3, true],
            "schedule_single": [5, "h", [1], "g", 3, false],
            "schedule_recurring": [5, 60, "h", [1], "g", 3, false],
            "schedule_cron": [5, "@daily", "h", [1], "g", 3, false],
        }, 1])
    );
}

#[tokio::test]
async fn wrong_arguments_are_refused_with_a_word_to_the_developer() {
    let shop = Shop::open().await;
    let refused: Vec<(Value, String)> = shop
        .ask(
            "add_filter( 'doing_it_wrong_trigger_error', '__return_false' );
            ini_set( 'error_log', '/dev/null' );
            $said = '';
            add_action( 'doing_it_wrong_run', function ( $function, $message ) use ( &$said ) { $said = \"$function: $message\"; }, 10, 2 );
            $calls = array(
                function () { return as_enqueue_async_action( '' ); },
                function () { return as_enqueue_async_action( str_repeat( 'h', 192 ) ); },
                function () { return as_enqueue_async_action( array( 'h' ) ); },
                function () { return as_enqueue_async_action( 'h', 'text' ); },
                function () { return as_enqueue_async_action( 'h', null ); },
                function () { return as_enqueue_async_action( 'h', array(), str_repeat( 'g', 256 ) ); },
                function () { return as_schedule_recurring_action( 5, 'often', 'h' ); },
                function () { return as_schedule_recurring_action( 5, 1.5, 'h' ); },
                function () { return as_schedule_recurring_action( 5, -60, 'h' ); },
                function () { return as_enqueue_async_action( 'h', array( str_repeat( 'x', 8000 ) ) ); },
                function () { return as_schedule_single_action( PHP_INT_MAX, 'h' ); },
            );
            $refused = array();
            foreach ( $calls as $call ) {
                $said      = '';
                $refused[] = array( $call(), $said );
            }
            foreach ( array( 'every now and then', '61 * * * *', '* * * * * * *', '*/0 * * * *' ) as $expression ) {
                try {
                    $refused[] = array( as_schedule_cron_action( 5, $expression, 'h' ), '' );
                } catch ( Exception $exception ) {
                    $refused[] = array( 0, $exception->getMessage() );
                }
            }
            $refused[] = array( ActionScheduler::store()->query_actions( array(), 'count' ), '' );
            return $refused;",
        )
        .await;
    let hook = "The hook must be a text of 1 to 191 characters.";
    let args = "The args of the hook h must be an array, not of the type";
    let interval = "The interval must be a number of whole seconds, not";
    let expected = [
        format!("as_enqueue_async_action: {hook}"),
        format!("as_enqueue_async_action: {hook}"),
        format!("as_enqueue_async_action: {hook}"),
        format!("as_enqueue_async_action: {args} string."),
        format!("as_enqueue_async_action: {args} NULL."),
        "as_enqueue_async_action: The group of the hook h must be a text of at most 255 characters."
            .to_owned(),
        format!("as_schedule_recurring_action: {interval} &#039;often&#039;."),
        format!("as_schedule_recurring_action: {interval} 1.5."),
        format!("as_schedule_recurring_action: {interval} -60."),
        // These are in the log of PHP.
        String::new(),
        String::new(),
        "the cron expression every now and then has not 5 or 6 fields".to_owned(),
        "the cron expression 61 * * * * never runs".to_owned(),
        "the cron expression * * * * * * * has not 5 or 6 fields".to_owned(),
        "the cron expression */0 * * * * has a wrong field 1: */0".to_owned(),
        String::new(),
    ];
    for ((result, said), expected) in refused.iter().zip(&expected) {
        assert_eq!((result, said), (&json!(0), expected));
    }
    assert_eq!(refused.len(), expected.len());
}

#[tokio::test]
async fn before_init_nothing_is_scheduled() {
    let shop = Shop::open().await;
    let early = "<?php add_action( 'plugins_loaded', function () {
        add_filter( 'doing_it_wrong_trigger_error', '__return_false' );
        $GLOBALS['early'] = array(
            as_enqueue_async_action( 'h' ), as_schedule_single_action( 5, 'h' ), as_schedule_recurring_action( 5, 60, 'h' ),
            as_schedule_cron_action( 5, '@daily', 'h' ), as_next_scheduled_action( 'h' ), as_has_scheduled_action( 'h' ),
            as_get_scheduled_actions(), as_unschedule_action( 'h' ), as_unschedule_all_actions( 'h' ), ActionScheduler::is_initialized(),
        );
    } );
    add_action( 'action_scheduler_init', function () { $GLOBALS['ready'] = as_enqueue_async_action( 'h' ); } );";
    shop.wordpress.add_plugin("early", early);
    let answer: Value = shop.ask("return array( $GLOBALS['early'], $GLOBALS['ready'] );").await;
    assert_eq!(answer, json!([[0, 0, 0, 0, false, false, [], 0, null, false], 1]));
}

#[tokio::test]
async fn the_functions_of_version_1_do_the_same() {
    let shop = Shop::open().await;
    let answers: Value = shop
        .ask(
            "add_filter( 'deprecated_function_trigger_error', '__return_false' );
            return array(
                wc_schedule_single_action( 1909000000, 'single', array( 1 ), 'g' ),
                wc_schedule_recurring_action( 1909000000, 60, 'recurring' ),
                wc_schedule_cron_action( 1909000000, '@daily', 'cron' ),
                wc_next_scheduled_action( 'single' ),
                array_keys( wc_get_scheduled_actions( array( 'orderby' => 'action_id' ) ) ),
                wc_unschedule_action( 'single', array( 1 ), 'g' ),
                wc_next_scheduled_action( 'single' ),
            );",
        )
        .await;
    assert_eq!(answers, json!([1, 2, 3, 1_909_000_000, [1, 2, 3], 1, false]));
}
