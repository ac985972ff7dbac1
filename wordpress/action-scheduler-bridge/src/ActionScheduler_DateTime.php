<?php
/**
 * Dates.
 *
 * @package ActionSchedulerBridge
 */

/**
 * A date that can be put at an offset from UTC.
 */
class ActionScheduler_DateTime extends DateTime {
	/**
	 * Shows it at an offset from UTC from now on.
	 *
	 * @param int $offset In seconds; what is beyond whole minutes is left out.
	 */
	public function setUtcOffset( $offset ) {
		$minutes = intdiv( abs( (int) $offset ), 60 );
		$sign    = $offset < 0 ? '-' : '+';
		$this->setTimezone( new DateTimeZone( sprintf( '%s%02d:%02d', $sign, intdiv( $minutes, 60 ), $minutes % 60 ) ) );
	}

	/**
	 * What its clock shows, as if it were UTC.
	 *
	 * @return int Seconds since 1970.
	 */
	public function getOffsetTimestamp() {
		return $this->getTimestamp() + $this->getOffset();
	}
}
