<?php
/**
 * Days of the month in cron expressions.
 *
 * @package ActionSchedulerBridge
 */

/**
 * Days of the month: numbers, `L` for the last one, `15W` for the working day nearest to the 15th, `?` for any.
 */
class CronExpression_DayOfMonthField extends CronExpression_AbstractField {
	const PATTERN = '/^([*\/0-9-]+|\?|L|[0-9]+W)$/';

	/**
	 * Whether an item of the field fits a date.
	 *
	 * @param DateTime $date The date.
	 * @param string   $item The item.
	 * @return bool
	 */
	public function isSatisfiedBy( DateTime $date, $item ) {
		$day = (int) $date->format( 'j' );
		if ( '?' === $item ) {
			return true;
		}
		if ( 'L' === strtoupper( $item ) ) {
			return (int) $date->format( 't' ) === $day;
		}
		if ( 'W' === strtoupper( substr( $item, -1 ) ) ) {
			return self::nearest_working_day( $date, (int) $item ) === $day;
		}
		return $this->isSatisfied( $day, $item );
	}

	/**
	 * The working day of a month that is nearest to a day of it. A day past its end is one of the next month, and so it is
	 * a working day of that which may be meant.
	 *
	 * @param DateTime $date A date of the month.
	 * @param int      $day  The day.
	 * @return int|null
	 */
	private static function nearest_working_day( DateTime $date, $day ) {
		$month  = $date->format( 'm' );
		$target = clone $date;
		$target->setDate( (int) $date->format( 'Y' ), (int) $month, $day );
		if ( self::is_working_day( $target ) ) {
			return (int) $target->format( 'j' );
		}
		foreach ( array( -1, 1, -2, 2 ) as $step ) {
			$near = clone $target;
			$near->modify( "$step days" );
			if ( self::is_working_day( $near ) && $near->format( 'm' ) === $month ) {
				return (int) $near->format( 'j' );
			}
		}
		return null;
	}

	/**
	 * Whether it is Monday to Friday.
	 *
	 * @param DateTime $date The date.
	 * @return bool
	 */
	private static function is_working_day( DateTime $date ) {
		return $date->format( 'N' ) < 6;
	}
}
