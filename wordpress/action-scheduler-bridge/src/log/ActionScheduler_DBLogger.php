<?php
/**
 * Logs in their table.
 *
 * @package ActionSchedulerBridge
 */

/**
 * Writes logs into their table.
 */
class ActionScheduler_DBLogger extends ActionScheduler_Logger {
	/**
	 * Begins to listen.
	 */
	public function init() {
		parent::init();
		add_action( 'action_scheduler_deleted_action', array( $this, 'clear_deleted_action_logs' ), 10, 1 );
	}

	/**
	 * Writes an entry.
	 *
	 * @param int           $action_id The action.
	 * @param string        $message   What happened.
	 * @param DateTime|null $date      When; null is the present moment.
	 * @return int The id of the entry.
	 */
	public function log( $action_id, $message, ?DateTime $date = null ) {
		$this->write( array( $action_id ), $message, $date );
		return (int) $GLOBALS['wpdb']->insert_id;
	}

	/**
	 * These were canceled.
	 *
	 * @param int[] $action_ids The actions.
	 */
	public function bulk_log_cancel_actions( $action_ids ) {
		$this->write( (array) $action_ids, 'action canceled', null );
	}

	/**
	 * An entry.
	 *
	 * @param int $entry_id Its id.
	 * @return ActionScheduler_LogEntry
	 */
	public function get_entry( $entry_id ) {
		global $wpdb;
		$row = $wpdb->get_row( $wpdb->prepare( "SELECT * FROM {$wpdb->prefix}actionscheduler_logs WHERE log_id = %d", $entry_id ) );
		return $row ? self::entry( $row ) : new ActionScheduler_NullLogEntry();
	}

	/**
	 * The log of an action.
	 *
	 * @param int $action_id The action.
	 * @return ActionScheduler_LogEntry[]
	 */
	public function get_logs( $action_id ) {
		global $wpdb;
		$rows = $wpdb->get_results( $wpdb->prepare( "SELECT * FROM {$wpdb->prefix}actionscheduler_logs WHERE action_id = %d ORDER BY log_id", $action_id ) );
		return array_map( array( __CLASS__, 'entry' ), $rows );
	}

	/**
	 * Deletes the log of an action.
	 *
	 * @param int $action_id The action.
	 */
	public function clear_deleted_action_logs( $action_id ) {
		global $wpdb;
		$wpdb->query( $wpdb->prepare( "DELETE FROM {$wpdb->prefix}actionscheduler_logs WHERE action_id = %d", $action_id ) );
	}

	/**
	 * Writes the same for many.
	 *
	 * @param int[]         $action_ids The actions.
	 * @param string        $message    What happened.
	 * @param DateTime|null $date       When; null is the present moment.
	 */
	private function write( array $action_ids, $message, ?DateTime $date ) {
		global $wpdb;
		if ( ! $action_ids ) {
			return;
		}
		$dates  = array_values( Action_Scheduler_Bridge_Dates::columns( 'log_date', $date ) );
		$values = array();
		foreach ( $action_ids as $action_id ) {
			array_push( $values, $action_id, $message, ...$dates );
		}
		$rows = implode( ', ', array_fill( 0, count( $action_ids ), '(%d, %s, %s, %s)' ) );
		$wpdb->query( $wpdb->prepare( "INSERT INTO {$wpdb->prefix}actionscheduler_logs (action_id, message, log_date_gmt, log_date_local) VALUES $rows", $values ) );
	}

	/**
	 * What a row says.
	 *
	 * @param object $row The row.
	 * @return ActionScheduler_LogEntry
	 */
	private static function entry( $row ) {
		return new ActionScheduler_LogEntry( (int) $row->action_id, $row->message, as_get_datetime_object( $row->log_date_gmt ) );
	}
}
