<?php
/**
 * Days of the week in cron expressions.
 *
 * @package ActionSchedulerBridge
 */

/**
 * Days of the week: numbers from Sunday, which is 0 or 7, or names; `5L` for the last Friday of the month, `1#2` for the
 * second Monday.
 */
class CronExpression_DayOfWeekField extends CronExpression_AbstractField {
	const PATTERN = '/^([*\/0-9-]|SUN|MON|TUE|WED|THU|FRI|SAT)+(L|#[1-5])?$/';

	const NAMES = array(
		'SUN' => '0',
		'MON' => '1',
		'TUE' => '2',
		'WED' => '3',
		'THU' => '4',
		'FRI' => '5',
		'SAT' => '6',
	);

	/**
	 * Whether an item of the field fits a date.
	 *
	 * @param DateTime $date The date.
	 * @param string   $item The item.
	 * @return bool
	 */
	public function isSatisfiedBy( DateTime $date, $item ) {
		$item    = $this->numbered( $item );
		$day     = (int) $date->format( 'j' );
		$weekday = (int) $date->format( 'w' );
		if ( 'L' === strtoupper( substr( $item, -1 ) ) ) {
			return (int) $item % 7 === $weekday && $day + 7 > (int) $date->format( 't' );
		}
		if ( false !== strpos( $item, '#' ) ) {
			list( $wanted, $nth ) = array_map( 'intval', explode( '#', $item ) );
			return $wanted === $weekday && $nth === intdiv( $day - 1, 7 ) + 1;
		}
		// A range that begins on Sunday begins at 0, and one that ends on Sunday ends at 7.
		$item = preg_replace( array( '/^7-/', '/^([^-]+)-0(?=\/|$)/' ), array( '0-', '$1-7' ), $item );
		// Sunday is called 7 where there is a 7, and 0 elsewhere.
		return $this->isSatisfied( (int) $date->format( false === strpos( $item, '7' ) ? 'w' : 'N' ), $item );
	}

	/**
	 * Whether the field is written as one. Of weekends, the first, second and so on cannot be asked for.
	 *
	 * @param string $text The field.
	 * @return bool
	 */
	public function validate( $text ) {
		foreach ( explode( ',', $text ) as $item ) {
			if ( false !== strpos( $item, '#' ) && ! preg_match( '/^[1-5]#/', $this->numbered( $item ) ) ) {
				return false;
			}
		}
		return parent::validate( $text );
	}
}
