<?php
/**
 * Queries.
 *
 * @package ActionSchedulerBridge
 */

/**
 * A query for actions, as SQL.
 */
final class Action_Scheduler_Bridge_Query {
	const DEFAULTS = array(
		'hook'                  => '',
		'args'                  => null,
		'partial_args_matching' => 'off',
		'date'                  => null,
		'date_compare'          => '<=',
		'modified'              => null,
		'modified_compare'      => '<=',
		'group'                 => '',
		'status'                => '',
		'claimed'               => null,
		'search'                => '',
		'per_page'              => 5,
		'offset'                => 0,
		'orderby'               => 'date',
		'order'                 => 'ASC',
	);

	/**
	 * What can be sorted by.
	 */
	const COLUMNS = array(
		'date'      => 'a.scheduled_date_gmt',
		'hook'      => 'a.hook',
		'group'     => 'g.slug',
		'modified'  => 'a.last_attempt_gmt',
		'action_id' => 'a.action_id',
		'none'      => null,
	);

	const COMPARATORS = array( '!=', '>', '>=', '<', '<=', '=' );

	/**
	 * What is asked for.
	 *
	 * @var array
	 */
	private $asked;

	/**
	 * Conditions with placeholders.
	 *
	 * @var string[]
	 */
	private $conditions = array();

	/**
	 * What is put in their places.
	 *
	 * @var array
	 */
	private $values = array();

	/**
	 * A query.
	 *
	 * @param array $asked As as_get_scheduled_actions() takes it.
	 * @throws InvalidArgumentException If it cannot be asked.
	 */
	public function __construct( array $asked ) {
		$this->asked = $asked + self::DEFAULTS;
		if ( ! empty( $this->asked['hook'] ) ) {
			$this->where( 'a.hook = %s', $this->asked['hook'] );
		}
		if ( ! empty( $this->asked['group'] ) ) {
			$this->where( 'g.slug = %s', $this->asked['group'] );
		}
		if ( null !== $this->asked['args'] ) {
			$this->where_args( (array) $this->asked['args'] );
		}
		if ( ! empty( $this->asked['status'] ) ) {
			$statuses = array_values( (array) $this->asked['status'] );
			$this->where( 'a.status IN (' . implode( ', ', array_fill( 0, count( $statuses ), '%s' ) ) . ')', ...$statuses );
		}
		$this->where_date( 'a.scheduled_date_gmt', 'date' );
		$this->where_date( 'a.last_attempt_gmt', 'modified' );
		$this->where_claimed( $this->asked['claimed'] );
		if ( ! empty( $this->asked['search'] ) ) {
			$this->where_found( (string) $this->asked['search'] );
		}
	}

	/**
	 * The statement that gives the ids.
	 *
	 * @return string
	 */
	public function select() {
		global $wpdb;
		$order  = 'ASC' === strtoupper( $this->asked['order'] ) ? 'ASC' : 'DESC';
		$column = array_key_exists( $this->asked['orderby'], self::COLUMNS ) ? self::COLUMNS[ $this->asked['orderby'] ] : self::COLUMNS['date'];
		$sql    = 'SELECT a.action_id ' . $this->from( 'group' === $this->asked['orderby'] ) . ( $column ? " ORDER BY $column $order" : '' );
		$values = $this->values;
		if ( $this->asked['per_page'] > 0 ) {
			$sql     .= ' LIMIT %d, %d';
			$values[] = max( 0, (int) $this->asked['offset'] );
			$values[] = (int) $this->asked['per_page'];
		}
		return $values ? $wpdb->prepare( $sql, $values ) : $sql;
	}

	/**
	 * The statement that counts.
	 *
	 * @return string
	 */
	public function count() {
		global $wpdb;
		$sql = 'SELECT COUNT(*) ' . $this->from( false );
		return $this->values ? $wpdb->prepare( $sql, $this->values ) : $sql;
	}

	/**
	 * Where to look.
	 *
	 * @param bool $with_groups Whether the groups are needed for more than a condition.
	 * @return string
	 */
	private function from( $with_groups ) {
		global $wpdb;
		$sql = "FROM {$wpdb->prefix}actionscheduler_actions a";
		if ( $with_groups || ! empty( $this->asked['group'] ) ) {
			$sql .= " LEFT JOIN {$wpdb->prefix}actionscheduler_groups g ON g.group_id = a.group_id";
		}
		return $this->conditions ? $sql . ' WHERE ' . implode( ' AND ', $this->conditions ) : $sql;
	}

	/**
	 * Adds a condition.
	 *
	 * @param string $condition The condition, with placeholders.
	 * @param mixed  ...$values What is put in their places.
	 */
	private function where( $condition, ...$values ) {
		$this->conditions[] = $condition;
		array_push( $this->values, ...$values );
	}

	/**
	 * With these args, or with these among others.
	 *
	 * @param array $args The args.
	 * @throws InvalidArgumentException If it cannot be asked.
	 */
	private function where_args( array $args ) {
		switch ( $this->asked['partial_args_matching'] ) {
			case 'off':
				$this->where( 'a.args = %s', Action_Scheduler_Bridge_Row::args_to_look_for( $args ) );
				return;
			case 'like':
				foreach ( $args as $key => $value ) {
					$this->where_like( 'COALESCE(a.extended_args, a.args) LIKE %s', trim( wp_json_encode( array( $key => $value ) ), '{}' ) );
				}
				return;
			case 'json':
				foreach ( $args as $key => $value ) {
					$this->where_json( $key, $value );
				}
				return;
			default:
				throw new InvalidArgumentException( 'partial_args_matching must be off, like or json' );
		}
	}

	/**
	 * With this arg.
	 *
	 * @param string|int $key   Its name.
	 * @param mixed      $value Its value.
	 * @throws InvalidArgumentException If it cannot be asked.
	 */
	private function where_json( $key, $value ) {
		if ( ! is_scalar( $value ) ) {
			throw new InvalidArgumentException( 'with partial_args_matching json, args must be texts, numbers, true or false, not ' . gettype( $value ) );
		}
		$path = is_int( $key ) ? "\$[$key]" : '$."' . addcslashes( $key, '"\\' ) . '"';
		$arg  = 'JSON_EXTRACT(IF(JSON_VALID(COALESCE(a.extended_args, a.args)), COALESCE(a.extended_args, a.args), NULL), %s)';
		if ( is_string( $value ) ) {
			$this->where( "JSON_UNQUOTE($arg) = %s", $path, $value );
		} elseif ( is_bool( $value ) ) {
			$this->where( "$arg = " . ( $value ? 'true' : 'false' ), $path );
		} else {
			$this->where( "$arg = " . ( is_int( $value ) ? '%d' : '%f' ), $path, $value );
		}
	}

	/**
	 * Before or after a date.
	 *
	 * @param string $column Which date of theirs.
	 * @param string $key    Where the date is in what is asked for.
	 */
	private function where_date( $column, $key ) {
		$date = $this->asked[ $key ];
		if ( null === $date ) {
			return;
		}
		$asked      = $this->asked[ "{$key}_compare" ];
		$comparator = in_array( $asked, self::COMPARATORS, true ) ? $asked : '=';
		$this->where( "$column $comparator %s", Action_Scheduler_Bridge_Dates::gmt( as_get_datetime_object( $date ) ) );
	}

	/**
	 * With a claim, without one, or with this one.
	 *
	 * @param bool|int|null $claimed Which.
	 */
	private function where_claimed( $claimed ) {
		if ( is_bool( $claimed ) ) {
			$this->where( $claimed ? 'a.claim_id <> 0' : 'a.claim_id = 0' );
		} elseif ( null !== $claimed ) {
			$this->where( 'a.claim_id = %d', $claimed );
		}
	}

	/**
	 * With this in the hook or the args, or as the claim.
	 *
	 * @param string $text What is looked for.
	 */
	private function where_found( $text ) {
		global $wpdb;
		$like = '%' . $wpdb->esc_like( $text ) . '%';
		$this->where( '(a.hook LIKE %s OR COALESCE(a.extended_args, a.args) LIKE %s OR a.claim_id = %d)', $like, $like, (int) $text > 0 ? (int) $text : -1 );
	}

	/**
	 * Adds a condition that a text contains another.
	 *
	 * @param string $condition The condition, with a placeholder.
	 * @param string $text      The other.
	 */
	private function where_like( $condition, $text ) {
		global $wpdb;
		$this->where( $condition, '%' . $wpdb->esc_like( $text ) . '%' );
	}
}
