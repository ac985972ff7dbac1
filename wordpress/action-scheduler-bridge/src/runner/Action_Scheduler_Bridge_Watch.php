<?php
/**
 * Watches over PHP.
 *
 * @package ActionSchedulerBridge
 */

/**
 * Sees to it that an action that ends PHP is not lost: it fails, and what else was claimed is given back.
 */
final class Action_Scheduler_Bridge_Watch {
	/**
	 * Freed when PHP is out of memory, so that there is room to say so.
	 */
	const RESERVE = 262144;

	const FATAL = array( E_ERROR, E_PARSE, E_CORE_ERROR, E_COMPILE_ERROR, E_USER_ERROR, E_RECOVERABLE_ERROR );

	/**
	 * The store.
	 *
	 * @var ActionScheduler_Store
	 */
	private $store;

	/**
	 * What the runner has claimed.
	 *
	 * @var ActionScheduler_ActionClaim|null
	 */
	private $claim;

	/**
	 * The id of the action that runs, 0 for none.
	 *
	 * @var int
	 */
	private $action_id = 0;

	/**
	 * The action that runs.
	 *
	 * @var ActionScheduler_Action|null
	 */
	private $action;

	/**
	 * What is freed.
	 *
	 * @var string|null
	 */
	private $reserve;

	/**
	 * A watch.
	 *
	 * @param ActionScheduler_Store $store The store.
	 */
	public function __construct( ActionScheduler_Store $store ) {
		$this->store = $store;
	}

	/**
	 * Actions were claimed.
	 *
	 * @param ActionScheduler_ActionClaim|null $claim What was claimed; null when it was given back.
	 */
	public function claimed( ?ActionScheduler_ActionClaim $claim ) {
		$this->claim = $claim;
		$this->begin();
	}

	/**
	 * An action was started.
	 *
	 * @param int                    $action_id Its id.
	 * @param ActionScheduler_Action $action    The action.
	 */
	public function started( $action_id, ActionScheduler_Action $action ) {
		$this->action_id = $action_id;
		$this->action    = $action;
		$this->begin();
	}

	/**
	 * It has come to its end.
	 */
	public function ended() {
		$this->action_id = 0;
		$this->action    = null;
	}

	/**
	 * PHP ends while actions are being run.
	 */
	public function shut_down() {
		$this->reserve = '';
		if ( $this->action_id ) {
			$error = error_get_last();
			$fatal = $error && in_array( $error['type'], self::FATAL, true ) ? $error : null;
			if ( false !== $this->store->mark_failure( $this->action_id ) ) {
				do_action( 'action_scheduler_unexpected_shutdown', $this->action_id, $fatal );
				( new Action_Scheduler_Bridge_Chain() )->go_on( $this->action_id, $this->action );
			}
		}
		if ( $this->claim ) {
			$this->store->release_claim( $this->claim );
		}
	}

	/**
	 * Begins to watch.
	 */
	private function begin() {
		if ( null === $this->reserve ) {
			$this->reserve = str_repeat( ' ', self::RESERVE );
			add_action( 'shutdown', array( $this, 'shut_down' ), 0, 0 );
		}
	}
}
