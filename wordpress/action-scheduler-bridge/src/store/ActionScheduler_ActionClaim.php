<?php
/**
 * Claims.
 *
 * @package ActionSchedulerBridge
 */

/**
 * Actions that one runner, and nobody else, may run.
 */
class ActionScheduler_ActionClaim {
	/**
	 * Its id.
	 *
	 * @var int
	 */
	private $id;

	/**
	 * The ids of its actions, in the order in which they run.
	 *
	 * @var int[]
	 */
	private $action_ids;

	/**
	 * A claim.
	 *
	 * @param int   $id         Its id.
	 * @param int[] $action_ids The ids of its actions.
	 */
	public function __construct( $id, array $action_ids ) {
		$this->id         = $id;
		$this->action_ids = $action_ids;
	}

	/**
	 * Its id.
	 *
	 * @return int
	 */
	public function get_id() {
		return $this->id;
	}

	/**
	 * The ids of its actions.
	 *
	 * @return int[]
	 */
	public function get_actions() {
		return $this->action_ids;
	}
}
