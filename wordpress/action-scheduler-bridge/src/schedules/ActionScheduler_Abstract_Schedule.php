<?php
/**
 * What all schedules have.
 *
 * @package ActionSchedulerBridge
 */

/**
 * A schedule with a date.
 *
 * In the database schedules are PHP's own text for objects. The plugin reads what is written here and the reverse, so the
 * properties there have its names, in its order, and under older names once more.
 */
abstract class ActionScheduler_Abstract_Schedule implements ActionScheduler_Schedule {
	/**
	 * When it runs; null for as soon as possible.
	 *
	 * @var DateTime|null
	 */
	private $date;

	/**
	 * At a date.
	 *
	 * @param DateTime|null $date When it runs.
	 */
	public function __construct( ?DateTime $date = null ) {
		$this->date = $date;
	}

	/**
	 * When it runs; null for as soon as possible.
	 *
	 * @return DateTime|null
	 */
	public function get_date() {
		return $this->date;
	}

	/**
	 * When it runs next.
	 *
	 * @param DateTime $after Now.
	 * @return DateTime|null Its date if that is not before now, else the next one, if there is any.
	 */
	public function get_next( DateTime $after ) {
		if ( $this->date && $after <= $this->date ) {
			return clone $this->date;
		}
		return $this->calculate_next( clone $after );
	}

	/**
	 * When it runs, as version 2 of the plugin asked.
	 *
	 * @param DateTime|null $after If given, the next time after it.
	 * @return DateTime|null
	 */
	public function next( ?DateTime $after = null ) {
		return $after ? $this->get_next( $after ) : $this->get_date();
	}

	/**
	 * The next time after a date.
	 *
	 * @param DateTime $after The date, which may be changed.
	 * @return DateTime|null
	 */
	abstract protected function calculate_next( DateTime $after );

	/**
	 * Under which name older versions of the plugin look for the date.
	 *
	 * @return string
	 */
	abstract protected static function older_name_of_date();

	/**
	 * What of it is written.
	 *
	 * @return array
	 */
	public function __serialize(): array {
		return array( "\0*\0scheduled_timestamp" => $this->date ? $this->date->getTimestamp() : null );
	}

	/**
	 * Becomes what was written.
	 *
	 * @param array $written What was written.
	 */
	public function __unserialize( array $written ): void {
		$this->date = self::date_in( $written, array( 'scheduled_timestamp', static::older_name_of_date() ) );
		if ( ! $this->date ) {
			throw new UnexpectedValueException( 'the schedule has no date' );
		}
	}

	/**
	 * A date among what was written.
	 *
	 * @param array    $written What was written.
	 * @param string[] $names   Its names, the first of which counts.
	 * @return DateTime|null
	 */
	final protected static function date_in( array $written, array $names ) {
		$found = self::first_in( $written, $names );
		return is_numeric( $found ) ? as_get_datetime_object( (int) $found ) : null;
	}

	/**
	 * A property among what was written.
	 *
	 * @param array    $written What was written.
	 * @param string[] $names   Its names, the first of which counts.
	 * @return mixed Null if there is none.
	 */
	final protected static function first_in( array $written, array $names ) {
		$properties = array();
		foreach ( $written as $key => $value ) {
			// Names of properties that are not public come after the name of their class, and NUL.
			$end                                           = strrpos( $key, "\0" );
			$properties[ false === $end ? $key : substr( $key, $end + 1 ) ] = $value;
		}
		foreach ( $names as $name ) {
			if ( isset( $properties[ $name ] ) ) {
				return $properties[ $name ];
			}
		}
		return null;
	}
}
