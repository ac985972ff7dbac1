<?php
/**
 * Months in cron expressions.
 *
 * @package ActionSchedulerBridge
 */

/**
 * Months, by their numbers or names.
 */
class CronExpression_MonthField extends CronExpression_AbstractField {
	const PATTERN = '/^([*\/0-9-]|JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC)+$/';

	const NAMES = array(
		'JAN' => '1',
		'FEB' => '2',
		'MAR' => '3',
		'APR' => '4',
		'MAY' => '5',
		'JUN' => '6',
		'JUL' => '7',
		'AUG' => '8',
		'SEP' => '9',
		'OCT' => '10',
		'NOV' => '11',
		'DEC' => '12',
	);

	/**
	 * Whether an item of the field fits a date.
	 *
	 * @param DateTime $date The date.
	 * @param string   $item The item.
	 * @return bool
	 */
	public function isSatisfiedBy( DateTime $date, $item ) {
		return $this->isSatisfied( (int) $date->format( 'n' ), $this->numbered( $item ) );
	}
}
