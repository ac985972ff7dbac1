//! What the plugin's version 3.8.2 wrote and computed, read where it stands.

use mysql_async::prelude::Queryable;
use serde_json::{Value, json};

use super::Shop;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/fixtures/");

pub(super) fn read(name: &str) -> String {
    let path = format!("{FOLDER}wordpress/{name}");
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The site's own tables with the rows of the fixture.
async fn shop() -> Shop {
    let shop = Shop::open().await;
    let mut connection = shop.wordpress.connect().await;
    connection.query_drop(read("tables-3.8.2.sql")).await.unwrap();
    shop
}

#[tokio::test]
async fn every_row_is_read_as_the_plugin_reads_it() {
    let shop = shop().await;
    let expected: Value = serde_json::from_str(&read("tables-3.8.2.expected.json")).unwrap();
    let expected = expected["actions"].as_array().unwrap();
    let found: Vec<Value> = shop
        .ask(
            "$found = array();
            foreach ( as_get_scheduled_actions( array( 'per_page' => 0, 'orderby' => 'action_id' ) ) as $id => $action ) {
                $schedule = $action->get_schedule();
                $row = array(
                    'action_id'      => $id,
                    'hook'           => $action->get_hook(),
                    'args'           => $action->get_args(),
                    'group'          => $action->get_group(),
                    'priority'       => $action->get_priority(),
                    'status'         => ActionScheduler::store()->get_status( $id ),
                    'claim_id'       => ActionScheduler::store()->get_claim_id( $id ),
                    'schedule_class' => get_class( $schedule ),
                    'is_recurring'   => $schedule->is_recurring(),
                    'date'           => $schedule->get_date() ? $schedule->get_date()->getTimestamp() : null,
                    'php_serialized_schedule_base64' => base64_encode( serialize( $schedule ) ),
                    'logs'           => array_map( function ( $entry ) { return $entry->get_message(); }, ActionScheduler::logger()->get_logs( $id ) ),
                );
                if ( $schedule->is_recurring() ) {
                    $row['recurrence'] = $schedule->get_recurrence();
                    $row['first_date'] = $schedule->get_first_date()->getTimestamp();
                    foreach ( array( 1794300000, 1795300000, 1795303600, 1795904813 ) as $now ) {
                        $row['next_after'][ $now ] = $schedule->get_next( as_get_datetime_object( $now ) )->getTimestamp();
                    }
                }
                $found[] = $row;
            }
            return $found;",
        )
        .await;
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        for (key, value) in found.as_object().unwrap() {
            assert_eq!(value, &expected[key], "{key} of {expected}");
        }
    }
    assert!(expected.iter().any(|row| row["next_after"].is_object()));
}

#[tokio::test]
async fn older_property_names_and_damaged_rows_are_read_as_far_as_they_can_be() {
    let shop = shop().await;
    let mut connection = shop.wordpress.connect().await;
    let texts = [
        // As version 2 wrote it.
        "O:32:\"ActionScheduler_IntervalSchedule\":2:{s:49:\"\0ActionScheduler_IntervalSchedule\0start_timestamp\";\
         i:1795303600;s:53:\"\0ActionScheduler_IntervalSchedule\0interval_in_seconds\";i:900;}",
        "O:30:\"ActionScheduler_SimpleSchedule\":1:{s:41:\"\0ActionScheduler_SimpleSchedule\0timestamp\";i:1795303600;}",
        // What may not be built, what is cut off, and what lacks something.
        "O:8:\"WP_Query\":0:{}",
        "O:30:\"ActionScheduler_SimpleSchedule\":1:{s:41:\"\0Act",
        "O:30:\"ActionScheduler_SimpleSchedule\":0:{}",
        "O:28:\"ActionScheduler_CronSchedule\":1:{s:22:\"\0*\0scheduled_timestamp\";i:1795303600;}",
        "",
    ];
    for (id, text) in (1..).zip(texts) {
        connection
            .exec_drop(
                "UPDATE wp_actionscheduler_actions SET schedule = ?, status = 'pending' WHERE action_id = ?",
                (text.as_bytes(), id),
            )
            .await
            .unwrap();
    }
    connection
        .query_drop("UPDATE wp_actionscheduler_actions SET args = 'nonsense' WHERE action_id = 9")
        .await
        .unwrap();
    let found: Value = shop
        .ask(
            "$found = array();
            foreach ( array( 1, 2, 3, 4, 5, 6, 7, 9, 99 ) as $id ) {
                $action  = ActionScheduler::store()->fetch_action( $id );
                $date    = $action->get_schedule()->get_date();
                $found[] = array( get_class( $action ), $date ? $date->getTimestamp() : null );
            }
            return $found;",
        )
        .await;
    let none = json!(["ActionScheduler_NullAction", null]);
    let mut expected = vec![json!(["ActionScheduler_Action", 1_795_303_600]); 2];
    expected.extend(vec![none; 7]);
    assert_eq!(found, json!(expected));
    let log: Vec<Option<String>> = connection
        .query("SELECT message FROM wp_actionscheduler_logs WHERE action_id IN (3, 9) ORDER BY log_id DESC LIMIT 2")
        .await
        .unwrap();
    let [args, schedule] = &*log else { panic!("{log:?}") };
    assert_eq!(
        args.as_deref(),
        Some(
            "the action could not be read: the args of action 9 are no JSON of a list or an object: nonsense"
        )
    );
    assert!(schedule.as_ref().unwrap().contains("schedule of action 3 cannot be read"), "{log:?}");
}

#[tokio::test]
async fn cron_expressions_run_as_with_the_plugin() {
    let shop = Shop::open().await;
    let fixture = format!("{FOLDER}cron/action-scheduler-dialect.json");
    let wrong: Vec<Value> = shop
        .ask(&format!(
            "$wrong = array();
            $cases = json_decode( file_get_contents( '{fixture}' ), true );
            foreach ( $cases['vectors'] as $case ) {{
                $runs  = array();
                $error = false;
                try {{
                    $cron = CronExpression::factory( $case['expression'] );
                    $date = as_get_datetime_object( $case['after'] );
                    while ( count( $runs ) < 4 ) {{
                        $date   = $cron->getNextRunDate( $date );
                        $runs[] = $date->getTimestamp();
                    }}
                }} catch ( Exception $exception ) {{
                    $error = true;
                }}
                // One that runs once has no four dates: so in the fixture, and here.
                if ( $error !== isset( $case['error'] ) || ( ! $error && $runs !== $case['next'] ) ) {{
                    $wrong[] = array( $case, $runs );
                }}
            }}
            return array_merge( array( count( $cases['vectors'] ) ), $wrong );"
        ))
        .await;
    assert_eq!(wrong, [json!(346)]);
}
