<?php
/**
 * Schedules.
 *
 * @package ActionSchedulerBridge
 */

/**
 * When an action runs.
 */
interface ActionScheduler_Schedule {
	/**
	 * When it runs, as version 2 of the plugin asked.
	 *
	 * @param DateTime|null $after If given, the next time after it.
	 * @return DateTime|null
	 */
	public function next( ?DateTime $after = null );

	/**
	 * Whether it runs again and again.
	 *
	 * @return bool
	 */
	public function is_recurring();
}
