<?php
/**
 * Cleaning.
 *
 * @package ActionSchedulerBridge
 */

/**
 * Deletes old actions, and deals with those whose runner is gone.
 */
class ActionScheduler_QueueCleaner {
	/**
	 * How long actions are kept: 31 days.
	 */
	const RETENTION = 2678400;

	/**
	 * The store.
	 *
	 * @var ActionScheduler_Store
	 */
	private $store;

	/**
	 * How many are dealt with at a time, of each status.
	 *
	 * @var int
	 */
	private $batch_size;

	/**
	 * A cleaner.
	 *
	 * @param ActionScheduler_Store|null $store      The store.
	 * @param int                        $batch_size How many are dealt with at a time, of each status.
	 */
	public function __construct( ?ActionScheduler_Store $store = null, $batch_size = 20 ) {
		$this->store      = $store ? $store : ActionScheduler_Store::instance();
		$this->batch_size = $batch_size;
	}

	/**
	 * Does all of it.
	 *
	 * @param int $time_limit After how many seconds an action is taken for stuck.
	 */
	public function clean( $time_limit = 300 ) {
		$this->delete_old_actions();
		$this->reset_timeouts( $time_limit );
		$this->mark_failures( $time_limit );
	}

	/**
	 * Deletes actions that were finished long ago.
	 */
	public function delete_old_actions() {
		$retention = (int) apply_filters( 'action_scheduler_retention_period', self::RETENTION );
		$statuses  = (array) apply_filters(
			'action_scheduler_default_cleaner_statuses',
			array( ActionScheduler_Store::STATUS_COMPLETE, ActionScheduler_Store::STATUS_CANCELED )
		);
		foreach ( $statuses as $status ) {
			// What was canceled has perhaps never been attempted: it is as old as the date for which it was scheduled.
			$query = array(
				'status' => $status,
				'date'   => as_get_datetime_object( time() - $retention ),
			);
			foreach ( $this->older_than( $retention, $query ) as $action_id ) {
				$this->delete( $action_id );
			}
		}
	}

	/**
	 * Gives back actions that were claimed long ago and never started.
	 *
	 * @param int $time_limit What is long, in seconds.
	 */
	public function reset_timeouts( $time_limit = 300 ) {
		$timeout = (int) apply_filters( 'action_scheduler_timeout_period', $time_limit );
		$query   = array(
			'status'  => ActionScheduler_Store::STATUS_PENDING,
			'claimed' => true,
		);
		foreach ( $timeout < 0 ? array() : $this->older_than( $timeout, $query ) as $action_id ) {
			$this->store->unclaim_action( $action_id );
			do_action( 'action_scheduler_reset_action', $action_id );
		}
	}

	/**
	 * Takes actions for failed that were started long ago. If they recur, they go on.
	 *
	 * @param int $time_limit What is long, in seconds.
	 */
	public function mark_failures( $time_limit = 300 ) {
		$timeout = (int) apply_filters( 'action_scheduler_failure_period', $time_limit );
		$chain   = new Action_Scheduler_Bridge_Chain();
		foreach ( $timeout < 0 ? array() : $this->older_than( $timeout, array( 'status' => ActionScheduler_Store::STATUS_RUNNING ) ) as $action_id ) {
			$action = $this->store->fetch_action( $action_id );
			// It may have come to its end just now; then its runner has seen to the next instance.
			if ( false === $this->store->mark_failure( $action_id ) ) {
				continue;
			}
			do_action( 'action_scheduler_failed_action', $action_id, $timeout );
			$chain->go_on( $action_id, $action );
		}
	}

	/**
	 * What was changed last so long ago.
	 *
	 * @param int   $seconds How long ago.
	 * @param array $query   What else is asked for.
	 * @return int[]
	 */
	private function older_than( $seconds, array $query ) {
		$query += array(
			'modified' => as_get_datetime_object( time() - $seconds ),
			'per_page' => max( 1, absint( apply_filters( 'action_scheduler_cleanup_batch_size', $this->batch_size ) ) ),
			'orderby'  => 'none',
		);
		return $this->store->query_actions( $query );
	}

	/**
	 * Deletes an action, if it is still there.
	 *
	 * @param int $action_id Its id.
	 */
	private function delete( $action_id ) {
		try {
			$this->store->delete_action( $action_id );
		} catch ( Exception $exception ) {
			do_action( 'action_scheduler_failed_old_action_deletion', $action_id, $exception, 0, 0 );
		}
	}
}
