<?php
/**
 * What all fields of cron expressions have.
 *
 * @package ActionSchedulerBridge
 */

/**
 * A field of a cron expression. It is asked of each value whether it fits: so what is out of range fits nothing, and a
 * range that runs backwards is empty.
 */
abstract class CronExpression_AbstractField {
	/**
	 * What an item of the field may be written with.
	 */
	const PATTERN = '/^[*\/0-9-]+$/';

	/**
	 * Names that stand for numbers.
	 */
	const NAMES = array();

	/**
	 * Whether an item of the field fits a date.
	 *
	 * @param DateTime $date The date.
	 * @param string   $item The item.
	 * @return bool
	 */
	abstract public function isSatisfiedBy( DateTime $date, $item );

	/**
	 * Whether the field is written as one.
	 *
	 * @param string $text The field.
	 * @return bool
	 */
	public function validate( $text ) {
		$items = array_filter( explode( ',', $text ), 'strlen' );
		foreach ( $items as $item ) {
			if ( ! preg_match( static::PATTERN, strtoupper( $item ) ) || preg_match( '/\/0*$/', $item ) ) {
				return false;
			}
		}
		return (bool) $items;
	}

	/**
	 * Whether an item such as `5`, `1-5`, `*`, `10-30/5` fits a value. Steps of `*` count from zero.
	 *
	 * @param int    $value The value.
	 * @param string $item  The item.
	 * @return bool
	 */
	public function isSatisfied( $value, $item ) {
		list( $base, $step ) = explode( '/', $item, 2 ) + array( '', null );
		if ( '*' === $base ) {
			$from = 0;
			$to   = $value;
		} else {
			$ends = explode( '-', $base, 2 );
			if ( array_filter( $ends, 'is_numeric' ) !== $ends ) {
				return false;
			}
			$from = (int) $ends[0];
			// A step without an end goes on to the last value.
			$to = isset( $ends[1] ) ? (int) $ends[1] : ( null === $step ? $from : $value );
		}
		return $value >= $from && $value <= $to && 0 === ( $value - $from ) % max( 1, (int) ( null === $step ? 1 : $step ) );
	}

	/**
	 * An item with numbers in place of names.
	 *
	 * @param string $item The item.
	 * @return string
	 */
	protected function numbered( $item ) {
		return str_ireplace( array_keys( static::NAMES ), array_values( static::NAMES ), $item );
	}
}
