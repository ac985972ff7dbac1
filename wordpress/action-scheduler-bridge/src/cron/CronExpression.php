<?php
/**
 * Cron expressions.
 *
 * @package ActionSchedulerBridge
 */

/**
 * A cron expression in the dialect of the plugin Action Scheduler: minute, hour, day of month, month, day of week, and
 * perhaps a year. Day of month and day of week must both fit.
 *
 * It is written into the database as a part of schedules, so it has these two properties and no other.
 */
class CronExpression {
	const MINUTE  = 0;
	const HOUR    = 1;
	const DAY     = 2;
	const MONTH   = 3;
	const WEEKDAY = 4;
	const YEAR    = 5;

	/**
	 * After so many years, dates and weekdays have met in every way they can.
	 */
	const YEARS_TO_SEARCH = 40;

	const SHORTHANDS = array(
		'@yearly'   => '0 0 1 1 *',
		'@annually' => '0 0 1 1 *',
		'@monthly'  => '0 0 1 * *',
		'@weekly'   => '0 0 * * 0',
		'@daily'    => '0 0 * * *',
		'@hourly'   => '0 * * * *',
	);

	/**
	 * The texts of the fields.
	 *
	 * @var string[]
	 */
	private $cronParts;

	/**
	 * What the fields mean.
	 *
	 * @var CronExpression_FieldFactory
	 */
	private $fieldFactory;

	/**
	 * An expression, or a shorthand such as `@daily`.
	 *
	 * @param string                           $expression   The expression.
	 * @param CronExpression_FieldFactory|null $fieldFactory What its fields mean.
	 * @return CronExpression
	 * @throws InvalidArgumentException If it is none.
	 */
	public static function factory( $expression, ?CronExpression_FieldFactory $fieldFactory = null ) {
		$expression = (string) $expression;
		if ( isset( self::SHORTHANDS[ $expression ] ) ) {
			$expression = self::SHORTHANDS[ $expression ];
		}
		return new self( $expression, $fieldFactory ? $fieldFactory : new CronExpression_FieldFactory() );
	}

	/**
	 * An expression.
	 *
	 * @param string                      $expression   The expression.
	 * @param CronExpression_FieldFactory $fieldFactory What its fields mean.
	 * @throws InvalidArgumentException If it is none.
	 */
	public function __construct( $expression, CronExpression_FieldFactory $fieldFactory ) {
		$this->cronParts    = preg_split( '/\s+/', $expression, -1, PREG_SPLIT_NO_EMPTY );
		$this->fieldFactory = $fieldFactory;
		$this->check();
	}

	/**
	 * What was read from a database is checked as what was written by hand is.
	 */
	public function __wakeup() {
		if ( ! $this->fieldFactory instanceof CronExpression_FieldFactory ) {
			$this->fieldFactory = new CronExpression_FieldFactory();
		}
		$this->cronParts = is_array( $this->cronParts ) ? array_map( 'strval', array_values( array_filter( $this->cronParts, 'is_scalar' ) ) ) : array();
		$this->check();
	}

	/**
	 * The expression, or one field of it.
	 *
	 * @param int|null $part Which field; null for all.
	 * @return string|null
	 */
	public function getExpression( $part = null ) {
		if ( null === $part ) {
			return implode( ' ', $this->cronParts );
		}
		return isset( $this->cronParts[ $part ] ) ? $this->cronParts[ $part ] : null;
	}

	/**
	 * The expression.
	 *
	 * @return string
	 */
	public function __toString() {
		return $this->getExpression();
	}

	/**
	 * Whether it runs in this minute.
	 *
	 * @param DateTime|string $currentTime When it is.
	 * @return bool
	 */
	public function isDue( $currentTime = 'now' ) {
		$now = self::minute_of( $currentTime );
		return $this->getNextRunDate( $now, 0, true )->getTimestamp() === $now->getTimestamp();
	}

	/**
	 * When it runs.
	 *
	 * @param DateTime|string $currentTime      From when.
	 * @param int             $nth              How many runs are left out before.
	 * @param bool            $allowCurrentDate Whether the minute from when counts.
	 * @return DateTime
	 * @throws RuntimeException If it never runs.
	 */
	public function getNextRunDate( $currentTime = 'now', $nth = 0, $allowCurrentDate = false ) {
		$run = self::minute_of( $currentTime );
		if ( ! $allowCurrentDate ) {
			$run->modify( '+1 minute' );
		}
		$run = $this->first_from( $run );
		for ( ; $nth > 0; $nth-- ) {
			$run = $this->first_from( $run->modify( '+1 minute' ) );
		}
		return $run;
	}

	/**
	 * A copy of a date, without its seconds.
	 *
	 * @param DateTime|string $time The date.
	 * @return DateTime
	 */
	private static function minute_of( $time ) {
		$date = $time instanceof DateTime ? clone $time : new DateTime( $time );
		$date->setTime( (int) $date->format( 'H' ), (int) $date->format( 'i' ) );
		return $date;
	}

	/**
	 * The first run that is not before a date.
	 *
	 * @param DateTime $date The date, which is changed.
	 * @return DateTime
	 * @throws RuntimeException If there is none.
	 */
	private function first_from( DateTime $date ) {
		$hours   = $this->values( self::HOUR, 0, 23 );
		$minutes = $this->values( self::MINUTE, 0, 59 );
		$last    = $this->last_year( (int) $date->format( 'Y' ) );
		while ( $hours && $minutes && $date->format( 'Y' ) <= $last ) {
			if ( ! $this->accepts( self::YEAR, $date ) ) {
				$date->setDate( (int) $date->format( 'Y' ) + 1, 1, 1 )->setTime( 0, 0 );
			} elseif ( ! $this->accepts( self::MONTH, $date ) ) {
				$date->setDate( (int) $date->format( 'Y' ), (int) $date->format( 'n' ) + 1, 1 )->setTime( 0, 0 );
			} elseif ( $this->accepts( self::DAY, $date ) && $this->accepts( self::WEEKDAY, $date ) && self::set_time_from( $date, $hours, $minutes ) ) {
				return $date;
			} else {
				$date->modify( '+1 day' )->setTime( 0, 0 );
			}
		}
		throw new RuntimeException( "the cron expression {$this} never runs" );
	}

	/**
	 * Sets a date to the first of these times that is not before its own.
	 *
	 * @param DateTime $date    The date.
	 * @param int[]    $hours   The hours.
	 * @param int[]    $minutes The minutes.
	 * @return bool Whether there is any.
	 */
	private static function set_time_from( DateTime $date, array $hours, array $minutes ) {
		$from = (int) $date->format( 'H' ) * 60 + (int) $date->format( 'i' );
		foreach ( $hours as $hour ) {
			if ( $hour * 60 + 59 < $from ) {
				continue;
			}
			foreach ( $minutes as $minute ) {
				if ( $hour * 60 + $minute >= $from ) {
					$date->setTime( $hour, $minute );
					return true;
				}
			}
		}
		return false;
	}

	/**
	 * The values that a field of the time of day fits.
	 *
	 * @param int $position Which field.
	 * @param int $first    Its first value.
	 * @param int $last     Its last value.
	 * @return int[]
	 */
	private function values( $position, $first, $last ) {
		$field = $this->fieldFactory->getField( $position );
		$items = explode( ',', $this->cronParts[ $position ] );
		$fits  = static function ( $value ) use ( $field, $items ) {
			foreach ( $items as $item ) {
				if ( $field->isSatisfied( $value, $item ) ) {
					return true;
				}
			}
			return false;
		};
		return array_values( array_filter( range( $first, $last ), $fits ) );
	}

	/**
	 * Whether a field fits a date.
	 *
	 * @param int      $position Which field.
	 * @param DateTime $date     The date.
	 * @return bool
	 */
	private function accepts( $position, DateTime $date ) {
		if ( ! isset( $this->cronParts[ $position ] ) ) {
			return true;
		}
		$field = $this->fieldFactory->getField( $position );
		foreach ( explode( ',', $this->cronParts[ $position ] ) as $item ) {
			if ( $field->isSatisfiedBy( $date, $item ) ) {
				return true;
			}
		}
		return false;
	}

	/**
	 * The last year in which it may run first.
	 *
	 * @param int $from The year it is.
	 * @return int
	 */
	private function last_year( $from ) {
		// Years that are named may be far away.
		$named = isset( $this->cronParts[ self::YEAR ] ) ? preg_split( '/\D+/', $this->cronParts[ self::YEAR ], -1, PREG_SPLIT_NO_EMPTY ) : array();
		return min( 9999, max( array_merge( array( $from ), array_map( 'intval', $named ) ) ) + self::YEARS_TO_SEARCH );
	}

	/**
	 * Whether all fields are such.
	 *
	 * @throws InvalidArgumentException If not.
	 */
	private function check() {
		if ( count( $this->cronParts ) < 5 || count( $this->cronParts ) > 6 ) {
			throw new InvalidArgumentException( "the cron expression {$this} has not 5 or 6 fields" );
		}
		foreach ( $this->cronParts as $position => $part ) {
			if ( ! $this->fieldFactory->getField( $position )->validate( $part ) ) {
				throw new InvalidArgumentException( sprintf( 'the cron expression %s has a wrong field %d: %s', $this, $position + 1, $part ) );
			}
		}
	}
}
