<?php
/**
 * The fields of cron expressions.
 *
 * @package ActionSchedulerBridge
 */

/**
 * Gives what each field of a cron expression means. It is written into the database with the fields that were asked for.
 */
class CronExpression_FieldFactory {
	/**
	 * The fields that were asked for, by their positions.
	 *
	 * @var CronExpression_AbstractField[]
	 */
	private $fields = array();

	/**
	 * What a field means.
	 *
	 * @param int $position Which one.
	 * @return CronExpression_AbstractField
	 */
	public function getField( $position ) {
		static $classes = array(
			CronExpression::MINUTE  => 'CronExpression_MinutesField',
			CronExpression::HOUR    => 'CronExpression_HoursField',
			CronExpression::DAY     => 'CronExpression_DayOfMonthField',
			CronExpression::MONTH   => 'CronExpression_MonthField',
			CronExpression::WEEKDAY => 'CronExpression_DayOfWeekField',
			CronExpression::YEAR    => 'CronExpression_YearField',
		);
		if ( ! isset( $this->fields[ $position ] ) ) {
			$this->fields[ $position ] = new $classes[ $position ]();
		}
		return $this->fields[ $position ];
	}

	/**
	 * What was read from a database may be of other classes.
	 */
	public function __wakeup() {
		$this->fields = array();
	}
}
