<?php
/**
 * Actions that are not there.
 *
 * @package ActionSchedulerBridge
 */

/**
 * What is found in place of an action that is not there, or cannot be read.
 */
class ActionScheduler_NullAction extends ActionScheduler_Action {
	/**
	 * No action, whatever is asked for.
	 *
	 * @param string                        $hook     Not used.
	 * @param array                         $args     Not used.
	 * @param ActionScheduler_Schedule|null $schedule Not used.
	 */
	public function __construct( $hook = '', array $args = array(), ?ActionScheduler_Schedule $schedule = null ) {
		parent::__construct( '' );
	}

	/**
	 * Runs nothing.
	 */
	public function execute() {}
}
