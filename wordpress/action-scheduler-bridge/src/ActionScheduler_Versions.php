<?php
/**
 * The versions of the scheduler.
 *
 * @package ActionSchedulerBridge
 */

/**
 * Tells plugins which version of Action Scheduler they have: that whose functions are provided here.
 *
 * Copies of the plugin that come late, as with a theme, register here and are not started.
 */
class ActionScheduler_Versions {
	/**
	 * The only one.
	 *
	 * @var ActionScheduler_Versions|null
	 */
	private static $instance;

	/**
	 * What would start each version.
	 *
	 * @var callable[]
	 */
	private $versions = array();

	/**
	 * The only one.
	 *
	 * @return ActionScheduler_Versions
	 */
	public static function instance() {
		if ( null === self::$instance ) {
			self::$instance = new self();
		}
		return self::$instance;
	}

	/**
	 * A version is there.
	 *
	 * @param string   $version_string          Its number.
	 * @param callable $initialization_callback What would start it.
	 * @return bool Whether it is new here.
	 */
	public function register( $version_string, $initialization_callback ) {
		if ( isset( $this->versions[ $version_string ] ) ) {
			return false;
		}
		$this->versions[ $version_string ] = $initialization_callback;
		return true;
	}

	/**
	 * All that were registered.
	 *
	 * @return callable[]
	 */
	public function get_versions() {
		return $this->versions;
	}

	/**
	 * The version that runs.
	 *
	 * @return string
	 */
	public function latest_version() {
		return ActionScheduler::LIKE;
	}

	/**
	 * What would start it: it is started already.
	 *
	 * @return callable
	 */
	public function latest_version_callback() {
		return '__return_null';
	}

	/**
	 * Starts nothing: what runs was started already.
	 */
	public static function initialize_latest_version() {}
}
