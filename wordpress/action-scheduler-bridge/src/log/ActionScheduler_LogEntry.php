<?php
/**
 * Log entries.
 *
 * @package ActionSchedulerBridge
 */

/**
 * What happened to an action.
 */
class ActionScheduler_LogEntry {
	/**
	 * The action.
	 *
	 * @var int
	 */
	protected $action_id;

	/**
	 * What happened.
	 *
	 * @var string
	 */
	protected $message;

	/**
	 * When.
	 *
	 * @var DateTime
	 */
	protected $date;

	/**
	 * An entry.
	 *
	 * @param int           $action_id The action.
	 * @param string        $message   What happened.
	 * @param DateTime|null $date      When; null is the present moment.
	 */
	public function __construct( $action_id, $message, $date = null ) {
		$this->action_id = $action_id;
		$this->message   = $message;
		$this->date      = $date instanceof DateTime ? $date : as_get_datetime_object();
	}

	/**
	 * The action.
	 *
	 * @return int
	 */
	public function get_action_id() {
		return $this->action_id;
	}

	/**
	 * What happened.
	 *
	 * @return string
	 */
	public function get_message() {
		return $this->message;
	}

	/**
	 * When.
	 *
	 * @return DateTime
	 */
	public function get_date() {
		return $this->date;
	}
}
