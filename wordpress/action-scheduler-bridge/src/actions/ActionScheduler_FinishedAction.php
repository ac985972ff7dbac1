<?php
/**
 * Actions that are not pending any more.
 *
 * @package ActionSchedulerBridge
 */

/**
 * An action that is in-progress, complete or failed: it is not to run again.
 */
class ActionScheduler_FinishedAction extends ActionScheduler_Action {
	/**
	 * Runs nothing.
	 */
	public function execute() {}

	/**
	 * It is not pending any more.
	 *
	 * @return bool
	 */
	public function is_finished() {
		return true;
	}
}
