<?php
/**
 * Schedules that run once.
 *
 * @package ActionSchedulerBridge
 */

/**
 * Runs once, at a date.
 */
class ActionScheduler_SimpleSchedule extends ActionScheduler_Abstract_Schedule {
	/**
	 * There is no second time.
	 *
	 * @param DateTime $after Not used.
	 * @return null
	 */
	protected function calculate_next( DateTime $after ) {
		return null;
	}

	/**
	 * It runs once.
	 *
	 * @return bool
	 */
	public function is_recurring() {
		return false;
	}

	/**
	 * Under which name older versions of the plugin look for the date.
	 *
	 * @return string
	 */
	protected static function older_name_of_date() {
		return 'timestamp';
	}

	/**
	 * What of it is written.
	 *
	 * @return array
	 */
	public function __serialize(): array {
		$written = parent::__serialize();
		return $written + array( "\0" . static::class . "\0" . self::older_name_of_date() => current( $written ) );
	}
}
