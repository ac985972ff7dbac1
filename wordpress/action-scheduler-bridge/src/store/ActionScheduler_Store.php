<?php
/**
 * Stores.
 *
 * @package ActionSchedulerBridge
 */

/**
 * Where actions are stored.
 */
abstract class ActionScheduler_Store {
	const STATUS_COMPLETE = 'complete';
	const STATUS_PENDING  = 'pending';
	const STATUS_RUNNING  = 'in-progress';
	const STATUS_FAILED   = 'failed';
	const STATUS_CANCELED = 'canceled';

	/**
	 * How many actions are canceled at a time.
	 */
	const CANCELED_AT_ONCE = 1000;

	/**
	 * The only one.
	 *
	 * @var ActionScheduler_Store|null
	 */
	private static $store;

	/**
	 * The only one.
	 *
	 * @return ActionScheduler_Store
	 */
	public static function instance() {
		if ( null === self::$store ) {
			$class       = apply_filters( 'action_scheduler_store_class', 'ActionScheduler_DBStore' );
			self::$store = new $class();
		}
		return self::$store;
	}

	/**
	 * Gets ready.
	 */
	public function init() {}

	/**
	 * Stores an action.
	 *
	 * @param ActionScheduler_Action $action         The action.
	 * @param DateTime|null          $scheduled_date When it runs, if not as its schedule says.
	 * @return int Its id.
	 */
	abstract public function save_action( ActionScheduler_Action $action, ?DateTime $scheduled_date = null );

	/**
	 * Stores an action, unless the same one is pending or in-progress.
	 *
	 * @param ActionScheduler_Action $action         The action.
	 * @param DateTime|null          $scheduled_date When it runs, if not as its schedule says.
	 * @return int Its id; 0 if it was left out.
	 */
	public function save_unique_action( ActionScheduler_Action $action, ?DateTime $scheduled_date = null ) {
		$same = $this->query_action(
			array(
				'hook'   => $action->get_hook(),
				'args'   => $action->get_args(),
				'group'  => $action->get_group(),
				'status' => array( self::STATUS_PENDING, self::STATUS_RUNNING ),
			)
		);
		return $same ? 0 : $this->save_action( $action, $scheduled_date );
	}

	/**
	 * An action.
	 *
	 * @param int $action_id Its id.
	 * @return ActionScheduler_Action An ActionScheduler_NullAction if it is not there or cannot be read.
	 */
	abstract public function fetch_action( $action_id );

	/**
	 * Looks for actions.
	 *
	 * @param array  $query      As as_get_scheduled_actions() takes it.
	 * @param string $query_type `select` or `count`.
	 * @return array|int Ids, or how many.
	 */
	abstract public function query_actions( $query = array(), $query_type = 'select' );

	/**
	 * The first action that is found.
	 *
	 * @param array $query As as_get_scheduled_actions() takes it.
	 * @return int|null Its id.
	 */
	public function query_action( $query ) {
		$query['per_page'] = 1;
		$query['offset']   = 0;
		$ids               = $this->query_actions( $query );
		return $ids ? (int) $ids[0] : null;
	}

	/**
	 * The next pending action of a hook, or the last one of another status.
	 *
	 * @param string $hook   The hook.
	 * @param array  $params `args`, `status`, `group`.
	 * @return int|null Its id.
	 */
	public function find_action( $hook, $params = array() ) {
		$query           = array_intersect_key( $params, array_flip( array( 'args', 'status', 'group' ) ) ) + array( 'status' => self::STATUS_PENDING );
		$query['hook']   = $hook;
		$query['order']  = self::STATUS_PENDING === $query['status'] ? 'ASC' : 'DESC';
		return $this->query_action( $query );
	}

	/**
	 * How many there are of each status.
	 *
	 * @return int[]
	 */
	abstract public function action_counts();

	/**
	 * How many there are in views that are no statuses.
	 *
	 * @return int[]
	 */
	public function extra_action_counts() {
		$past_due = (int) $this->query_actions(
			array(
				'status' => self::STATUS_PENDING,
				'date'   => as_get_datetime_object(),
			),
			'count'
		);
		return apply_filters( 'action_scheduler_extra_action_counts', $past_due ? array( 'past-due' => $past_due ) : array() );
	}

	/**
	 * Whether anything is due.
	 *
	 * @return bool
	 */
	public function has_pending_actions_due() {
		$query = array(
			'status'  => self::STATUS_PENDING,
			'date'    => as_get_datetime_object(),
			'orderby' => 'none',
		);
		return null !== $this->query_action( $query );
	}

	/**
	 * Cancels an action.
	 *
	 * @param int $action_id Its id.
	 */
	abstract public function cancel_action( $action_id );

	/**
	 * Cancels all pending actions of a hook.
	 *
	 * @param string $hook The hook.
	 */
	public function cancel_actions_by_hook( $hook ) {
		$this->cancel_all( array( 'hook' => $hook ) );
	}

	/**
	 * Cancels all pending actions of a group.
	 *
	 * @param string $group The group.
	 */
	public function cancel_actions_by_group( $group ) {
		$this->cancel_all( array( 'group' => $group ) );
	}

	/**
	 * Cancels all pending actions that a query asks for.
	 *
	 * @param array $query As as_get_scheduled_actions() takes it.
	 */
	private function cancel_all( array $query ) {
		$query += array(
			'status'   => self::STATUS_PENDING,
			'per_page' => self::CANCELED_AT_ONCE,
			'orderby'  => 'none',
		);
		do {
			$ids = $this->query_actions( $query );
			if ( ! $ids ) {
				return;
			}
			$this->cancel_some( $ids );
		} while ( count( $ids ) === self::CANCELED_AT_ONCE );
	}

	/**
	 * Cancels these.
	 *
	 * @param int[] $ids Their ids.
	 */
	protected function cancel_some( array $ids ) {
		foreach ( $ids as $id ) {
			$this->cancel_action( $id );
		}
	}

	/**
	 * Deletes an action.
	 *
	 * @param int $action_id Its id.
	 */
	abstract public function delete_action( $action_id );

	/**
	 * When an action runs, or ran.
	 *
	 * @param int $action_id Its id.
	 * @return DateTime In the time zone of the site.
	 */
	abstract public function get_date( $action_id );

	/**
	 * Claims actions that are due.
	 *
	 * @param int           $max_actions How many at most.
	 * @param DateTime|null $before_date What is due; null is the present moment.
	 * @param string[]      $hooks       Only these hooks; none for all.
	 * @param string        $group       Only this group; empty for all.
	 * @return ActionScheduler_ActionClaim
	 */
	abstract public function stake_claim( $max_actions = 10, ?DateTime $before_date = null, $hooks = array(), $group = '' );

	/**
	 * How many claims have actions that are not finished.
	 *
	 * @return int
	 */
	abstract public function get_claim_count();

	/**
	 * Gives back what a claim holds.
	 *
	 * @param ActionScheduler_ActionClaim $claim The claim.
	 */
	abstract public function release_claim( ActionScheduler_ActionClaim $claim );

	/**
	 * Gives back one action.
	 *
	 * @param int $action_id Its id.
	 */
	abstract public function unclaim_action( $action_id );

	/**
	 * By which claim an action is held.
	 *
	 * @param int $action_id Its id.
	 * @return int 0 for none.
	 */
	abstract public function get_claim_id( $action_id );

	/**
	 * What a claim holds, in the order in which it runs.
	 *
	 * @param int $claim_id The claim.
	 * @return int[]
	 */
	abstract public function find_actions_by_claim_id( $claim_id );

	/**
	 * An action begins to run.
	 *
	 * @param int $action_id Its id.
	 */
	abstract public function log_execution( $action_id );

	/**
	 * An action is complete.
	 *
	 * @param int $action_id Its id.
	 */
	abstract public function mark_complete( $action_id );

	/**
	 * An action has failed.
	 *
	 * @param int $action_id Its id.
	 */
	abstract public function mark_failure( $action_id );

	/**
	 * The status of an action.
	 *
	 * @param int $action_id Its id.
	 * @return string
	 */
	abstract public function get_status( $action_id );

	/**
	 * What statuses are called.
	 *
	 * @return string[]
	 */
	public function get_status_labels() {
		return array(
			self::STATUS_COMPLETE => 'Complete',
			self::STATUS_PENDING  => 'Pending',
			self::STATUS_RUNNING  => 'In-progress',
			self::STATUS_FAILED   => 'Failed',
			self::STATUS_CANCELED => 'Canceled',
		);
	}
}
