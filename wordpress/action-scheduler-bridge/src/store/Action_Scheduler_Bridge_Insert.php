<?php
/**
 * Storing new actions.
 *
 * @package ActionSchedulerBridge
 */

/**
 * Stores new actions.
 */
final class Action_Scheduler_Bridge_Insert {
	/**
	 * For how many seconds others are waited for who store the same unique action.
	 */
	const PATIENCE = 10;

	/**
	 * How many rows the daemon locks to take turns over what is unique.
	 */
	const TURNS = 997;

	const FORMATS = array(
		'group_id' => '%d',
		'priority' => '%d',
	);

	/**
	 * Stores an action.
	 *
	 * @param array  $row   Its columns, but for its group.
	 * @param string $group Its group.
	 * @return int Its id.
	 * @throws RuntimeException If it could not be stored.
	 */
	public function always( array $row, $group ) {
		return $this->insert( $row, $group, 'FROM DUAL' );
	}

	/**
	 * Stores an action, unless one of the same hook, args and group is pending or in-progress.
	 *
	 * @param array  $row   Its columns, but for its group.
	 * @param string $group Its group.
	 * @return int Its id; 0 if it was left out.
	 * @throws RuntimeException If it could not be stored.
	 */
	public function unless_there( array $row, $group ) {
		global $wpdb;
		$same = $wpdb->prepare(
			"NOT EXISTS (SELECT 1 FROM {$wpdb->prefix}actionscheduler_actions a
			JOIN {$wpdb->prefix}actionscheduler_groups g ON g.group_id = a.group_id
			WHERE a.hook = %s AND a.status IN (%s, %s) AND a.args = %s AND g.slug = %s)",
			$row['hook'],
			ActionScheduler_Store::STATUS_PENDING,
			ActionScheduler_Store::STATUS_RUNNING,
			$row['args'],
			$group
		);
		// One after another: of two statements that look and store at once, the database would end one as a deadlock.
		$turn = 'as-' . md5( $wpdb->dbname . $wpdb->prefix . strtolower( $row['hook'] . "\n" . $group ) );
		$wpdb->get_var( $wpdb->prepare( 'SELECT GET_LOCK(%s, %d)', $turn, self::PATIENCE ) );
		try {
			return $this->insert( $row, $group, $this->source( $row['hook'], $group ) . $same );
		} finally {
			$wpdb->get_var( $wpdb->prepare( 'SELECT RELEASE_LOCK(%s)', $turn ) );
		}
	}

	/**
	 * Where a statement reads from that looks and stores: the row that the daemon locks while it does the same, so that the
	 * statement waits for it before it looks, and the other way round. Nothing where no daemon has been.
	 *
	 * @param string $hook  The hook.
	 * @param string $group The group.
	 * @return string With the beginning of a condition.
	 */
	private function source( $hook, $group ) {
		global $wpdb;
		$turns      = $wpdb->prefix . 'action_scheduler_turns';
		$turn       = self::turn( $hook, $group );
		$suppresses = $wpdb->suppress_errors();
		$is_there   = $wpdb->query( $wpdb->prepare( "INSERT IGNORE INTO $turns (turn) VALUES (%d)", $turn ) );
		$wpdb->suppress_errors( $suppresses );
		return false === $is_there ? 'FROM DUAL WHERE ' : $wpdb->prepare( "FROM $turns t WHERE t.turn = %d AND ", $turn );
	}

	/**
	 * Which row the daemon locks.
	 *
	 * @param string $hook  The hook.
	 * @param string $group The group.
	 * @return int
	 */
	private static function turn( $hook, $group ) {
		// 64 bits without a sign are more than PHP has, so they come in two halves.
		list( , $high, $low )              = unpack( 'N2', hash( 'fnv1a64', $hook, true ) );
		list( , $group_high, $group_low ) = unpack( 'N2', hash( 'fnv1a64', $group, true ) );

		$high ^= ( ( $group_high << 1 ) | ( $group_low >> 31 ) ) & 0xffffffff;
		$low  ^= ( ( $group_low << 1 ) | ( $group_high >> 31 ) ) & 0xffffffff;
		return ( ( $high % self::TURNS ) * ( 0x100000000 % self::TURNS ) + $low ) % self::TURNS;
	}

	/**
	 * Stores an action; the tables are created if they are not there.
	 *
	 * @param array  $row       Its columns, but for its group.
	 * @param string $group     Its group.
	 * @param string $condition From where, and on which condition.
	 * @return int Its id; 0 if it was left out.
	 * @throws RuntimeException If it could not be stored.
	 */
	private function insert( array $row, $group, $condition ) {
		global $wpdb;
		$hides  = $wpdb->hide_errors();
		$stored = $this->try_to_insert( $row, $group, $condition );
		if ( false === $stored && ! Action_Scheduler_Bridge_Tables::exist() ) {
			Action_Scheduler_Bridge_Tables::create();
			$stored = $this->try_to_insert( $row, $group, $condition );
		}
		$wpdb->show_errors( $hides );
		if ( false === $stored ) {
			throw new RuntimeException( 'the database says: ' . $wpdb->last_error );
		}
		return $stored;
	}

	/**
	 * Stores an action.
	 *
	 * @param array  $row       Its columns, but for its group.
	 * @param string $group     Its group.
	 * @param string $condition From where, and on which condition.
	 * @return int|false Its id; 0 if it was left out; false if it could not be stored.
	 */
	private function try_to_insert( array $row, $group, $condition ) {
		global $wpdb;
		$group_id = $this->group_id( $group );
		if ( ! $group_id ) {
			return false;
		}
		$row    += array( 'group_id' => $group_id );
		$columns = implode( ', ', array_keys( $row ) );
		$formats = array();
		foreach ( array_keys( $row ) as $column ) {
			$formats[] = isset( self::FORMATS[ $column ] ) ? self::FORMATS[ $column ] : '%s';
		}
		$sql = "INSERT INTO {$wpdb->prefix}actionscheduler_actions ($columns) SELECT " . implode( ', ', $formats ) . ' ';
		// The condition has been prepared.
		$rows = $wpdb->query( $wpdb->prepare( $sql, array_values( $row ) ) . $condition );
		if ( false === $rows ) {
			return false;
		}
		return $rows ? (int) $wpdb->insert_id : 0;
	}

	/**
	 * The id of a group; a new one is stored.
	 *
	 * @param string $slug The group.
	 * @return int 0 if it could not be stored.
	 */
	private function group_id( $slug ) {
		global $wpdb;
		$id = $wpdb->get_var( $wpdb->prepare( "SELECT group_id FROM {$wpdb->prefix}actionscheduler_groups WHERE slug = %s ORDER BY group_id LIMIT 1", $slug ) );
		if ( $id ) {
			return (int) $id;
		}
		$wpdb->query( $wpdb->prepare( "INSERT INTO {$wpdb->prefix}actionscheduler_groups (slug) VALUES (%s)", $slug ) );
		return (int) $wpdb->insert_id;
	}
}
