<?php
/**
 * Schedules with a time in between.
 *
 * @package ActionSchedulerBridge
 */

/**
 * Runs again and again, with a time in between.
 */
class ActionScheduler_IntervalSchedule extends ActionScheduler_Abstract_RecurringSchedule {
	/**
	 * So many seconds later.
	 *
	 * @param DateTime $after From when.
	 * @return DateTime
	 */
	protected function calculate_next( DateTime $after ) {
		return $after->setTimestamp( $after->getTimestamp() + (int) $this->recurrence );
	}

	/**
	 * The time in between.
	 *
	 * @return int In seconds.
	 */
	public function interval_in_seconds() {
		return (int) $this->recurrence;
	}

	/**
	 * Under which name older versions of the plugin look for the recurrence.
	 *
	 * @return string
	 */
	protected static function older_name_of_recurrence() {
		return 'interval_in_seconds';
	}

	/**
	 * Becomes what was written.
	 *
	 * @param array $written What was written.
	 */
	public function __unserialize( array $written ): void {
		parent::__unserialize( $written );
		if ( ! is_numeric( $this->recurrence ) ) {
			throw new UnexpectedValueException( 'the schedule has no interval' );
		}
	}
}
