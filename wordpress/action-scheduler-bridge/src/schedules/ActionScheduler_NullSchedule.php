<?php
/**
 * Schedules without a date.
 *
 * @package ActionSchedulerBridge
 */

/**
 * Runs as soon as possible.
 */
class ActionScheduler_NullSchedule extends ActionScheduler_SimpleSchedule {
	/**
	 * As soon as possible.
	 *
	 * @param DateTime|null $date Not used.
	 */
	public function __construct( ?DateTime $date = null ) {
		parent::__construct( null );
	}

	/**
	 * There is nothing to write.
	 *
	 * @return array
	 */
	public function __serialize(): array {
		return array();
	}

	/**
	 * There is nothing to read.
	 *
	 * @param array $written Not used.
	 */
	public function __unserialize( array $written ): void {}
}
