<?php
/**
 * Minutes in cron expressions.
 *
 * @package ActionSchedulerBridge
 */

/**
 * Minutes.
 */
class CronExpression_MinutesField extends CronExpression_AbstractField {
	/**
	 * Whether an item of the field fits a date.
	 *
	 * @param DateTime $date The date.
	 * @param string   $item The item.
	 * @return bool
	 */
	public function isSatisfiedBy( DateTime $date, $item ) {
		return $this->isSatisfied( (int) $date->format( 'i' ), $item );
	}
}
