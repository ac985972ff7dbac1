<?php
/**
 * The time zone of the site.
 *
 * @package ActionSchedulerBridge
 */

/**
 * Puts dates into the time zone of the site.
 */
abstract class ActionScheduler_TimezoneHelper {
	/**
	 * Shows a date in the time zone of the site from now on.
	 *
	 * @param DateTime $date The date.
	 * @return DateTime The same.
	 */
	public static function set_local_timezone( DateTime $date ) {
		$date->setTimezone( wp_timezone() );
		return $date;
	}
}
