<?php
/**
 * The daemon, seen from the site.
 *
 * @package ActionSchedulerBridge
 */

/**
 * What the daemon that runs the queue says of itself.
 */
final class Action_Scheduler_Bridge_Daemon {
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
	 * What it said last, by the prefix of the tables; false for nothing. Read once for each request.
	 *
	 * @var array
	 */
	private $heard = array();

	/**
	 * Whether a daemon runs the queue of this site.
	 *
	 * @return bool
	 */
	public function is_alive() {
		$sign = $this->last_sign();
		return $sign && $sign['age'] <= self::LEASE;
	}

	/**
	 * What the daemon said last, with its `age` in seconds; false if there was none.
	 *
	 * @return array|false
	 */
	public function last_sign() {
		global $wpdb;
		if ( ! isset( $this->heard[ $wpdb->prefix ] ) ) {
			$this->heard[ $wpdb->prefix ] = $this->read();
		}
		return $this->heard[ $wpdb->prefix ];
	}

	/**
	 * Past all caches: the daemon writes into the database, and caches do not hear of that.
	 *
	 * @return array|false
	 */
	private function read() {
		global $wpdb;
		$row  = $wpdb->get_row(
			$wpdb->prepare(
				"SELECT option_value, UNIX_TIMESTAMP() AS now FROM {$wpdb->options} WHERE option_name = %s",
				self::OPTION
			)
		);
		$said = $row ? json_decode( $row->option_value, true ) : null;
		if ( ! is_array( $said ) || ! isset( $said['at'] ) ) {
			return false;
		}
		$said['age'] = max( 0, (int) $row->now - (int) $said['at'] );
		return $said;
	}
}
