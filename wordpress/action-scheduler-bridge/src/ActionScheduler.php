<?php
/**
 * Where other plugins find the parts.
 *
 * @package ActionSchedulerBridge
 */

/**
 * The scheduler of this site, under the name that plugins know.
 */
abstract class ActionScheduler {
	/**
	 * The version of the plugin Action Scheduler whose functions and classes these are like.
	 */
	const LIKE = '3.9.3';

	/**
	 * The main file of the copy in use.
	 *
	 * @var string
	 */
	private static $plugin_file = '';

	/**
	 * Makes actions.
	 *
	 * @var ActionScheduler_ActionFactory|null
	 */
	private static $factory;

	/**
	 * Whether actions can be stored yet.
	 *
	 * @var bool
	 */
	private static $is_initialized = false;

	/**
	 * Provides the functions that schedule; actions can be stored from the hook `init` on.
	 *
	 * @param string $plugin_file The main file of the copy in use.
	 */
	public static function init( $plugin_file ) {
		self::$plugin_file = $plugin_file;
		if ( ! class_exists( 'ActionScheduler_Versions', false ) ) {
			ActionScheduler_Versions::instance()->register( self::LIKE, '__return_null' );
		}
		do_action( 'action_scheduler_pre_init' );
		require_once __DIR__ . '/functions.php';
		if ( apply_filters( 'action_scheduler_load_deprecated_functions', true ) ) {
			require_once __DIR__ . '/functions-1.x.php';
		}
		if ( did_action( 'init' ) ) {
			self::begin();
		} else {
			add_action( 'init', array( __CLASS__, 'begin' ), 1, 0 );
		}
	}

	/**
	 * From now on actions can be stored.
	 */
	public static function begin() {
		self::store()->init();
		self::logger()->init();
		self::runner()->init();
		self::admin_view()->init();
		( new Action_Scheduler_Bridge_Daily() )->hook();
		self::$is_initialized = true;
		do_action( 'action_scheduler_init' );
	}

	/**
	 * Whether actions can be stored yet.
	 *
	 * @param string|null $function_name Who asks, and is told off if they cannot.
	 * @return bool
	 */
	public static function is_initialized( $function_name = null ) {
		if ( ! self::$is_initialized && ! empty( $function_name ) ) {
			_doing_it_wrong( esc_html( $function_name ), 'Actions cannot be scheduled before the hook init.', '3.1.6' );
		}
		return self::$is_initialized;
	}

	/**
	 * What makes actions.
	 *
	 * @return ActionScheduler_ActionFactory
	 */
	public static function factory() {
		if ( null === self::$factory ) {
			self::$factory = new ActionScheduler_ActionFactory();
		}
		return self::$factory;
	}

	/**
	 * What stores actions.
	 *
	 * @return ActionScheduler_Store
	 */
	public static function store() {
		return ActionScheduler_Store::instance();
	}

	/**
	 * What writes their logs.
	 *
	 * @return ActionScheduler_Logger
	 */
	public static function logger() {
		return ActionScheduler_Logger::instance();
	}

	/**
	 * What runs actions while no daemon does.
	 *
	 * @return ActionScheduler_QueueRunner
	 */
	public static function runner() {
		return ActionScheduler_QueueRunner::instance();
	}

	/**
	 * What is shown under Tools > Scheduled Actions.
	 *
	 * @return ActionScheduler_AdminView
	 */
	public static function admin_view() {
		return ActionScheduler_AdminView::instance();
	}

	/**
	 * Where a file of this copy is.
	 *
	 * @param string $path Its path in the copy.
	 * @return string
	 */
	public static function plugin_path( $path ) {
		$folder = dirname( self::$plugin_file );
		return $path ? trailingslashit( $folder ) . $path : untrailingslashit( $folder );
	}

	/**
	 * The address of a file of this copy.
	 *
	 * @param string $path Its path in the copy.
	 * @return string
	 */
	public static function plugin_url( $path ) {
		return plugins_url( $path, self::$plugin_file );
	}
}
