<?php
/**
 * Tells the daemon of new work.
 *
 * @package ActionSchedulerBridge
 */

/**
 * Rings at the daemon for each action that is stored, and once more at the end of the request: what was stored in a
 * transaction can be seen only then.
 */
final class Action_Scheduler_Bridge_Bell {
	/**
	 * The daemon.
	 *
	 * @var Action_Scheduler_Bridge_Daemon
	 */
	private $daemon;

	/**
	 * The sites of this request that have new work, by the prefix of their tables: what the daemon said last.
	 *
	 * @var array
	 */
	private $signs = array();

	/**
	 * Open sockets, by path; false for one that could not be opened.
	 *
	 * @var array
	 */
	private $sockets = array();

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
		// A worker of the daemon tells it another way.
		if ( defined( 'ACTION_SCHEDULER_WORKER' ) ) {
			return;
		}
		// After the log entry was written, so that those of the daemon follow it.
		add_action( 'action_scheduler_stored_action', array( $this, 'stored' ), PHP_INT_MAX, 0 );
		add_action( 'shutdown', array( $this, 'ended' ), 10, 0 );
	}

	/**
	 * An action was stored.
	 */
	public function stored() {
		global $wpdb;
		if ( $this->daemon->is_alive() ) {
			$this->signs[ $wpdb->prefix ] = $this->daemon->last_sign();
			$this->ring( $this->signs[ $wpdb->prefix ] );
		}
	}

	/**
	 * The request ends.
	 */
	public function ended() {
		array_map( array( $this, 'ring' ), $this->signs );
	}

	/**
	 * Tells the daemon that there is new work. That it could not be told is no harm: it looks by itself every second.
	 *
	 * @param array $sign What it said last.
	 */
	private function ring( array $sign ) {
		if ( empty( $sign['socket'] ) || empty( $sign['site'] ) ) {
			return;
		}
		$path = $sign['socket'];
		if ( ! isset( $this->sockets[ $path ] ) ) {
			$this->sockets[ $path ] = $this->open( $path );
		}
		if ( $this->sockets[ $path ] ) {
			@fwrite( $this->sockets[ $path ], $sign['site'] );
		}
	}

	/**
	 * Opens a socket that nobody waits for.
	 *
	 * @param string $path Where it is.
	 * @return resource|false
	 */
	private function open( $path ) {
		$socket = @file_exists( $path ) ? @stream_socket_client( 'udg://' . $path, $code, $message, 0.1 ) : false;
		if ( $socket ) {
			stream_set_blocking( $socket, false );
		}
		return $socket;
	}
}
