<?php
/**
 * Rows of the table of actions.
 *
 * @package ActionSchedulerBridge
 */

/**
 * What an action is in the database.
 */
final class Action_Scheduler_Bridge_Row {
	/**
	 * How many bytes of args the indexed column takes; of what is longer it has the md5.
	 */
	const LONGEST_INDEXED_ARGS = 191;

	/**
	 * How many bytes of args there is room for.
	 */
	const LONGEST_ARGS = 8000;

	/**
	 * The columns of a new action, but for its group.
	 *
	 * @param ActionScheduler_Action $action The action.
	 * @param DateTimeInterface|null $date   When it runs, if not as its schedule says.
	 * @return array Values by the names of their columns.
	 * @throws InvalidArgumentException If there is no room for it.
	 */
	public static function of( ActionScheduler_Action $action, ?DateTimeInterface $date = null ) {
		$json = self::json( $action->get_args() );
		if ( strlen( $json ) > self::LONGEST_ARGS ) {
			throw new InvalidArgumentException( sprintf( 'its args are %d bytes of JSON, and there is room for %d', strlen( $json ), self::LONGEST_ARGS ) );
		}
		$date = $date ? $date : $action->get_schedule()->get_date();
		if ( $date && ( $date->format( 'Y' ) < 1000 || $date->format( 'Y' ) > 9999 ) ) {
			throw new InvalidArgumentException( 'its date is not within the years 1000 to 9999' );
		}
		$row = array(
			'hook'     => $action->get_hook(),
			'status'   => $action->is_finished() ? ActionScheduler_Store::STATUS_COMPLETE : ActionScheduler_Store::STATUS_PENDING,
			'args'     => self::indexed( $json ),
			'schedule' => serialize( $action->get_schedule() ),
			'priority' => $action->get_priority(),
		) + Action_Scheduler_Bridge_Dates::columns( 'scheduled_date', $date );
		return self::indexed( $json ) === $json ? $row : $row + array( 'extended_args' => $json );
	}

	/**
	 * What the indexed column has of args: the same args are the same text.
	 *
	 * @param array $args The args.
	 * @return string
	 */
	public static function args_to_look_for( array $args ) {
		return self::indexed( self::json( $args ) );
	}

	/**
	 * The action that a row is.
	 *
	 * @param object $row The row, with its group's slug as `slug`.
	 * @return ActionScheduler_Action
	 * @throws ActionScheduler_InvalidActionException If it cannot be read.
	 */
	public static function action( $row ) {
		$text = empty( $row->extended_args ) ? (string) $row->args : $row->extended_args;
		$args = json_decode( $text, true );
		if ( ! is_array( $args ) ) {
			throw ActionScheduler_InvalidActionException::from_decoding_args( $row->action_id, $text );
		}
		return ActionScheduler::factory()->get_stored_action( $row->status, $row->hook, $args, self::schedule( $row ), (string) $row->slug, (int) $row->priority );
	}

	/**
	 * The schedule of a row. No objects are built of it but schedules.
	 *
	 * @param object $row The row.
	 * @return ActionScheduler_Schedule
	 * @throws ActionScheduler_InvalidActionException If it cannot be read.
	 */
	private static function schedule( $row ) {
		$allowed = array(
			'ActionScheduler_NullSchedule',
			'ActionScheduler_SimpleSchedule',
			'ActionScheduler_IntervalSchedule',
			'ActionScheduler_CronSchedule',
			'ActionScheduler_CanceledSchedule',
			'CronExpression',
			'CronExpression_FieldFactory',
		);
		/**
		 * Which classes may be built of what the database has for a schedule; for plugins with schedules of their own.
		 */
		$allowed = (array) apply_filters( 'action_scheduler_bridge_schedule_classes', $allowed );
		try {
			$schedule = @unserialize( (string) $row->schedule, array( 'allowed_classes' => $allowed ) );
		} catch ( Throwable $thrown ) {
			$schedule = null;
		}
		if ( ! $schedule instanceof ActionScheduler_Schedule ) {
			throw ActionScheduler_InvalidActionException::from_schedule( $row->action_id, $row->schedule );
		}
		return $schedule;
	}

	/**
	 * Args as JSON, to the byte as the plugin writes it.
	 *
	 * @param array $args The args.
	 * @return string
	 * @throws InvalidArgumentException If they cannot be written as JSON.
	 */
	private static function json( array $args ) {
		$json = wp_json_encode( $args );
		if ( false === $json ) {
			throw new InvalidArgumentException( 'its args cannot be written as JSON: ' . json_last_error_msg() );
		}
		return $json;
	}

	/**
	 * What the indexed column has of this JSON.
	 *
	 * @param string $json The JSON.
	 * @return string
	 */
	private static function indexed( $json ) {
		return strlen( $json ) <= self::LONGEST_INDEXED_ARGS ? $json : md5( $json );
	}
}
