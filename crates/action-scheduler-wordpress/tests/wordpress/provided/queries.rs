//! Looking for actions.

use serde_json::{Value, json};

use super::Shop;

/// A site with some actions, from 1 to 8.
async fn shop() -> Shop {
    let shop = Shop::open().await;
    shop.ask::<()>(
        "global $wpdb;
        $at = 1909000000;
        as_schedule_single_action( $at + 3, 'mail_order', array( 'order' => 1, 'to' => 'Ada' ), 'mails' );
        as_schedule_single_action( $at + 2, 'mail_order', array( 'order' => 2, 'to' => 'Bob', 'paid' => true ), 'mails' );
        as_schedule_single_action( $at + 1, 'charge', array( 'order' => 1, 'sum' => 2.5 ), 'money' );
        as_schedule_single_action( $at, 'charge', array( 'note' => str_repeat( 'long ', 100 ) . 'end', 'order' => 9 ), 'money' );
        as_enqueue_async_action( 'percent_100%', array( 'a_b' ) );
        as_enqueue_async_action( 'percent_1000', array( 'axb' ) );
        as_enqueue_async_action( 'old' );
        as_enqueue_async_action( 'older' );
        $wpdb->query( \"UPDATE wp_actionscheduler_actions SET status = 'complete', last_attempt_gmt = '2020-01-01 00:00:00', claim_id = 44 WHERE action_id = 7\" );
        $wpdb->query( \"UPDATE wp_actionscheduler_actions SET status = 'failed', last_attempt_gmt = '2019-01-01 00:00:00', claim_id = 45 WHERE action_id = 8\" );
        return null;",
    )
    .await;
    shop
}

#[tokio::test]
async fn every_key_of_a_query_narrows_it() {
    let shop = shop().await;
    let cases: &[(&str, &[u32])] = &[
        ("'hook' => 'charge'", &[3, 4]),
        ("'group' => 'mails'", &[1, 2]),
        ("'group' => 'mails', 'hook' => 'charge'", &[]),
        ("'status' => 'failed'", &[8]),
        ("'status' => array( 'complete', 'failed' )", &[7, 8]),
        ("'status' => ActionScheduler_Store::STATUS_PENDING, 'group' => 'money'", &[3, 4]),
        ("'args' => array( 'order' => 1, 'to' => 'Ada' )", &[1]),
        ("'args' => array( 'to' => 'Ada', 'order' => 1 )", &[]),
        ("'args' => array( 'note' => str_repeat( 'long ', 100 ) . 'end', 'order' => 9 )", &[4]),
        ("'args' => array( 'order' => 1 ), 'partial_args_matching' => 'like'", &[1, 3]),
        ("'args' => array( 'order' => 9 ), 'partial_args_matching' => 'like'", &[4]),
        ("'args' => array( 'order' => 1 ), 'partial_args_matching' => 'json'", &[1, 3]),
        (
            "'args' => array( 'to' => 'Bob', 'paid' => true ), 'partial_args_matching' => 'json'",
            &[2],
        ),
        ("'args' => array( 'sum' => 2.5 ), 'partial_args_matching' => 'json'", &[3]),
        ("'args' => array( 'order' => 9 ), 'partial_args_matching' => 'json'", &[4]),
        ("'date' => '2030-06-29 21:46:41', 'group' => 'money'", &[3, 4]),
        ("'date' => '2030-06-29 21:46:41', 'date_compare' => '<', 'group' => 'money'", &[4]),
        ("'date' => 1909000001, 'date_compare' => '=', 'group' => 'money'", &[3]),
        (
            "'date' => new DateTime( '2030-06-29 23:46:41+02:00' ), 'date_compare' => '>', 'group' => 'mails'",
            &[1, 2],
        ),
        ("'modified' => '2019-06-01', 'status' => array( 'complete', 'failed' )", &[8]),
        ("'modified' => '2019-06-01', 'modified_compare' => '>='", &[7]),
        ("'claimed' => true", &[7, 8]),
        ("'claimed' => 45", &[8]),
        ("'claimed' => false, 'group' => 'mails'", &[1, 2]),
        ("'search' => 'Ada'", &[1]),
        ("'search' => 'ng end'", &[4]),
        ("'search' => 'percent_'", &[5, 6]),
        ("'search' => '100%'", &[5]),
        ("'search' => 'a_b'", &[5]),
        ("'search' => '44'", &[7]),
        ("'search' => 'charge', 'status' => 'complete'", &[]),
    ];
    let queries: Vec<String> = cases.iter().map(|(query, _)| format!("array( {query} )")).collect();
    let found: Vec<(Vec<u32>, usize)> = shop
        .ask(&format!(
            "return array_map( function ( $query ) {{
                $ids = as_get_scheduled_actions( $query + array( 'per_page' => 0, 'orderby' => 'action_id' ), 'ids' );
                return array( array_map( 'intval', $ids ), ActionScheduler::store()->query_actions( $query, 'count' ) );
            }}, array( {} ) );",
            queries.join(", ")
        ))
        .await;
    assert_eq!(found.len(), cases.len());
    for ((query, expected), (ids, count)) in cases.iter().zip(found) {
        assert_eq!((&*ids, count), (*expected, expected.len()), "{query}");
    }
}

#[tokio::test]
async fn what_is_found_comes_sorted_in_pages() {
    let shop = shop().await;
    let cases: &[(&str, &[u32])] = &[
        ("'group' => 'mails'", &[2, 1]),
        ("'group' => 'mails', 'order' => 'DESC'", &[1, 2]),
        ("'per_page' => 3, 'orderby' => 'action_id'", &[1, 2, 3]),
        ("'per_page' => 3, 'offset' => 6, 'orderby' => 'action_id'", &[7, 8]),
        ("'orderby' => 'action_id'", &[1, 2, 3, 4, 5]),
        (
            "'per_page' => -1, 'orderby' => 'action_id', 'order' => 'desc'",
            &[8, 7, 6, 5, 4, 3, 2, 1],
        ),
        ("'status' => array( 'complete', 'failed' ), 'orderby' => 'modified'", &[8, 7]),
        ("'status' => array( 'complete', 'failed' ), 'orderby' => 'hook'", &[7, 8]),
        ("'search' => 'order\":1', 'orderby' => 'group', 'order' => 'DESC'", &[3, 1]),
        ("'claimed' => true, 'orderby' => 'action_id; DROP TABLE', 'order' => 'x'", &[8, 7]),
    ];
    for (query, expected) in cases {
        let body = format!(
            "return array_map( 'intval', as_get_scheduled_actions( array( {query} ), 'ids' ) );"
        );
        let found: Vec<u32> = shop.ask(&body).await;
        if query.contains("DROP") {
            // An unknown order is that of dates, which are the same here.
            assert_eq!(found.len(), expected.len(), "{query}");
        } else {
            assert_eq!(&found, expected, "{query}");
        }
    }
}

#[tokio::test]
async fn what_is_found_is_ids_objects_or_arrays() {
    let shop = shop().await;
    let found: Value = shop
        .ask(
            "$query = array( 'hook' => 'charge', 'orderby' => 'action_id', 'per_page' => 1 );
            $objects = as_get_scheduled_actions( $query );
            $arrays  = as_get_scheduled_actions( $query, ARRAY_A );
            return array(
                as_get_scheduled_actions( $query, 'ids' ), array_keys( $objects ), get_class( $objects[3] ),
                $arrays[3]['hook'], $arrays[3]['args'], $arrays[3]['group'], $arrays[3]['priority'], get_class( $arrays[3]['schedule'] ),
            );",
        )
        .await;
    assert_eq!(
        found,
        json!([
            ["3"],
            [3],
            "ActionScheduler_Action",
            "charge",
            {"order": 1, "sum": 2.5},
            "money",
            10,
            "ActionScheduler_SimpleSchedule"
        ])
    );
}

#[tokio::test]
async fn what_cannot_be_asked_is_refused_and_nothing_of_it_reaches_the_database() {
    let shop = shop().await;
    let refused: Vec<String> = shop
        .ask(
            "$refused = array();
            foreach ( array(
                array( 'args' => array( 'a' => 1 ), 'partial_args_matching' => 'fuzzy' ),
                array( 'args' => array( 'a' => array() ), 'partial_args_matching' => 'json' ),
            ) as $query ) {
                try {
                    as_get_scheduled_actions( $query );
                    $refused[] = 'not refused';
                } catch ( InvalidArgumentException $exception ) {
                    $refused[] = $exception->getMessage();
                }
            }
            return $refused;",
        )
        .await;
    assert_eq!(
        refused,
        [
            "partial_args_matching must be off, like or json",
            "with partial_args_matching json, args must be texts, numbers, true or false, not array",
        ]
    );
    let evil = "' OR 1=1 -- %s %d \\\\";
    let found: Vec<u32> = shop
        .ask(&format!(
            "$evil  = \"{evil}\";
            $found = array();
            foreach ( array( 'hook', 'group', 'status', 'search', 'date_compare' ) as $key ) {{
                $found[] = count( as_get_scheduled_actions( array( $key => $evil, 'date' => 0 ) ) );
            }}
            $found[] = count( as_get_scheduled_actions( array( 'args' => array( $evil => $evil ), 'partial_args_matching' => 'json' ) ) );
            $found[] = count( as_get_scheduled_actions( array( 'args' => array( $evil => $evil ), 'partial_args_matching' => 'like' ) ) );
            $found[] = count( as_get_scheduled_actions( array( 'args' => array( $evil ) ) ) );
            return $found;"
        ))
        .await;
    assert_eq!(found, [0; 8]);
}
