//! What PHP writes is what the engine writes, and each reads what the other wrote.

use std::time::Duration;

use action_scheduler::schedule::cron::{Cron, Dialect};
use action_scheduler::schedule::{Cadence, Interval, Missed, Recurring};
use action_scheduler::{ActionId, Schedule, Scheduler, Status};
use jiff::{SignedDuration, Timestamp};
use mysql_async::prelude::Queryable;
use serde_json::json;
use testkit::servers::MariaDb;
use testkit::servers::mariadb::connect;

use super::Shop;
use super::fixtures::read;

/// What tables are like: their columns and keys.
async fn layout(connection: &mut mysql_async::Conn) -> Vec<String> {
    connection
        .query(
            "SELECT CONCAT_WS(' ', table_name, column_name, column_type, is_nullable, column_default, extra, collation_name) \
             FROM information_schema.columns \
             WHERE table_schema = DATABASE() AND table_name LIKE 'wp\\_actionscheduler\\_%' UNION ALL \
             SELECT CONCAT_WS(' ', table_name, index_name, seq_in_index, column_name, sub_part, non_unique) \
             FROM information_schema.statistics \
             WHERE table_schema = DATABASE() AND table_name LIKE 'wp\\_actionscheduler\\_%' ORDER BY 1",
        )
        .await
        .unwrap()
}

/// Stores an action with a schedule of the plugin's dialect.
async fn insert_recurring(scheduler: &Scheduler, schedule: Recurring, hook: &str) -> ActionId {
    let mut action = scheduler.enqueue_async(hook, json!([])).into_action().unwrap();
    action.schedule = Schedule::Recurring(schedule);
    scheduler.insert(vec![action]).await.unwrap().remove(0).unwrap()
}

#[tokio::test]
async fn the_tables_are_those_of_the_plugin() {
    let shop = Shop::open().await;
    let before: bool = shop.ask("return Action_Scheduler_Bridge::provides();").await;
    assert!(before);
    let database = MariaDb::shared().await.create_database().await;
    let mut plugins = connect(database.url()).await;
    plugins.query_drop(read("tables-3.8.2.sql")).await.unwrap();
    let mut connection = shop.wordpress.connect().await;
    let expected = layout(&mut plugins).await;
    assert!(expected.len() > 30, "{expected:?}");
    assert_eq!(layout(&mut connection).await, expected);
    let options: [String; 2] = shop
        .ask("return array( get_option( 'schema-ActionScheduler_StoreSchema' ), get_option( 'schema-ActionScheduler_LoggerSchema' ) );")
        .await;
    assert!(options[0].starts_with("7.0.") && options[1].starts_with("3.0."), "{options:?}");

    // Dropped by somebody, they are there again with the next action.
    for table in ["actions", "groups", "logs"] {
        connection.query_drop(format!("DROP TABLE wp_actionscheduler_{table}")).await.unwrap();
    }
    shop.id("return as_enqueue_async_action( 'mail_order' );").await;
    assert_eq!(layout(&mut connection).await, expected);
}

#[tokio::test]
async fn tables_of_others_are_left_as_they_are() {
    let wordpress = testkit::servers::WordPress::install().await;
    let php = action_scheduler_wordpress::php::Php::default();
    let installation =
        action_scheduler_wordpress::site::Installation::open(&wordpress.path(), &php)
            .await
            .unwrap();
    let site = installation.sites().await.unwrap().remove(0);
    // Created by the engine, which writes no version down.
    site.store.open().await.unwrap();
    let mut connection = wordpress.connect().await;
    let before = layout(&mut connection).await;
    action_scheduler_wordpress::bridge::install(&installation).unwrap();
    let shop = Shop { wordpress, site };
    let changed: Vec<String> = shop
        .ask("require_once ABSPATH . 'wp-admin/includes/upgrade.php';
            $changed = array();
            add_filter( 'query', function ( $sql ) use ( &$changed ) { if ( preg_match( '/^\\s*(ALTER|CREATE)/i', $sql ) ) { $changed[] = $sql; } return $sql; } );
            Action_Scheduler_Bridge_Tables::create();
            return $changed;")
        .await;
    assert_eq!(changed, [] as [String; 0]);
    assert_eq!(layout(&mut connection).await, before);
    // A newer version of the plugin wrote its own down.
    let version: String = shop
        .ask("update_option( 'schema-ActionScheduler_StoreSchema', '9.0.5' ); Action_Scheduler_Bridge_Tables::register();
            return get_option( 'schema-ActionScheduler_StoreSchema' );")
        .await;
    assert_eq!(version, "9.0.5");
}

#[tokio::test]
async fn what_php_stores_is_to_the_byte_what_the_engine_stores() {
    let shop = Shop::open().await;
    shop.ask::<bool>("return update_option( 'timezone_string', 'America/New_York' );").await;
    // A summer date, a winter date, and one that the cron expression gives.
    let (summer, winter, monday) = (1_909_000_000, 1_920_000_030, 1_920_015_000);
    let args = json!({"customer": "Zoë / \"x\"", "lines": [1, 2.5, null, true, []], "order": 42});
    let args_in_php = "array( 'customer' => 'Zoë / \"x\"', 'lines' => array( 1, 2.5, null, true, array() ), 'order' => 42 )";
    let long = "x".repeat(300);
    let by_php: Vec<i64> = shop
        .ask(&format!(
            "return array(
                as_schedule_single_action( {summer}, 'mail_order', {args_in_php}, 'mails', false, 3 ),
                as_schedule_recurring_action( {winter}, 3600, 'charge_renewal', array( 7 ), 'renewals' ),
                as_schedule_cron_action( {monday}, '30 9 * * 1-5', 'report', array(), '' ),
                as_schedule_single_action( {summer}, 'long', array( str_repeat( 'x', 300 ) ) ),
            );"
        ))
        .await;
    let scheduler = shop.scheduler().await;
    let at = |seconds| Timestamp::from_second(seconds).unwrap();
    let hourly = Interval::new(Duration::from_secs(3600), Cadence::AfterRun).unwrap();
    let cron = Cron::parse("30 9 * * 1-5", Dialect::ActionScheduler, None).unwrap();
    let weekdays = Recurring::cron(cron, Missed::Skip, at(monday)).unwrap();
    let by_rust = [
        scheduler
            .schedule_single(at(summer), "mail_order", &args)
            .group("mails")
            .priority(3)
            .await
            .unwrap()
            .unwrap(),
        scheduler
            .schedule_recurring(at(winter), hourly, "charge_renewal", [7])
            .group("renewals")
            .await
            .unwrap()
            .unwrap(),
        insert_recurring(&scheduler, weekdays, "report").await,
        scheduler.schedule_single(at(summer), "long", [long]).await.unwrap().unwrap(),
    ];
    let mut connection = shop.wordpress.connect().await;
    for (php, rust) in by_php.iter().zip(by_rust) {
        let rows: Vec<String> = connection
            .query(format!(
                "SELECT CONCAT_WS('|', hook, status, priority, attempts, claim_id, slug, args, extended_args, schedule, \
                 scheduled_date_gmt, scheduled_date_local, last_attempt_gmt, last_attempt_local) \
                 FROM wp_actionscheduler_actions JOIN wp_actionscheduler_groups USING (group_id) \
                 WHERE action_id IN ({php}, {rust})"
            ))
            .await
            .unwrap();
        assert_eq!(rows.len(), 2);
        assert_eq!(rows[0], rows[1]);
    }
    let slugs: Vec<String> =
        connection.query("SELECT slug FROM wp_actionscheduler_groups ORDER BY slug").await.unwrap();
    assert_eq!(slugs, ["", "mails", "renewals"]);
}

#[tokio::test]
async fn an_async_action_is_due_at_once_and_its_log_begins() {
    let shop = Shop::open().await;
    shop.ask::<bool>("return update_option( 'gmt_offset', 5.5 );").await;
    let before = Timestamp::now() - SignedDuration::from_secs(1);
    let id =
        shop.id("return as_enqueue_async_action( 'mail_order', array( 'order' => 7 ) );").await;
    let store = shop.store().await;
    let action = store.fetch(vec![id]).await.unwrap().remove(0);
    assert_eq!((action.hook.as_str(), action.args.as_str()), ("mail_order", r#"{"order":7}"#));
    assert_eq!((action.status, action.schedule.kind()), (Status::Pending, "async"));
    assert!(action.scheduled_at >= before && action.scheduled_at <= Timestamp::now());
    let log: Vec<String> =
        store.logs(vec![id]).await.unwrap().iter().map(action_scheduler::LogEntry::text).collect();
    assert_eq!(log, ["action created"]);
    let mut connection = shop.wordpress.connect().await;
    let ahead: Option<(String, String, String)> = connection
        .query_first(
            "SELECT TIMEDIFF(scheduled_date_local, scheduled_date_gmt), TIMEDIFF(log_date_local, log_date_gmt), \
             CONCAT(last_attempt_gmt, last_attempt_local) \
             FROM wp_actionscheduler_actions JOIN wp_actionscheduler_logs USING (action_id)",
        )
        .await
        .unwrap();
    let none = "0000-00-00 00:00:00";
    assert_eq!(ahead, Some(("05:30:00".into(), "05:30:00".into(), [none, none].concat())));
}

#[tokio::test]
async fn what_the_engine_stores_is_read_by_php() {
    let shop = Shop::open().await;
    let scheduler = shop.scheduler().await;
    let at = Timestamp::from_second(1_909_000_000).unwrap();
    let hourly = Interval::new(Duration::from_secs(3600), Cadence::AfterRun).unwrap();
    let cron = Cron::parse("0 9 L * *", Dialect::ActionScheduler, None).unwrap();
    let ids = [
        scheduler.enqueue_async("now", json!({"a": [1, "ü"]})).group("g").await.unwrap().unwrap(),
        scheduler.schedule_single(at, "once", [1]).priority(9).await.unwrap().unwrap(),
        scheduler.schedule_recurring(at, hourly, "hourly", json!([])).await.unwrap().unwrap(),
        insert_recurring(&scheduler, Recurring::cron(cron, Missed::Skip, at).unwrap(), "monthly")
            .await,
    ];
    scheduler.cancel(ids[1]).await.unwrap();
    let read: serde_json::Value = shop
        .ask(&format!(
            "$read = array();
            foreach ( array( {}, {}, {}, {} ) as $id ) {{
                $action   = ActionScheduler::store()->fetch_action( $id );
                $schedule = $action->get_schedule();
                $read[]   = array(
                    get_class( $action ), $action->get_hook(), $action->get_args(), $action->get_group(),
                    $action->get_priority(), $action->is_finished(), get_class( $schedule ),
                    $schedule->get_date() ? $schedule->get_date()->getTimestamp() : null,
                    $schedule->is_recurring() ? $schedule->get_recurrence() : null,
                );
            }}
            return $read;",
            ids[0], ids[1], ids[2], ids[3]
        ))
        .await;
    // The 30th of June, 9:00.
    let month_end = 1_909_040_400;
    assert_eq!(
        read,
        json!([
            ["ActionScheduler_Action", "now", {"a": [1, "ü"]}, "g", 10, false, "ActionScheduler_NullSchedule", null, null],
            ["ActionScheduler_CanceledAction", "once", [1], "", 9, true, "ActionScheduler_CanceledSchedule", 1_909_000_000, null],
            ["ActionScheduler_Action", "hourly", [], "", 10, false, "ActionScheduler_IntervalSchedule", 1_909_000_000, 3600],
            ["ActionScheduler_Action", "monthly", [], "", 10, false, "ActionScheduler_CronSchedule", month_end, "0 9 L * *"],
        ])
    );
}

#[tokio::test]
async fn a_network_site_gets_its_tables_with_its_first_action() {
    let wordpress = testkit::servers::WordPress::install_network().await;
    let installation = action_scheduler_wordpress::site::Installation::open(
        &wordpress.path(),
        &action_scheduler_wordpress::php::Php::default(),
    )
    .await
    .unwrap();
    action_scheduler_wordpress::bridge::install(&installation).unwrap();
    wordpress.add_site("second").await;
    let output = wordpress
        .request(
            "switch_to_blog( 2 );
            $id = as_enqueue_async_action( 'mail_order', array( 2 ) );
            echo 'answer ', $id, ' ', ActionScheduler::store()->fetch_action( $id )->get_hook(), ' ', $wpdb->actionscheduler_actions;
            restore_current_blog();
            echo ' ', as_has_scheduled_action( 'mail_order' ) ? 'here' : 'not here', ' ', $wpdb->actionscheduler_actions;",
        )
        .await;
    assert!(
        output.ends_with(
            "answer 1 mail_order wp_2_actionscheduler_actions not here wp_actionscheduler_actions"
        ),
        "{output}"
    );
    assert_eq!(installation.sites().await.unwrap().len(), 2);
}
