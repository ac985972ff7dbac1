<?php
/**
 * What all schedules have that run again and again.
 *
 * @package ActionSchedulerBridge
 */

/**
 * A schedule that runs again and again.
 */
abstract class ActionScheduler_Abstract_RecurringSchedule extends ActionScheduler_Abstract_Schedule {
	/**
	 * When it ran first.
	 *
	 * @var DateTime
	 */
	private $first_date;

	/**
	 * How it recurs.
	 *
	 * @var mixed
	 */
	protected $recurrence;

	/**
	 * A schedule that runs again and again.
	 *
	 * @param DateTime      $date       When it runs.
	 * @param mixed         $recurrence How it recurs.
	 * @param DateTime|null $first      When it ran first; null is the present moment.
	 */
	public function __construct( DateTime $date, $recurrence, ?DateTime $first = null ) {
		parent::__construct( $date );
		$this->first_date = $first ? $first : $date;
		$this->recurrence = $recurrence;
	}

	/**
	 * It runs again and again.
	 *
	 * @return bool
	 */
	public function is_recurring() {
		return true;
	}

	/**
	 * When it ran first.
	 *
	 * @return DateTime
	 */
	public function get_first_date() {
		return clone $this->first_date;
	}

	/**
	 * How it recurs.
	 *
	 * @return mixed
	 */
	public function get_recurrence() {
		return $this->recurrence;
	}

	/**
	 * Under which name older versions of the plugin look for the date.
	 *
	 * @return string
	 */
	protected static function older_name_of_date() {
		return 'start_timestamp';
	}

	/**
	 * Under which name older versions of the plugin look for the recurrence.
	 *
	 * @return string
	 */
	abstract protected static function older_name_of_recurrence();

	/**
	 * What of it is written.
	 *
	 * @return array
	 */
	public function __serialize(): array {
		return parent::__serialize() + array(
			"\0*\0first_timestamp" => $this->first_date->getTimestamp(),
			"\0*\0recurrence"      => $this->recurrence,
			"\0" . static::class . "\0" . self::older_name_of_date() => $this->get_date()->getTimestamp(),
			"\0" . static::class . "\0" . static::older_name_of_recurrence() => $this->recurrence,
		);
	}

	/**
	 * Becomes what was written.
	 *
	 * @param array $written What was written.
	 */
	public function __unserialize( array $written ): void {
		parent::__unserialize( $written );
		$first            = self::date_in( $written, array( 'first_timestamp' ) );
		$this->first_date = $first && $first->getTimestamp() > 0 ? $first : clone $this->get_date();
		$this->recurrence = self::first_in( $written, array( 'recurrence', static::older_name_of_recurrence() ) );
	}
}
