<?php
/**
 * What is done once a day.
 *
 * @package ActionSchedulerBridge
 */

/**
 * Once a day asks plugins to make sure that their recurring actions are there.
 */
final class Action_Scheduler_Bridge_Daily {
	const HOOK  = 'action_scheduler_bridge_daily';
	const GROUP = 'ActionScheduler';

	/**
	 * Begins to listen.
	 */
	public function hook() {
		add_action( self::HOOK, array( $this, 'ask' ), 10, 0 );
		add_action( 'action_scheduler_init', array( $this, 'schedule' ), 10, 0 );
	}

	/**
	 * Asks them.
	 */
	public function ask() {
		do_action( 'action_scheduler_ensure_recurring_actions' );
	}

	/**
	 * Makes sure that its own action is there, where that delays no visitor.
	 */
	public function schedule() {
		if ( is_admin() && ! as_has_scheduled_action( self::HOOK, array(), self::GROUP ) ) {
			as_schedule_recurring_action( time(), DAY_IN_SECONDS, self::HOOK, array(), self::GROUP, true );
		}
	}
}
