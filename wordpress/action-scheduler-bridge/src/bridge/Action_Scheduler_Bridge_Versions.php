<?php
/**
 * Which copy of the bridge is used.
 *
 * @package ActionSchedulerBridge
 */

/**
 * The copies of the bridge that are there; the newest is started when all plugins are loaded.
 *
 * Copies of other versions call this class, whichever of them brought it: its two methods stay as they are.
 */
final class Action_Scheduler_Bridge_Versions {
	/**
	 * The folders of the copies, by their versions.
	 *
	 * @var string[]
	 */
	private static $folders = array();

	/**
	 * A copy is there. In a theme, which is loaded after all plugins, it is started if no plugin brought one.
	 *
	 * @param string $version Its version.
	 * @param string $folder  Where it is.
	 */
	public static function register( $version, $folder ) {
		if ( ! self::$folders ) {
			// When the plugin's own copies start, too; whoever schedules does so later.
			add_action( 'plugins_loaded', array( __CLASS__, 'start_newest' ), 1, 0 );
		}
		self::$folders += array( $version => $folder );
		if ( did_action( 'plugins_loaded' ) && ! doing_action( 'plugins_loaded' ) ) {
			self::start_newest();
		}
	}

	/**
	 * Starts the newest copy, unless one was started.
	 */
	public static function start_newest() {
		if ( class_exists( 'Action_Scheduler_Bridge', false ) ) {
			return;
		}
		uksort( self::$folders, 'version_compare' );
		$folder = end( self::$folders );
		require_once $folder . '/src/bridge/Action_Scheduler_Bridge.php';
		Action_Scheduler_Bridge::start( $folder );
	}
}
