<?php
/**
 * Rows that are no actions.
 *
 * @package ActionSchedulerBridge
 */

/**
 * A row cannot be read as an action.
 */
class ActionScheduler_InvalidActionException extends InvalidArgumentException implements ActionScheduler_Exception {
	/**
	 * Its schedule cannot be read.
	 *
	 * @param int   $action_id Its id.
	 * @param mixed $schedule  What was found.
	 * @return static
	 */
	public static function from_schedule( $action_id, $schedule ) {
		return new static( sprintf( 'the schedule of action %d cannot be read: %s', $action_id, self::shown( $schedule ) ) );
	}

	/**
	 * Its args cannot be read.
	 *
	 * @param int   $action_id Its id.
	 * @param mixed $args      What was found.
	 * @return static
	 */
	public static function from_decoding_args( $action_id, $args = array() ) {
		return new static( sprintf( 'the args of action %d are no JSON of a list or an object: %s', $action_id, self::shown( $args ) ) );
	}

	/**
	 * The beginning of what was found.
	 *
	 * @param mixed $found What was found.
	 * @return string
	 */
	private static function shown( $found ) {
		$text = is_string( $found ) ? $found : var_export( $found, true );
		return strlen( $text ) > 200 ? substr( $text, 0, 200 ) . '…' : $text;
	}
}
