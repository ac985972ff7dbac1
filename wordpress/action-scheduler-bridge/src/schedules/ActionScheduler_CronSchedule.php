<?php
/**
 * Schedules by cron expressions.
 *
 * @package ActionSchedulerBridge
 */

/**
 * Runs again and again, by a cron expression in UTC.
 */
class ActionScheduler_CronSchedule extends ActionScheduler_Abstract_RecurringSchedule {
	/**
	 * By a cron expression.
	 *
	 * @param DateTime              $start      When it runs at the earliest.
	 * @param CronExpression|string $recurrence The expression.
	 * @param DateTime|null         $first      When it was to begin; null is the present moment.
	 */
	public function __construct( DateTime $start, $recurrence, ?DateTime $first = null ) {
		$cron = $recurrence instanceof CronExpression ? $recurrence : CronExpression::factory( $recurrence );
		$from = clone $start;
		$from->setTime( (int) $from->format( 'H' ), (int) $from->format( 'i' ) );
		parent::__construct( $cron->getNextRunDate( $from, 0, true ), $cron, $first ? $first : $from );
	}

	/**
	 * The expression.
	 *
	 * @return string
	 */
	public function get_recurrence() {
		return (string) $this->recurrence;
	}

	/**
	 * The next date that the expression gives.
	 *
	 * @param DateTime $after From when.
	 * @return DateTime
	 */
	protected function calculate_next( DateTime $after ) {
		return $this->recurrence->getNextRunDate( $after );
	}

	/**
	 * Under which name older versions of the plugin look for the recurrence.
	 *
	 * @return string
	 */
	protected static function older_name_of_recurrence() {
		return 'cron';
	}

	/**
	 * Becomes what was written.
	 *
	 * @param array $written What was written.
	 */
	public function __unserialize( array $written ): void {
		parent::__unserialize( $written );
		if ( ! $this->recurrence instanceof CronExpression ) {
			throw new UnexpectedValueException( 'the schedule has no cron expression' );
		}
	}
}
