<?php
/**
 * The site's own runner.
 *
 * @package ActionSchedulerBridge
 */

/**
 * Runs the queue on WP-Cron while no daemon does.
 */
class ActionScheduler_QueueRunner {
	const WP_CRON_HOOK     = 'action_scheduler_run_queue';
	const WP_CRON_SCHEDULE = 'every_minute';

	/**
	 * What WP-Cron hands over, and what logs name.
	 */
	const CONTEXT = 'WP Cron';

	/**
	 * The only one.
	 *
	 * @var ActionScheduler_QueueRunner|null
	 */
	private static $runner;

	/**
	 * The store.
	 *
	 * @var ActionScheduler_Store
	 */
	private $store;

	/**
	 * Watches over PHP.
	 *
	 * @var Action_Scheduler_Bridge_Watch
	 */
	private $watch;

	/**
	 * The only one.
	 *
	 * @return ActionScheduler_QueueRunner
	 */
	public static function instance() {
		if ( null === self::$runner ) {
			$class        = apply_filters( 'action_scheduler_queue_runner_class', __CLASS__ );
			self::$runner = new $class();
		}
		return self::$runner;
	}

	/**
	 * A runner.
	 *
	 * @param ActionScheduler_Store|null $store The store.
	 */
	public function __construct( ?ActionScheduler_Store $store = null ) {
		$this->store = $store ? $store : ActionScheduler_Store::instance();
		$this->watch = new Action_Scheduler_Bridge_Watch( $this->store );
	}

	/**
	 * Has WP-Cron call it each minute.
	 */
	public function init() {
		add_filter( 'cron_schedules', array( $this, 'add_wp_cron_schedule' ) );
		add_action( self::WP_CRON_HOOK, array( $this, 'run' ) );
		if ( ! wp_next_scheduled( self::WP_CRON_HOOK, array( self::CONTEXT ) ) ) {
			$schedule = apply_filters( 'action_scheduler_run_schedule', self::WP_CRON_SCHEDULE );
			wp_schedule_event( time(), $schedule, self::WP_CRON_HOOK, array( self::CONTEXT ) );
		}
	}

	/**
	 * WP-Cron learns what each minute is.
	 *
	 * @param array $schedules What it knows.
	 * @return array
	 */
	public function add_wp_cron_schedule( $schedules ) {
		$schedules[ self::WP_CRON_SCHEDULE ] = array(
			'interval' => MINUTE_IN_SECONDS,
			'display'  => 'Every minute',
		);
		return $schedules;
	}

	/**
	 * Runs what is due, as long as there is time; nothing while a daemon runs the queue.
	 *
	 * @param string $context Who runs it.
	 * @return int How many actions were run.
	 */
	public function run( $context = self::CONTEXT ) {
		if ( Action_Scheduler_Bridge::daemon()->is_alive() ) {
			return 0;
		}
		$limits = new Action_Scheduler_Bridge_Limits();
		$limits->raise();
		do_action( 'action_scheduler_before_process_queue' );
		( new ActionScheduler_QueueCleaner( $this->store ) )->clean( $limits->patience() );
		$done = 0;
		if ( ! $this->has_maximum_concurrent_batches() ) {
			do {
				$in_batch = $this->run_batch( $context, $limits, $done );
				$done    += $in_batch;
			} while ( $in_batch && ! $limits->are_reached( $done ) );
		}
		do_action( 'action_scheduler_after_process_queue' );
		return $done;
	}

	/**
	 * How many batches may be open at once.
	 *
	 * @return int
	 */
	public function get_allowed_concurrent_batches() {
		return (int) apply_filters( 'action_scheduler_queue_runner_concurrent_batches', 1 );
	}

	/**
	 * Whether so many are open.
	 *
	 * @return bool
	 */
	public function has_maximum_concurrent_batches() {
		return $this->store->get_claim_count() >= $this->get_allowed_concurrent_batches();
	}

	/**
	 * Runs an action.
	 *
	 * @param int      $action_id Its id.
	 * @param string   $context   Who runs it.
	 * @param int|null $claim_id  The claim that must hold it; null for none.
	 */
	public function process_action( $action_id, $context = '', $claim_id = null ) {
		do_action( 'action_scheduler_before_execute', $action_id, $context );
		$action = $this->store->fetch_action( $action_id );
		if ( false === $this->store->log_execution( $action_id, $claim_id ) ) {
			do_action( 'action_scheduler_execution_ignored', $action_id, $context );
			return;
		}
		$this->watch->started( $action_id, $action );
		set_error_handler( array( __CLASS__, 'throw_error' ), E_USER_ERROR | E_RECOVERABLE_ERROR );
		try {
			do_action( 'action_scheduler_begin_execute', $action_id, $context );
			if ( $action instanceof ActionScheduler_NullAction ) {
				throw new RuntimeException( 'the action cannot be read' );
			}
			$action->execute();
			do_action( 'action_scheduler_after_execute', $action_id, $action, $context );
			$was_in_progress = $this->store->mark_complete( $action_id );
		} catch ( Throwable $thrown ) {
			$was_in_progress = $this->store->mark_failure( $action_id );
			do_action( 'action_scheduler_failed_execution', $action_id, $thrown, $context );
		} finally {
			restore_error_handler();
		}
		$this->watch->ended();
		// Whoever canceled it, or took it for failed, has seen to the next instance or wants none.
		if ( false !== $was_in_progress ) {
			( new Action_Scheduler_Bridge_Chain() )->go_on( $action_id, $action );
		}
	}

	/**
	 * Makes an exception of an error that would end PHP.
	 *
	 * @param int    $level   Its level.
	 * @param string $message What it says.
	 * @param string $file    Where it was.
	 * @param int    $line    Where it was.
	 * @throws ErrorException Always.
	 */
	public static function throw_error( $level, $message, $file = '', $line = 0 ) {
		throw new ErrorException( $message, 0, $level, $file, $line );
	}

	/**
	 * Claims some actions and runs them.
	 *
	 * @param string                         $context Who runs them.
	 * @param Action_Scheduler_Bridge_Limits $limits  How long it may go on.
	 * @param int                            $done    How many were run before.
	 * @return int How many were run.
	 */
	private function run_batch( $context, Action_Scheduler_Bridge_Limits $limits, $done ) {
		$size  = max( 1, (int) apply_filters( 'action_scheduler_queue_runner_batch_size', 25 ) );
		try {
			$claim = $this->store->stake_claim( $size );
		} catch ( Exception $exception ) {
			// Other events of WP-Cron still have to run.
			error_log( 'Action Scheduler: ' . $exception->getMessage() );
			return 0;
		}
		$this->watch->claimed( $claim );
		$in_batch = 0;
		foreach ( $claim->get_actions() as $action_id ) {
			$this->process_action( $action_id, $context, $claim->get_id() );
			++$in_batch;
			if ( $limits->are_reached( $done + $in_batch ) ) {
				break;
			}
		}
		$this->store->release_claim( $claim );
		$this->watch->claimed( null );
		$this->forget();
		return $in_batch;
	}

	/**
	 * Forgets what callbacks left in the object cache of this process.
	 */
	private function forget() {
		if ( function_exists( 'wp_cache_supports' ) && wp_cache_supports( 'flush_runtime' ) ) {
			wp_cache_flush_runtime();
		} elseif ( ! wp_using_ext_object_cache() || apply_filters( 'action_scheduler_queue_runner_flush_cache', false ) ) {
			wp_cache_flush();
		}
	}
}
