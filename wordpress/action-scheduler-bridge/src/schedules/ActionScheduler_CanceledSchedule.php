<?php
/**
 * Schedules of actions that were canceled.
 *
 * @package ActionSchedulerBridge
 */

/**
 * Would have run at a date.
 */
class ActionScheduler_CanceledSchedule extends ActionScheduler_SimpleSchedule {
	/**
	 * It does not run.
	 *
	 * @param DateTime $after Not used.
	 * @return null
	 */
	public function get_next( DateTime $after ) {
		return null;
	}

	/**
	 * Becomes what was written, which may be without a date.
	 *
	 * @param array $written What was written.
	 */
	public function __unserialize( array $written ): void {
		parent::__construct( self::date_in( $written, array( 'scheduled_timestamp', self::older_name_of_date() ) ) );
	}
}
