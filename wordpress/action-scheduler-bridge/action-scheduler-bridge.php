<?php
/**
 * Plugin Name: Action Scheduler Bridge
 * Description: Hands the queue of Action Scheduler to the Action Scheduler daemon while that is there, and back to WP-Cron when it is not.
 * Version: 0.1.0
 * Requires PHP: 7.4
 * License: GPL-2.0-or-later
 * License URI: https://www.gnu.org/licenses/gpl-2.0.html
 *
 * Works as a must-use plugin (`action-scheduler wordpress install` puts it there) and as a normal one. It changes nothing
 * while no daemon gives signs of life.
 *
 * @package ActionSchedulerBridge
 */

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

// Declared on a condition, as there may be two copies: PHP would declare it before this line otherwise.
if ( ! class_exists( 'Action_Scheduler_Bridge', false ) ) :

/**
 * The site's side of a daemon that runs its queue.
 */
final class Action_Scheduler_Bridge {
	const VERSION = '0.1.0';

	/**
	 * The option in which the daemon gives signs of life: JSON with the keys `name`, `socket`, `site`, and `at`, in
	 * seconds by the clock of the database.
	 */
	const OPTION = 'action_scheduler_daemon';

	/**
	 * A daemon that has given none for so many seconds is gone. It gives one each 15 seconds.
	 */
	const LEASE = 60;

	/**
	 * What the daemon said last, by the prefix of the tables; false for nothing. Read once for each request.
	 *
	 * @var array
	 */
	private static $heard = array();

	/**
	 * How many actions were stored since the daemon was told the last time.
	 *
	 * @var int
	 */
	private static $untold = 0;

	/**
	 * Whether the daemon was told in this request.
	 *
	 * @var bool
	 */
	private static $told = false;

	/**
	 * Begins to listen.
	 */
	public static function start() {
		// The plugin's own runner finds that no batch may be open, and leaves the queue alone.
		add_filter( 'action_scheduler_queue_runner_concurrent_batches', array( __CLASS__, 'none_while_alive' ), PHP_INT_MAX );
		add_filter( 'action_scheduler_allow_async_request_runner', array( __CLASS__, 'false_while_alive' ), PHP_INT_MAX );
		// What runs long in the daemon is not for the plugin's cleaner to judge.
		add_filter( 'action_scheduler_timeout_period', array( __CLASS__, 'never_while_alive' ), PHP_INT_MAX );
		add_filter( 'action_scheduler_failure_period', array( __CLASS__, 'never_while_alive' ), PHP_INT_MAX );
		// After the plugin has written its log entry, so that those of the daemon follow it.
		add_action( 'action_scheduler_stored_action', array( __CLASS__, 'stored' ), PHP_INT_MAX );
		add_action( 'shutdown', array( __CLASS__, 'tell' ) );
		add_action( 'admin_notices', array( __CLASS__, 'show' ) );
	}

	/**
	 * Whether the functions that schedule are provided here; this version leaves them to the plugin.
	 *
	 * @return bool
	 */
	public static function provides() {
		return false;
	}

	/**
	 * Whether a daemon runs the queue of this site.
	 *
	 * @return bool
	 */
	public static function is_alive() {
		$daemon = self::daemon();
		return $daemon && $daemon['age'] <= self::LEASE;
	}

	/**
	 * What the daemon said last, with its `age` in seconds; false if there was none.
	 *
	 * @return array|false
	 */
	public static function daemon() {
		global $wpdb;
		$prefix = $wpdb->prefix;
		if ( ! isset( self::$heard[ $prefix ] ) ) {
			// Past all caches: the daemon writes into the database, and caches do not hear of that.
			$row = $wpdb->get_row(
				$wpdb->prepare(
					"SELECT option_value, UNIX_TIMESTAMP() AS now FROM {$wpdb->options} WHERE option_name = %s",
					self::OPTION
				)
			);
			$said = $row ? json_decode( $row->option_value, true ) : null;
			if ( is_array( $said ) && isset( $said['at'] ) ) {
				$said['age'] = max( 0, (int) $row->now - (int) $said['at'] );
				self::$heard[ $prefix ] = $said;
			} else {
				self::$heard[ $prefix ] = false;
			}
		}
		return self::$heard[ $prefix ];
	}

	/**
	 * How many batches the plugin's own runner may have open.
	 *
	 * @param int $allowed What it was.
	 * @return int
	 */
	public static function none_while_alive( $allowed ) {
		return self::is_alive() ? 0 : $allowed;
	}

	/**
	 * Whether the plugin may send itself a request to run its queue.
	 *
	 * @param bool $allowed What it was.
	 * @return bool
	 */
	public static function false_while_alive( $allowed ) {
		return self::is_alive() ? false : $allowed;
	}

	/**
	 * After how long the plugin's cleaner takes an action for stuck; a negative number is never.
	 *
	 * @param int $seconds What it was.
	 * @return int
	 */
	public static function never_while_alive( $seconds ) {
		return self::is_alive() ? -1 : $seconds;
	}

	/**
	 * An action was stored: the daemon is told at once of the first one, and of the others at the end of the request.
	 */
	public static function stored() {
		++self::$untold;
		if ( ! self::$told ) {
			self::$told = true;
			self::tell();
		}
	}

	/**
	 * Tells the daemon that there is new work. That it could not be told is no harm: it looks by itself every few seconds.
	 */
	public static function tell() {
		if ( 0 === self::$untold ) {
			return;
		}
		self::$untold = 0;
		// A worker of the daemon tells it another way.
		if ( defined( 'ACTION_SCHEDULER_WORKER' ) || ! self::is_alive() ) {
			return;
		}
		$daemon = self::daemon();
		if ( empty( $daemon['socket'] ) || empty( $daemon['site'] ) || ! @file_exists( $daemon['socket'] ) ) {
			return;
		}
		$socket = @stream_socket_client( 'udg://' . $daemon['socket'], $code, $message, 0.1 );
		if ( $socket ) {
			stream_set_blocking( $socket, false );
			@fwrite( $socket, $daemon['site'] );
			fclose( $socket );
		}
	}

	/**
	 * Shows on Tools > Scheduled Actions who runs the queue.
	 */
	public static function show() {
		$screen = function_exists( 'get_current_screen' ) ? get_current_screen() : null;
		if ( ! $screen || 'tools_page_action-scheduler' !== $screen->id ) {
			return;
		}
		$daemon = self::daemon();
		if ( ! $daemon ) {
			return;
		}
		$name = isset( $daemon['name'] ) ? (string) $daemon['name'] : '';
		if ( self::is_alive() ) {
			$class = 'notice-info';
			$text = sprintf( 'This queue is run by the Action Scheduler daemon %1$s (last heard of %2$d seconds ago).', $name, $daemon['age'] );
		} else {
			$class = 'notice-warning';
			$text = sprintf( 'The Action Scheduler daemon %1$s was last heard of %2$s ago: WP-Cron runs this queue until it is back.', $name, human_time_diff( time() - $daemon['age'] ) );
		}
		printf( '<div class="notice %s"><p>%s</p></div>', esc_attr( $class ), esc_html( $text ) );
	}
}

	Action_Scheduler_Bridge::start();

endif;
