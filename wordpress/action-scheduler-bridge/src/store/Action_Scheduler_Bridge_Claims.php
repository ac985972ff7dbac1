<?php
/**
 * Claims in the tables.
 *
 * @package ActionSchedulerBridge
 */

/**
 * Claims actions as the plugin does: the rows bear the id of the claim, so that no two runners have the same one.
 */
final class Action_Scheduler_Bridge_Claims {
	const ORDER = 'ORDER BY priority ASC, attempts ASC, scheduled_date_gmt ASC, action_id ASC';

	/**
	 * Claims actions that are due.
	 *
	 * @param int               $limit How many at most.
	 * @param DateTimeInterface $due   What is due.
	 * @param string[]          $hooks Only these hooks; none for all.
	 * @param string            $group Only this group; empty for all.
	 * @return ActionScheduler_ActionClaim
	 * @throws RuntimeException If the database does not let it.
	 */
	public function stake( $limit, DateTimeInterface $due, array $hooks, $group ) {
		global $wpdb;
		$ids = $this->first_due( $limit, $due, $hooks, $group );
		if ( ! $ids ) {
			return new ActionScheduler_ActionClaim( 0, array() );
		}
		$claim = $this->new_claim();
		$dates = Action_Scheduler_Bridge_Dates::columns( 'last_attempt' );
		$list  = implode( ', ', array_fill( 0, count( $ids ), '%d' ) );
		// By their ids, so that no row is locked but these. What another runner took meanwhile is not taken from it.
		$taken = $wpdb->query(
			$wpdb->prepare(
				"UPDATE {$wpdb->prefix}actionscheduler_actions SET claim_id = %d, last_attempt_gmt = %s, last_attempt_local = %s
				WHERE action_id IN ($list) AND claim_id = 0 AND status = %s",
				array_merge( array( $claim ), array_values( $dates ), $ids, array( ActionScheduler_Store::STATUS_PENDING ) )
			)
		);
		if ( false === $taken ) {
			throw new RuntimeException( 'nothing could be claimed: ' . $wpdb->last_error );
		}
		return new ActionScheduler_ActionClaim( $claim, $this->held( $claim ) );
	}

	/**
	 * What a claim holds and has not run, in the order in which it runs.
	 *
	 * @param int $claim The claim.
	 * @return int[]
	 */
	public function held( $claim ) {
		global $wpdb;
		$ids = $wpdb->get_col(
			$wpdb->prepare(
				"SELECT action_id FROM {$wpdb->prefix}actionscheduler_actions WHERE claim_id = %d AND status = %s " . self::ORDER,
				$claim,
				ActionScheduler_Store::STATUS_PENDING
			)
		);
		return array_map( 'intval', $ids );
	}

	/**
	 * Gives back what a claim holds and has not run, and forgets it.
	 *
	 * @param int $claim The claim.
	 */
	public function release( $claim ) {
		global $wpdb;
		if ( ! $claim ) {
			return;
		}
		$ids = $this->held( $claim );
		if ( $ids ) {
			$list = implode( ', ', array_fill( 0, count( $ids ), '%d' ) );
			$wpdb->query(
				$wpdb->prepare(
					"UPDATE {$wpdb->prefix}actionscheduler_actions SET claim_id = 0 WHERE action_id IN ($list) AND claim_id = %d AND status = %s",
					array_merge( $ids, array( $claim, ActionScheduler_Store::STATUS_PENDING ) )
				)
			);
		}
		$wpdb->query( $wpdb->prepare( "DELETE FROM {$wpdb->prefix}actionscheduler_claims WHERE claim_id = %d", $claim ) );
	}

	/**
	 * How many claims have actions that are not finished.
	 *
	 * @return int
	 */
	public function count() {
		global $wpdb;
		return (int) $wpdb->get_var(
			$wpdb->prepare(
				"SELECT COUNT(DISTINCT claim_id) FROM {$wpdb->prefix}actionscheduler_actions WHERE claim_id <> 0 AND status IN (%s, %s)",
				ActionScheduler_Store::STATUS_PENDING,
				ActionScheduler_Store::STATUS_RUNNING
			)
		);
	}

	/**
	 * What is due first.
	 *
	 * @param int               $limit How many at most.
	 * @param DateTimeInterface $due   What is due.
	 * @param string[]          $hooks Only these hooks; none for all.
	 * @param string            $group Only this group; empty for all.
	 * @return int[]
	 */
	private function first_due( $limit, DateTimeInterface $due, array $hooks, $group ) {
		global $wpdb;
		$where  = 'claim_id = 0 AND status = %s AND scheduled_date_gmt <= %s';
		$values = array( ActionScheduler_Store::STATUS_PENDING, Action_Scheduler_Bridge_Dates::gmt( $due ) );
		if ( $hooks ) {
			$where .= ' AND hook IN (' . implode( ', ', array_fill( 0, count( $hooks ), '%s' ) ) . ')';
			array_push( $values, ...array_values( $hooks ) );
		}
		if ( '' !== (string) $group ) {
			$where   .= " AND group_id IN (SELECT group_id FROM {$wpdb->prefix}actionscheduler_groups WHERE slug = %s)";
			$values[] = $group;
		}
		$values[] = $limit;
		$sql      = "SELECT action_id FROM {$wpdb->prefix}actionscheduler_actions WHERE $where " . self::ORDER . ' LIMIT %d';
		return array_map( 'intval', $wpdb->get_col( $wpdb->prepare( $sql, $values ) ) );
	}

	/**
	 * A new claim.
	 *
	 * @return int Its id.
	 * @throws RuntimeException If the database does not let it.
	 */
	private function new_claim() {
		global $wpdb;
		$now = Action_Scheduler_Bridge_Dates::gmt( as_get_datetime_object() );
		$wpdb->query( $wpdb->prepare( "INSERT INTO {$wpdb->prefix}actionscheduler_claims (date_created_gmt) VALUES (%s)", $now ) );
		if ( ! $wpdb->insert_id ) {
			throw new RuntimeException( 'no claim could be made: ' . $wpdb->last_error );
		}
		return (int) $wpdb->insert_id;
	}
}
