<?php
/**
 * Actions that run again and again.
 *
 * @package ActionSchedulerBridge
 */

/**
 * Stores the next instance when one of a recurring action has come to its end, however that was.
 */
final class Action_Scheduler_Bridge_Chain {
	/**
	 * Stores the next instance, if the action recurs and has not failed again and again.
	 *
	 * @param int                    $action_id The id of the instance that has come to its end.
	 * @param ActionScheduler_Action $action    The same.
	 */
	public function go_on( $action_id, ActionScheduler_Action $action ) {
		if ( ! $action->get_schedule()->is_recurring() ) {
			return;
		}
		try {
			if ( $this->fails_again_and_again( $action ) ) {
				ActionScheduler::logger()->log( $action_id, 'this action has failed again and again: no further instance is scheduled' );
				return;
			}
			ActionScheduler::factory()->repeat( $action );
		} catch ( Exception $exception ) {
			do_action( 'action_scheduler_failed_to_schedule_next_instance', $action_id, $exception, $action );
		}
	}

	/**
	 * Whether the last actions of its hook have all failed.
	 *
	 * @param ActionScheduler_Action $action The action.
	 * @return bool
	 */
	private function fails_again_and_again( ActionScheduler_Action $action ) {
		$most  = max( 1, (int) apply_filters( 'action_scheduler_recurring_action_failure_threshold', 5 ) );
		$query = array(
			'hook'     => $action->get_hook(),
			'status'   => ActionScheduler_Store::STATUS_FAILED,
			'orderby'  => 'modified',
			'order'    => 'DESC',
			'per_page' => $most,
		);
		$store  = ActionScheduler::store();
		$failed = $store->query_actions( $query );
		$is_so  = false;
		if ( count( $failed ) === $most ) {
			$query['status'] = array( ActionScheduler_Store::STATUS_FAILED, ActionScheduler_Store::STATUS_COMPLETE );
			$is_so           = ! array_diff( $store->query_actions( $query ), $failed );
		}
		return (bool) apply_filters( 'action_scheduler_recurring_action_is_consistently_failing', $is_so, $action );
	}
}
