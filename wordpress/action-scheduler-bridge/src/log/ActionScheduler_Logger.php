<?php
/**
 * Logs.
 *
 * @package ActionSchedulerBridge
 */

/**
 * Writes down what happens to actions. It listens to the hooks around them, as other plugins do.
 */
abstract class ActionScheduler_Logger {
	/**
	 * What is listened to, and what is written down then.
	 */
	const HOOKS = array(
		'stored_action'                    => 'log_stored_action',
		'canceled_action'                  => 'log_canceled_action',
		'bulk_cancel_actions'              => 'bulk_log_cancel_actions',
		'begin_execute'                    => 'log_started_action',
		'after_execute'                    => 'log_completed_action',
		'failed_execution'                 => 'log_failed_action',
		'failed_action'                    => 'log_timed_out_action',
		'unexpected_shutdown'              => 'log_unexpected_shutdown',
		'reset_action'                     => 'log_reset_action',
		'execution_ignored'                => 'log_ignored_action',
		'failed_fetch_action'              => 'log_failed_fetch_action',
		'failed_to_schedule_next_instance' => 'log_failed_schedule_next_instance',
	);

	/**
	 * The only one.
	 *
	 * @var ActionScheduler_Logger|null
	 */
	private static $logger;

	/**
	 * The only one.
	 *
	 * @return ActionScheduler_Logger
	 */
	public static function instance() {
		if ( null === self::$logger ) {
			$class        = apply_filters( 'action_scheduler_logger_class', 'ActionScheduler_DBLogger' );
			self::$logger = new $class();
		}
		return self::$logger;
	}

	/**
	 * Begins to listen.
	 */
	public function init() {
		foreach ( self::HOOKS as $hook => $method ) {
			add_action( "action_scheduler_$hook", array( $this, $method ), 10, 3 );
		}
	}

	/**
	 * Writes an entry.
	 *
	 * @param int           $action_id The action.
	 * @param string        $message   What happened.
	 * @param DateTime|null $date      When; null is the present moment.
	 * @return int The id of the entry.
	 */
	abstract public function log( $action_id, $message, ?DateTime $date = null );

	/**
	 * An entry.
	 *
	 * @param int $entry_id Its id.
	 * @return ActionScheduler_LogEntry
	 */
	abstract public function get_entry( $entry_id );

	/**
	 * The log of an action.
	 *
	 * @param int $action_id The action.
	 * @return ActionScheduler_LogEntry[]
	 */
	abstract public function get_logs( $action_id );

	/**
	 * It was stored.
	 *
	 * @param int $action_id The action.
	 */
	public function log_stored_action( $action_id ) {
		$this->log( $action_id, 'action created' );
	}

	/**
	 * It was canceled.
	 *
	 * @param int $action_id The action.
	 */
	public function log_canceled_action( $action_id ) {
		$this->log( $action_id, 'action canceled' );
	}

	/**
	 * These were canceled.
	 *
	 * @param int[] $action_ids The actions.
	 */
	public function bulk_log_cancel_actions( $action_ids ) {
		foreach ( (array) $action_ids as $action_id ) {
			$this->log_canceled_action( $action_id );
		}
	}

	/**
	 * It was started.
	 *
	 * @param int    $action_id The action.
	 * @param string $context   Who runs it.
	 */
	public function log_started_action( $action_id, $context = '' ) {
		$this->log( $action_id, 'action started' . self::via( $context ) );
	}

	/**
	 * It is complete.
	 *
	 * @param int                         $action_id The action.
	 * @param ActionScheduler_Action|null $action    The same.
	 * @param string                      $context   Who ran it.
	 */
	public function log_completed_action( $action_id, $action = null, $context = '' ) {
		$this->log( $action_id, 'action complete' . self::via( $context ) );
	}

	/**
	 * It has failed.
	 *
	 * @param int       $action_id The action.
	 * @param Throwable $thrown    Why.
	 * @param string    $context   Who ran it.
	 */
	public function log_failed_action( $action_id, Throwable $thrown, $context = '' ) {
		$this->log( $action_id, 'action failed' . self::via( $context ) . ': ' . $thrown->getMessage() );
	}

	/**
	 * It ran too long.
	 *
	 * @param int $action_id The action.
	 * @param int $timeout   How long it may run, in seconds.
	 */
	public function log_timed_out_action( $action_id, $timeout ) {
		$this->log( $action_id, "action marked as failed after $timeout seconds. Nobody reported how it came out: see the logs of the server and of PHP." );
	}

	/**
	 * It ended PHP.
	 *
	 * @param int        $action_id The action.
	 * @param array|null $error     What PHP said: `message`, `file`, `line`.
	 */
	public function log_unexpected_shutdown( $action_id, $error ) {
		if ( $error ) {
			$this->log( $action_id, "unexpected shutdown: PHP Fatal error {$error['message']} in {$error['file']} on line {$error['line']}" );
		} else {
			$this->log( $action_id, 'unexpected shutdown: the callback ended PHP (exit or die)' );
		}
	}

	/**
	 * Its claim was given back.
	 *
	 * @param int $action_id The action.
	 */
	public function log_reset_action( $action_id ) {
		$this->log( $action_id, 'action reset' );
	}

	/**
	 * It was not pending when it was its turn.
	 *
	 * @param int    $action_id The action.
	 * @param string $context   Who came to run it.
	 */
	public function log_ignored_action( $action_id, $context = '' ) {
		$this->log( $action_id, 'action ignored' . self::via( $context ) );
	}

	/**
	 * It cannot be read.
	 *
	 * @param int            $action_id The action.
	 * @param Throwable|null $thrown    Why.
	 */
	public function log_failed_fetch_action( $action_id, ?Throwable $thrown = null ) {
		$this->log( $action_id, 'the action could not be read' . ( $thrown ? ': ' . $thrown->getMessage() : '' ) );
	}

	/**
	 * It recurs, and the next instance could not be stored.
	 *
	 * @param int       $action_id The action.
	 * @param Throwable $thrown    Why.
	 */
	public function log_failed_schedule_next_instance( $action_id, Throwable $thrown ) {
		$this->log( $action_id, 'the next instance could not be scheduled: ' . $thrown->getMessage() );
	}

	/**
	 * Who runs it, in a sentence.
	 *
	 * @param string $context Who.
	 * @return string
	 */
	private static function via( $context ) {
		return $context ? " via $context" : '';
	}
}
