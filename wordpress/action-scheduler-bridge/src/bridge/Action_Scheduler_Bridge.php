<?php
/**
 * The bridge itself.
 *
 * @package ActionSchedulerBridge
 */

/**
 * The site's side of a daemon that runs its queue, and the scheduler of sites that have none.
 */
final class Action_Scheduler_Bridge {
	const VERSION = '0.1.0';

	/**
	 * The daemon, as far as this request knows of it.
	 *
	 * @var Action_Scheduler_Bridge_Daemon
	 */
	private static $daemon;

	/**
	 * Whether the functions that schedule are provided here.
	 *
	 * @var bool
	 */
	private static $provides = false;

	/**
	 * Begins.
	 *
	 * @param string $folder Where this copy is.
	 */
	public static function start( $folder ) {
		require_once $folder . '/src/bridge/Action_Scheduler_Bridge_Autoloader.php';
		$autoloader = new Action_Scheduler_Bridge_Autoloader( $folder . '/src' );
		spl_autoload_register( array( $autoloader, 'load' ) );

		self::$daemon = new Action_Scheduler_Bridge_Daemon();
		( new Action_Scheduler_Bridge_Handover( self::$daemon ) )->hook();
		( new Action_Scheduler_Bridge_Bell( self::$daemon ) )->hook();

		self::$provides = ! self::is_provided_elsewhere();
		if ( self::$provides ) {
			$autoloader->provide();
			ActionScheduler::init( $folder . '/action-scheduler-bridge.php' );
		}
	}

	/**
	 * Whether the functions that schedule are provided here, and not by the plugin Action Scheduler.
	 *
	 * @return bool
	 */
	public static function provides() {
		return self::$provides;
	}

	/**
	 * The daemon that runs the queue of this site, or none.
	 *
	 * @return Action_Scheduler_Bridge_Daemon
	 */
	public static function daemon() {
		return self::$daemon;
	}

	/**
	 * Whether the plugin Action Scheduler is there. Its copies have all been registered by now, but the newest of them may
	 * not have been started yet.
	 *
	 * @return bool
	 */
	private static function is_provided_elsewhere() {
		return class_exists( 'ActionScheduler', false )
			|| function_exists( 'as_enqueue_async_action' )
			|| ( class_exists( 'ActionScheduler_Versions', false ) && ActionScheduler_Versions::instance()->latest_version() );
	}
}
