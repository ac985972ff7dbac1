<?php
/**
 * How long a run may go on.
 *
 * @package ActionSchedulerBridge
 */

/**
 * The time and the memory that a run may use.
 */
final class Action_Scheduler_Bridge_Limits {
	/**
	 * The part of PHP's memory that may be used.
	 */
	const MEMORY = 0.9;

	/**
	 * How many more actions, of average length, there must be time for.
	 */
	const ACTIONS_AHEAD = 3;

	/**
	 * When it began.
	 *
	 * @var float
	 */
	private $begun;

	/**
	 * How many seconds it may take.
	 *
	 * @var int
	 */
	private $seconds;

	/**
	 * A run begins.
	 */
	public function __construct() {
		$this->begun   = microtime( true );
		$this->seconds = absint( apply_filters( 'action_scheduler_queue_runner_time_limit', 30 ) );
	}

	/**
	 * Asks PHP for as much time and memory.
	 */
	public function raise() {
		$most = (int) ini_get( 'max_execution_time' );
		if ( $most > 0 && $most < $this->seconds && function_exists( 'set_time_limit' ) ) {
			@set_time_limit( $this->seconds );
		}
		wp_raise_memory_limit( 'admin' );
	}

	/**
	 * After how many seconds an action is taken for stuck.
	 *
	 * @return int
	 */
	public function patience() {
		return 10 * $this->seconds;
	}

	/**
	 * Whether it is time to stop.
	 *
	 * @param int $done How many actions were run.
	 * @return bool
	 */
	public function are_reached( $done ) {
		$taken  = microtime( true ) - $this->begun;
		$needed = $done ? $taken * ( 1 + self::ACTIONS_AHEAD / $done ) : $taken;
		$is_out_of_time = apply_filters( 'action_scheduler_maximum_execution_time_likely_to_be_exceeded', $needed > $this->seconds, $this, $done, $taken, $this->seconds );
		$most           = wp_convert_hr_to_bytes( ini_get( 'memory_limit' ) );
		$is_out_of_room = apply_filters( 'action_scheduler_memory_exceeded', $most > 0 && memory_get_usage( true ) >= self::MEMORY * $most, $this );
		return $is_out_of_time || $is_out_of_room;
	}
}
