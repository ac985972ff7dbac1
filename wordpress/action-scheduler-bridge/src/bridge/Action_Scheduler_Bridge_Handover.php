<?php
/**
 * Hands the queue to the daemon.
 *
 * @package ActionSchedulerBridge
 */

/**
 * While a daemon runs the queue, the site's own runner leaves it alone; and people are told who runs it.
 */
final class Action_Scheduler_Bridge_Handover {
	/**
	 * The daemon.
	 *
	 * @var Action_Scheduler_Bridge_Daemon
	 */
	private $daemon;

	/**
	 * To a daemon.
	 *
	 * @param Action_Scheduler_Bridge_Daemon $daemon Who may run the queue.
	 */
	public function __construct( Action_Scheduler_Bridge_Daemon $daemon ) {
		$this->daemon = $daemon;
	}

	/**
	 * Begins to listen.
	 */
	public function hook() {
		// The site's own runner finds that no batch may be open, and leaves the queue alone.
		add_filter( 'action_scheduler_queue_runner_concurrent_batches', array( $this, 'none_while_alive' ), PHP_INT_MAX );
		add_filter( 'action_scheduler_allow_async_request_runner', array( $this, 'false_while_alive' ), PHP_INT_MAX );
		// What runs long in the daemon is not for the site's cleaner to judge.
		add_filter( 'action_scheduler_timeout_period', array( $this, 'never_while_alive' ), PHP_INT_MAX );
		add_filter( 'action_scheduler_failure_period', array( $this, 'never_while_alive' ), PHP_INT_MAX );
		add_action( 'admin_notices', array( $this, 'show' ) );
	}

	/**
	 * How many batches the site's own runner may have open.
	 *
	 * @param int $allowed What it was.
	 * @return int
	 */
	public function none_while_alive( $allowed ) {
		return $this->daemon->is_alive() ? 0 : $allowed;
	}

	/**
	 * Whether the plugin may send itself a request to run its queue.
	 *
	 * @param bool $allowed What it was.
	 * @return bool
	 */
	public function false_while_alive( $allowed ) {
		return $this->daemon->is_alive() ? false : $allowed;
	}

	/**
	 * After how long the site's cleaner takes an action for stuck; a negative number is never.
	 *
	 * @param int $seconds What it was.
	 * @return int
	 */
	public function never_while_alive( $seconds ) {
		return $this->daemon->is_alive() ? -1 : $seconds;
	}

	/**
	 * Shows on Tools > Scheduled Actions who runs the queue.
	 */
	public function show() {
		$screen = function_exists( 'get_current_screen' ) ? get_current_screen() : null;
		if ( ! $screen || 'tools_page_action-scheduler' !== $screen->id ) {
			return;
		}
		$sign = $this->daemon->last_sign();
		if ( ! $sign ) {
			return;
		}
		$name = isset( $sign['name'] ) ? (string) $sign['name'] : '';
		if ( $this->daemon->is_alive() ) {
			$class = 'notice-info';
			$text  = sprintf( 'This queue is run by the Action Scheduler daemon %1$s (last heard of %2$d seconds ago).', $name, $sign['age'] );
		} else {
			$class = 'notice-warning';
			$text  = sprintf( 'The Action Scheduler daemon %1$s was last heard of %2$s ago: WP-Cron runs this queue until it is back.', $name, human_time_diff( time() - $sign['age'] ) );
		}
		printf( '<div class="notice %s"><p>%s</p></div>', esc_attr( $class ), esc_html( $text ) );
	}
}
