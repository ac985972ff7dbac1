<?php
/**
 * Tells the daemon of new work.
 *
 * @package ActionSchedulerBridge
 */

/**
 * Rings at the daemon when actions are stored: of the first of a request at once, of the others at its end.
 */
final class Action_Scheduler_Bridge_Bell {
	/**
	 * The daemon.
	 *
	 * @var Action_Scheduler_Bridge_Daemon
	 */
	private $daemon;

	/**
	 * How many actions were stored since it was told the last time.
	 *
	 * @var int
	 */
	private $untold = 0;

	/**
	 * Whether it was told in this request.
	 *
	 * @var bool
	 */
	private $told = false;

	/**
	 * For a daemon.
	 *
	 * @param Action_Scheduler_Bridge_Daemon $daemon Whom to tell.
	 */
	public function __construct( Action_Scheduler_Bridge_Daemon $daemon ) {
		$this->daemon = $daemon;
	}

	/**
	 * Begins to listen.
	 */
	public function hook() {
		// After the log entry was written, so that those of the daemon follow it.
		add_action( 'action_scheduler_stored_action', array( $this, 'stored' ), PHP_INT_MAX, 0 );
		add_action( 'shutdown', array( $this, 'ring' ), 10, 0 );
	}

	/**
	 * An action was stored.
	 */
	public function stored() {
		++$this->untold;
		if ( ! $this->told ) {
			$this->told = true;
			$this->ring();
		}
	}

	/**
	 * Tells the daemon that there is new work. That it could not be told is no harm: it looks by itself every few seconds.
	 */
	public function ring() {
		if ( 0 === $this->untold ) {
			return;
		}
		$this->untold = 0;
		// A worker of the daemon tells it another way.
		if ( defined( 'ACTION_SCHEDULER_WORKER' ) || ! $this->daemon->is_alive() ) {
			return;
		}
		$sign = $this->daemon->last_sign();
		if ( empty( $sign['socket'] ) || empty( $sign['site'] ) || ! @file_exists( $sign['socket'] ) ) {
			return;
		}
		$socket = @stream_socket_client( 'udg://' . $sign['socket'], $code, $message, 0.1 );
		if ( $socket ) {
			stream_set_blocking( $socket, false );
			@fwrite( $socket, $sign['site'] );
			fclose( $socket );
		}
	}
}
