<?php
/**
 * Log entries that are not there.
 *
 * @package ActionSchedulerBridge
 */

/**
 * What is found in place of an entry that is not there.
 */
class ActionScheduler_NullLogEntry extends ActionScheduler_LogEntry {
	/**
	 * No entry.
	 *
	 * @param int    $action_id Not used.
	 * @param string $message   Not used.
	 */
	public function __construct( $action_id = 0, $message = '' ) {
		parent::__construct( 0, '' );
	}
}
