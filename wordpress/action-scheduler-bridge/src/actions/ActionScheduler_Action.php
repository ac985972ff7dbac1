<?php
/**
 * Actions.
 *
 * @package ActionSchedulerBridge
 */

/**
 * A hook that is to run.
 */
class ActionScheduler_Action {
	/**
	 * The hook.
	 *
	 * @var string
	 */
	protected $hook = '';

	/**
	 * What its callbacks get.
	 *
	 * @var array
	 */
	protected $args = array();

	/**
	 * When it runs.
	 *
	 * @var ActionScheduler_Schedule
	 */
	protected $schedule;

	/**
	 * The group.
	 *
	 * @var string
	 */
	protected $group = '';

	/**
	 * From 0 to 255; lower ones run first.
	 *
	 * @var int
	 */
	protected $priority = 10;

	/**
	 * An action.
	 *
	 * @param string                        $hook     The hook.
	 * @param array                         $args     What its callbacks get.
	 * @param ActionScheduler_Schedule|null $schedule When it runs; null for as soon as possible.
	 * @param string                        $group    The group.
	 */
	public function __construct( $hook, array $args = array(), ?ActionScheduler_Schedule $schedule = null, $group = '' ) {
		$this->hook     = $hook;
		$this->args     = $args;
		$this->schedule = $schedule ? $schedule : new ActionScheduler_NullSchedule();
		$this->group    = $group;
	}

	/**
	 * Runs it.
	 *
	 * @throws RuntimeException If the hook has no callbacks.
	 */
	public function execute() {
		if ( ! has_action( $this->hook ) ) {
			throw new RuntimeException( 'no callback is registered for the hook ' . $this->hook );
		}
		do_action_ref_array( $this->hook, array_values( $this->args ) );
	}

	/**
	 * The hook.
	 *
	 * @return string
	 */
	public function get_hook() {
		return $this->hook;
	}

	/**
	 * What its callbacks get.
	 *
	 * @return array
	 */
	public function get_args() {
		return $this->args;
	}

	/**
	 * When it runs.
	 *
	 * @return ActionScheduler_Schedule
	 */
	public function get_schedule() {
		return $this->schedule;
	}

	/**
	 * The group.
	 *
	 * @return string
	 */
	public function get_group() {
		return $this->group;
	}

	/**
	 * From 0 to 255; lower ones run first.
	 *
	 * @return int
	 */
	public function get_priority() {
		return $this->priority;
	}

	/**
	 * Sets the priority; what is below 0 or above 255 becomes that.
	 *
	 * @param int $priority The priority.
	 */
	public function set_priority( $priority ) {
		$this->priority = max( 0, min( 255, (int) $priority ) );
	}

	/**
	 * Whether it is not pending any more.
	 *
	 * @return bool
	 */
	public function is_finished() {
		return false;
	}

	/**
	 * What it consists of.
	 *
	 * @return array
	 */
	public function to_array() {
		return get_object_vars( $this );
	}
}
