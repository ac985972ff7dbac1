// Claims batches of 25, and does for each action the seven statements that the plugin's life of an action takes: looks
// whether it holds it still, reads it, reads its status, starts it, logs that, completes it, logs that.
global $wpdb;
$actions = "{$wpdb->prefix}actionscheduler_actions";
$claims = "{$wpdb->prefix}actionscheduler_claims";
$groups = "{$wpdb->prefix}actionscheduler_groups";
$logs = "{$wpdb->prefix}actionscheduler_logs";
$note = function ( $id, $text ) use ( $wpdb, $logs ) {
    $now = gmdate( 'Y-m-d H:i:s' );
    $entry = array( 'action_id' => $id, 'message' => $text, 'log_date_gmt' => $now, 'log_date_local' => $now );
    $wpdb->insert( $logs, $entry, array( '%d', '%s', '%s', '%s' ) );
};
$begun = microtime( true );
while ( true ) {
    $now = gmdate( 'Y-m-d H:i:s' );
    $wpdb->insert( $claims, array( 'date_created_gmt' => $now ) );
    $claim = $wpdb->insert_id;
    $wpdb->query(
        $wpdb->prepare(
            "UPDATE $actions SET claim_id = %d, last_attempt_gmt = %s, last_attempt_local = %s
            WHERE claim_id = 0 AND scheduled_date_gmt <= %s AND status = 'pending'
            ORDER BY priority, attempts, scheduled_date_gmt, action_id LIMIT 25",
            $claim, $now, $now, $now
        )
    );
    $held = $wpdb->prepare( "SELECT action_id FROM $actions WHERE claim_id = %d ORDER BY action_id", $claim );
    $ids = $wpdb->get_col( $held );
    if ( ! $ids ) {
        break;
    }
    foreach ( $ids as $id ) {
        if ( ! in_array( $id, $wpdb->get_col( $held ), true ) ) {
            break;
        }
        $action = $wpdb->get_row(
            $wpdb->prepare( "SELECT a.*, g.slug FROM $actions a LEFT JOIN $groups g ON a.group_id = g.group_id WHERE a.action_id = %d", $id )
        );
        if ( 'pending' !== $wpdb->get_var( $wpdb->prepare( "SELECT status FROM $actions WHERE action_id = %d", $id ) ) ) {
            continue;
        }
        $now = gmdate( 'Y-m-d H:i:s' );
        $wpdb->query(
            $wpdb->prepare(
                "UPDATE $actions SET attempts = attempts + 1, status = 'in-progress', last_attempt_gmt = %s, last_attempt_local = %s WHERE action_id = %d",
                $now, $now, $id
            )
        );
        $note( $id, 'action started via loop' );
        do_action_ref_array( $action->hook, array_values( json_decode( $action->args, true ) ) );
        $wpdb->update(
            $actions,
            array( 'status' => 'complete', 'last_attempt_gmt' => $now, 'last_attempt_local' => $now ),
            array( 'action_id' => $id )
        );
        $note( $id, 'action complete via loop' );
    }
    $wpdb->update( $actions, array( 'claim_id' => 0 ), array( 'claim_id' => $claim ) );
    $wpdb->delete( $claims, array( 'claim_id' => $claim ) );
}
echo microtime( true ) - $begun;
