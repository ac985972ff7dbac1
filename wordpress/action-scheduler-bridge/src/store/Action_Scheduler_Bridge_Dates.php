<?php
/**
 * Dates in the tables.
 *
 * @package ActionSchedulerBridge
 */

/**
 * Dates as the tables have them: twice, in UTC and in the time zone of the site.
 */
final class Action_Scheduler_Bridge_Dates {
	const FORMAT = 'Y-m-d H:i:s';

	/**
	 * A pair of columns.
	 *
	 * @param string                 $name What the columns are called, without `_gmt` and `_local`.
	 * @param DateTimeInterface|null $date The date; null is the present moment.
	 * @return string[] Their values, by their names.
	 */
	public static function columns( $name, ?DateTimeInterface $date = null ) {
		$local = as_get_datetime_object( $date );
		ActionScheduler_TimezoneHelper::set_local_timezone( $local );
		return array(
			"{$name}_gmt"   => self::gmt( $local ),
			"{$name}_local" => $local->format( self::FORMAT ),
		);
	}

	/**
	 * A date in UTC.
	 *
	 * @param DateTimeInterface $date The date.
	 * @return string
	 */
	public static function gmt( DateTimeInterface $date ) {
		return gmdate( self::FORMAT, $date->getTimestamp() );
	}
}
