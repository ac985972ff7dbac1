<?php
/**
 * The store in the tables.
 *
 * @package ActionSchedulerBridge
 */

/**
 * Stores actions in the tables.
 */
class ActionScheduler_DBStore extends ActionScheduler_Store {
	/**
	 * Claims in the tables.
	 *
	 * @var Action_Scheduler_Bridge_Claims
	 */
	private $claims;

	/**
	 * The store.
	 */
	public function __construct() {
		$this->claims = new Action_Scheduler_Bridge_Claims();
	}

	/**
	 * Gets ready.
	 */
	public function init() {
		Action_Scheduler_Bridge_Tables::register();
	}

	/**
	 * Stores an action.
	 *
	 * @param ActionScheduler_Action $action         The action.
	 * @param DateTime|null          $scheduled_date When it runs, if not as its schedule says.
	 * @return int Its id.
	 * @throws Exception If it could not be stored.
	 */
	public function save_action( ActionScheduler_Action $action, ?DateTime $scheduled_date = null ) {
		$insert = new Action_Scheduler_Bridge_Insert();
		return $this->stored( $insert->always( Action_Scheduler_Bridge_Row::of( $action, $scheduled_date ), (string) $action->get_group() ) );
	}

	/**
	 * Stores an action, unless one of the same hook, args and group is pending or in-progress.
	 *
	 * @param ActionScheduler_Action $action         The action.
	 * @param DateTime|null          $scheduled_date When it runs, if not as its schedule says.
	 * @return int Its id; 0 if it was left out.
	 * @throws Exception If it could not be stored.
	 */
	public function save_unique_action( ActionScheduler_Action $action, ?DateTime $scheduled_date = null ) {
		$insert = new Action_Scheduler_Bridge_Insert();
		return $this->stored( $insert->unless_there( Action_Scheduler_Bridge_Row::of( $action, $scheduled_date ), (string) $action->get_group() ) );
	}

	/**
	 * Tells of a new action.
	 *
	 * @param int $action_id Its id; 0 for none.
	 * @return int The same.
	 */
	private function stored( $action_id ) {
		if ( $action_id ) {
			do_action( 'action_scheduler_stored_action', $action_id );
		}
		return $action_id;
	}

	/**
	 * An action.
	 *
	 * @param int $action_id Its id.
	 * @return ActionScheduler_Action An ActionScheduler_NullAction if it is not there or cannot be read.
	 */
	public function fetch_action( $action_id ) {
		global $wpdb;
		$row = $wpdb->get_row(
			$wpdb->prepare(
				"SELECT a.*, g.slug FROM {$wpdb->prefix}actionscheduler_actions a
				LEFT JOIN {$wpdb->prefix}actionscheduler_groups g ON g.group_id = a.group_id WHERE a.action_id = %d",
				$action_id
			)
		);
		if ( ! $row ) {
			return new ActionScheduler_NullAction();
		}
		try {
			return Action_Scheduler_Bridge_Row::action( $row );
		} catch ( ActionScheduler_InvalidActionException $exception ) {
			do_action( 'action_scheduler_failed_fetch_action', $action_id, $exception );
			return new ActionScheduler_NullAction();
		}
	}

	/**
	 * Looks for actions.
	 *
	 * @param array  $query      As as_get_scheduled_actions() takes it.
	 * @param string $query_type `select` or `count`.
	 * @return array|int Ids, or how many.
	 * @throws InvalidArgumentException If it cannot be asked.
	 */
	public function query_actions( $query = array(), $query_type = 'select' ) {
		global $wpdb;
		$query = new Action_Scheduler_Bridge_Query( wp_parse_args( $query ) );
		return 'count' === $query_type ? (int) $wpdb->get_var( $query->count() ) : $wpdb->get_col( $query->select() );
	}

	/**
	 * How many there are of each status.
	 *
	 * @return int[]
	 */
	public function action_counts() {
		global $wpdb;
		$counts = array();
		foreach ( $wpdb->get_results( "SELECT status, COUNT(*) AS found FROM {$wpdb->prefix}actionscheduler_actions GROUP BY status" ) as $row ) {
			$counts[ $row->status ] = (int) $row->found;
		}
		// In the order in which people read them, and none that nobody knows.
		return array_intersect_key( array_replace( array_intersect_key( $this->get_status_labels(), $counts ), $counts ), $this->get_status_labels() );
	}

	/**
	 * Cancels an action.
	 *
	 * @param int $action_id Its id.
	 * @throws InvalidArgumentException If it could not be canceled.
	 */
	public function cancel_action( $action_id ) {
		if ( false === $this->update( $action_id, array( 'status' => self::STATUS_CANCELED ) ) ) {
			throw new InvalidArgumentException( "action $action_id could not be canceled" );
		}
		do_action( 'action_scheduler_canceled_action', $action_id );
	}

	/**
	 * Cancels these, as far as they are still pending.
	 *
	 * @param int[] $ids Their ids.
	 */
	protected function cancel_some( array $ids ) {
		global $wpdb;
		$list = implode( ', ', array_fill( 0, count( $ids ), '%d' ) );
		$wpdb->query(
			$wpdb->prepare(
				"UPDATE {$wpdb->prefix}actionscheduler_actions SET status = %s WHERE action_id IN ($list) AND status = %s",
				array_merge( array( self::STATUS_CANCELED ), $ids, array( self::STATUS_PENDING ) )
			)
		);
		do_action( 'action_scheduler_bulk_cancel_actions', $ids );
	}

	/**
	 * Deletes an action.
	 *
	 * @param int $action_id Its id.
	 * @throws InvalidArgumentException If it is not there.
	 */
	public function delete_action( $action_id ) {
		global $wpdb;
		if ( ! $wpdb->query( $wpdb->prepare( "DELETE FROM {$wpdb->prefix}actionscheduler_actions WHERE action_id = %d", $action_id ) ) ) {
			throw new InvalidArgumentException( "there is no action $action_id" );
		}
		do_action( 'action_scheduler_deleted_action', $action_id );
	}

	/**
	 * When an action runs, or ran.
	 *
	 * @param int $action_id Its id.
	 * @return DateTime In the time zone of the site.
	 * @throws InvalidArgumentException If it is not there.
	 */
	public function get_date( $action_id ) {
		$row  = $this->columns( $action_id );
		$date = self::STATUS_PENDING === $row->status ? $row->scheduled_date_gmt : $row->last_attempt_gmt;
		return ActionScheduler_TimezoneHelper::set_local_timezone( as_get_datetime_object( $date ) );
	}

	/**
	 * Claims actions that are due.
	 *
	 * @param int           $max_actions How many at most.
	 * @param DateTime|null $before_date What is due; null is the present moment.
	 * @param string[]      $hooks       Only these hooks; none for all.
	 * @param string        $group       Only this group; empty for all.
	 * @return ActionScheduler_ActionClaim
	 */
	public function stake_claim( $max_actions = 10, ?DateTime $before_date = null, $hooks = array(), $group = '' ) {
		return $this->claims->stake( (int) $max_actions, $before_date ? $before_date : as_get_datetime_object(), (array) $hooks, $group );
	}

	/**
	 * How many claims have actions that are not finished.
	 *
	 * @return int
	 */
	public function get_claim_count() {
		return $this->claims->count();
	}

	/**
	 * Gives back what a claim holds and has not run.
	 *
	 * @param ActionScheduler_ActionClaim $claim The claim.
	 */
	public function release_claim( ActionScheduler_ActionClaim $claim ) {
		$this->claims->release( $claim->get_id() );
	}

	/**
	 * Gives back one action.
	 *
	 * @param int $action_id Its id.
	 */
	public function unclaim_action( $action_id ) {
		$this->update( $action_id, array( 'claim_id' => 0 ), self::STATUS_PENDING );
	}

	/**
	 * By which claim an action is held.
	 *
	 * @param int $action_id Its id.
	 * @return int 0 for none.
	 */
	public function get_claim_id( $action_id ) {
		return (int) $this->columns( $action_id )->claim_id;
	}

	/**
	 * What a claim holds and has not run, in the order in which it runs.
	 *
	 * @param int $claim_id The claim.
	 * @return int[]
	 */
	public function find_actions_by_claim_id( $claim_id ) {
		return $this->claims->held( (int) $claim_id );
	}

	/**
	 * An action begins to run, if it is pending and held by the claim.
	 *
	 * @param int      $action_id Its id.
	 * @param int|null $claim_id  The claim; null for whatever holds it.
	 * @return bool Whether it begins.
	 */
	public function log_execution( $action_id, $claim_id = null ) {
		global $wpdb;
		$dates = Action_Scheduler_Bridge_Dates::columns( 'last_attempt' );
		$sql   = "UPDATE {$wpdb->prefix}actionscheduler_actions
			SET status = %s, attempts = attempts + 1, last_attempt_gmt = %s, last_attempt_local = %s
			WHERE action_id = %d AND status = %s";
		$values = array_merge( array( self::STATUS_RUNNING ), array_values( $dates ), array( $action_id, self::STATUS_PENDING ) );
		if ( null !== $claim_id ) {
			$sql     .= ' AND claim_id = %d';
			$values[] = $claim_id;
		}
		return 1 === $wpdb->query( $wpdb->prepare( $sql, $values ) );
	}

	/**
	 * An action is complete, if it is in-progress, or if it was taken for failed because it ran too long.
	 *
	 * @param int $action_id Its id.
	 * @return bool Whether it was in-progress.
	 */
	public function mark_complete( $action_id ) {
		$complete        = array( 'status' => self::STATUS_COMPLETE ) + Action_Scheduler_Bridge_Dates::columns( 'last_attempt' );
		$was_in_progress = 1 === $this->update( $action_id, $complete, self::STATUS_RUNNING );
		if ( $was_in_progress || 1 === $this->update( $action_id, $complete, self::STATUS_FAILED ) ) {
			do_action( 'action_scheduler_completed_action', $action_id );
		}
		return $was_in_progress;
	}

	/**
	 * An action has failed, if it is in-progress.
	 *
	 * @param int $action_id Its id.
	 * @return bool Whether it was in-progress.
	 */
	public function mark_failure( $action_id ) {
		return 1 === $this->update( $action_id, array( 'status' => self::STATUS_FAILED ), self::STATUS_RUNNING );
	}

	/**
	 * The status of an action.
	 *
	 * @param int $action_id Its id.
	 * @return string
	 * @throws InvalidArgumentException If it is not there.
	 */
	public function get_status( $action_id ) {
		return $this->columns( $action_id )->status;
	}

	/**
	 * What an action is in the database, but for what is long.
	 *
	 * @param int $action_id Its id.
	 * @return object
	 * @throws InvalidArgumentException If it is not there.
	 */
	private function columns( $action_id ) {
		global $wpdb;
		$row = $wpdb->get_row(
			$wpdb->prepare(
				"SELECT status, scheduled_date_gmt, last_attempt_gmt, claim_id FROM {$wpdb->prefix}actionscheduler_actions WHERE action_id = %d",
				$action_id
			)
		);
		if ( ! $row ) {
			throw new InvalidArgumentException( "there is no action $action_id" );
		}
		return $row;
	}

	/**
	 * Changes an action.
	 *
	 * @param int         $action_id Its id.
	 * @param array       $columns   What is changed.
	 * @param string|null $status    Only if it has this status.
	 * @return int|false How many rows were changed.
	 */
	private function update( $action_id, array $columns, $status = null ) {
		global $wpdb;
		$where = array( 'action_id' => $action_id );
		return $wpdb->update( "{$wpdb->prefix}actionscheduler_actions", $columns, null === $status ? $where : $where + array( 'status' => $status ) );
	}
}
