<?php
/**
 * The functions that schedule.
 *
 * @package ActionSchedulerBridge
 */

/**
 * Has a hook run as soon as possible.
 *
 * @param string $hook     The hook.
 * @param array  $args     What its callbacks get.
 * @param string $group    The group.
 * @param bool   $unique   Whether it is left out if the same one is pending or in-progress.
 * @param int    $priority From 0 to 255; lower ones run first.
 * @return int The id of the action; 0 if it was left out or could not be stored.
 */
function as_enqueue_async_action( $hook, $args = array(), $group = '', $unique = false, $priority = 10 ) {
	if ( ! ActionScheduler::is_initialized( __FUNCTION__ ) || ! Action_Scheduler_Bridge_Request::is_sound( __FUNCTION__, $hook, $args, $group ) ) {
		return 0;
	}
	$pre = apply_filters( 'pre_as_enqueue_async_action', null, $hook, $args, $group, $priority, $unique );
	if ( null !== $pre ) {
		return is_int( $pre ) ? $pre : 0;
	}
	return ActionScheduler::factory()->create(
		array(
			'type'      => 'async',
			'hook'      => $hook,
			'arguments' => $args,
			'group'     => $group,
			'unique'    => $unique,
			'priority'  => $priority,
		)
	);
}

/**
 * Has a hook run once.
 *
 * @param int|string|DateTime $timestamp When.
 * @param string              $hook      The hook.
 * @param array               $args      What its callbacks get.
 * @param string              $group     The group.
 * @param bool                $unique    Whether it is left out if the same one is pending or in-progress.
 * @param int                 $priority  From 0 to 255; lower ones run first.
 * @return int The id of the action; 0 if it was left out or could not be stored.
 */
function as_schedule_single_action( $timestamp, $hook, $args = array(), $group = '', $unique = false, $priority = 10 ) {
	if ( ! ActionScheduler::is_initialized( __FUNCTION__ ) || ! Action_Scheduler_Bridge_Request::is_sound( __FUNCTION__, $hook, $args, $group ) ) {
		return 0;
	}
	$pre = apply_filters( 'pre_as_schedule_single_action', null, $timestamp, $hook, $args, $group, $priority, $unique );
	if ( null !== $pre ) {
		return is_int( $pre ) ? $pre : 0;
	}
	return ActionScheduler::factory()->create(
		array(
			'type'      => 'single',
			'hook'      => $hook,
			'arguments' => $args,
			'when'      => $timestamp,
			'group'     => $group,
			'unique'    => $unique,
			'priority'  => $priority,
		)
	);
}

/**
 * Has a hook run again and again, with a time in between.
 *
 * @param int|string|DateTime $timestamp           When it runs first.
 * @param int                 $interval_in_seconds The time from one run to the next; without one it runs once.
 * @param string              $hook                The hook.
 * @param array               $args                What its callbacks get.
 * @param string              $group               The group.
 * @param bool                $unique              Whether it is left out if the same one is pending or in-progress.
 * @param int                 $priority            From 0 to 255; lower ones run first.
 * @return int The id of the action; 0 if it was left out or could not be stored.
 */
function as_schedule_recurring_action( $timestamp, $interval_in_seconds, $hook, $args = array(), $group = '', $unique = false, $priority = 10 ) {
	if ( ! ActionScheduler::is_initialized( __FUNCTION__ ) || ! Action_Scheduler_Bridge_Request::is_sound( __FUNCTION__, $hook, $args, $group ) ) {
		return 0;
	}
	if ( ! Action_Scheduler_Bridge_Request::is_interval( __FUNCTION__, $interval_in_seconds ) ) {
		return 0;
	}
	$pre = apply_filters( 'pre_as_schedule_recurring_action', null, $timestamp, $interval_in_seconds, $hook, $args, $group, $priority, $unique );
	if ( null !== $pre ) {
		return is_int( $pre ) ? $pre : 0;
	}
	return ActionScheduler::factory()->create(
		array(
			'type'      => 'recurring',
			'hook'      => $hook,
			'arguments' => $args,
			'when'      => $timestamp,
			'pattern'   => (int) $interval_in_seconds,
			'group'     => $group,
			'unique'    => $unique,
			'priority'  => $priority,
		)
	);
}

/**
 * Has a hook run again and again, by a cron expression.
 *
 * @param int|string|DateTime $timestamp When it runs first at the earliest.
 * @param string              $schedule  The expression, in UTC; without one it runs once.
 * @param string              $hook      The hook.
 * @param array               $args      What its callbacks get.
 * @param string              $group     The group.
 * @param bool                $unique    Whether it is left out if the same one is pending or in-progress.
 * @param int                 $priority  From 0 to 255; lower ones run first.
 * @return int The id of the action; 0 if it was left out or could not be stored.
 * @throws InvalidArgumentException If the expression is none.
 * @throws RuntimeException         If it never runs.
 */
function as_schedule_cron_action( $timestamp, $schedule, $hook, $args = array(), $group = '', $unique = false, $priority = 10 ) {
	if ( ! ActionScheduler::is_initialized( __FUNCTION__ ) || ! Action_Scheduler_Bridge_Request::is_sound( __FUNCTION__, $hook, $args, $group ) ) {
		return 0;
	}
	$pre = apply_filters( 'pre_as_schedule_cron_action', null, $timestamp, $schedule, $hook, $args, $group, $priority, $unique );
	if ( null !== $pre ) {
		return is_int( $pre ) ? $pre : 0;
	}
	return ActionScheduler::factory()->create(
		array(
			'type'      => 'cron',
			'hook'      => $hook,
			'arguments' => $args,
			'when'      => $timestamp,
			'pattern'   => $schedule,
			'group'     => $group,
			'unique'    => $unique,
			'priority'  => $priority,
		)
	);
}

/**
 * Cancels the next pending action of a hook.
 *
 * @param string     $hook  The hook.
 * @param array|null $args  Its args; null for any.
 * @param string     $group Its group; empty for any.
 * @return int|null The id of what was canceled.
 */
function as_unschedule_action( $hook, $args = array(), $group = '' ) {
	if ( ! ActionScheduler::is_initialized( __FUNCTION__ ) ) {
		return 0;
	}
	$query = Action_Scheduler_Bridge_Request::look_up( $hook, $args, $group );
	$id    = ActionScheduler::store()->query_action( $query + array( 'status' => ActionScheduler_Store::STATUS_PENDING ) );
	if ( ! $id ) {
		return null;
	}
	try {
		ActionScheduler::store()->cancel_action( $id );
		return $id;
	} catch ( Exception $exception ) {
		ActionScheduler::logger()->log( $id, sprintf( 'it could not be canceled: %s', $exception->getMessage() ) );
		return null;
	}
}

/**
 * Cancels all pending actions of a hook, or of a group.
 *
 * @param string     $hook  The hook; empty, together with empty args, for all of the group.
 * @param array|null $args  Their args; empty, with a hook or a group alone, for any.
 * @param string     $group Their group; empty for any.
 */
function as_unschedule_all_actions( $hook, $args = array(), $group = '' ) {
	if ( ! ActionScheduler::is_initialized( __FUNCTION__ ) ) {
		return;
	}
	if ( empty( $args ) && ! empty( $hook ) && empty( $group ) ) {
		ActionScheduler::store()->cancel_actions_by_hook( $hook );
		return;
	}
	if ( empty( $args ) && empty( $hook ) && ! empty( $group ) ) {
		ActionScheduler::store()->cancel_actions_by_group( $group );
		return;
	}
	do {
		$canceled = as_unschedule_action( $hook, $args, $group );
	} while ( $canceled );
}

/**
 * When a hook runs next.
 *
 * @param string     $hook  The hook.
 * @param array|null $args  Its args; null for any.
 * @param string     $group Its group; empty for any.
 * @return int|bool The time; true if it runs now or is to run as soon as possible; false if it is not scheduled.
 */
function as_next_scheduled_action( $hook, $args = null, $group = '' ) {
	if ( ! ActionScheduler::is_initialized( __FUNCTION__ ) ) {
		return false;
	}
	$store = ActionScheduler::store();
	$query = Action_Scheduler_Bridge_Request::look_up( $hook, $args, $group );
	if ( $store->query_action( $query + array( 'status' => ActionScheduler_Store::STATUS_RUNNING ) ) ) {
		return true;
	}
	$id = $store->query_action( $query + array( 'status' => ActionScheduler_Store::STATUS_PENDING ) );
	if ( ! $id ) {
		return false;
	}
	$date = $store->fetch_action( $id )->get_schedule()->get_date();
	return $date ? $date->getTimestamp() : true;
}

/**
 * Whether a hook is pending or in-progress.
 *
 * @param string     $hook  The hook.
 * @param array|null $args  Its args; null for any.
 * @param string     $group Its group; empty for any.
 * @return bool
 */
function as_has_scheduled_action( $hook, $args = null, $group = '' ) {
	if ( ! ActionScheduler::is_initialized( __FUNCTION__ ) ) {
		return false;
	}
	$query            = Action_Scheduler_Bridge_Request::look_up( $hook, $args, $group );
	$query['status']  = array( ActionScheduler_Store::STATUS_RUNNING, ActionScheduler_Store::STATUS_PENDING );
	$query['orderby'] = 'none';
	return null !== ActionScheduler::store()->query_action( $query );
}

/**
 * Looks for actions.
 *
 * @param array  $args          What they are like: `hook`, `args`, `date`, `date_compare`, `modified`, `modified_compare`,
 *                              `group`, `status`, `claimed`, `per_page`, `offset`, `orderby`, `order`, `search`,
 *                              `partial_args_matching`.
 * @param string $return_format OBJECT, ARRAY_A or `ids`.
 * @return array Actions by their ids, or ids.
 */
function as_get_scheduled_actions( $args = array(), $return_format = OBJECT ) {
	if ( ! ActionScheduler::is_initialized( __FUNCTION__ ) ) {
		return array();
	}
	foreach ( array( 'date', 'modified' ) as $key ) {
		if ( isset( $args[ $key ] ) ) {
			$args[ $key ] = as_get_datetime_object( $args[ $key ] );
		}
	}
	$store = ActionScheduler::store();
	$ids   = $store->query_actions( $args );
	if ( 'ids' === $return_format || 'int' === $return_format ) {
		return $ids;
	}
	$actions = array();
	foreach ( $ids as $id ) {
		$action         = $store->fetch_action( $id );
		$actions[ $id ] = ARRAY_A === $return_format ? $action->to_array() : $action;
	}
	return $actions;
}

/**
 * A date.
 *
 * @param int|string|DateTimeInterface|null $date_string Seconds since 1970, a text or a date; null is the present moment.
 * @param string                            $timezone    The zone that it is in.
 * @return ActionScheduler_DateTime
 */
function as_get_datetime_object( $date_string = null, $timezone = 'UTC' ) {
	$zone = new DateTimeZone( $timezone );
	if ( $date_string instanceof DateTimeInterface ) {
		$date_string = $date_string->getTimestamp();
	}
	if ( is_numeric( $date_string ) ) {
		$date = new ActionScheduler_DateTime( '@' . (int) $date_string );
		$date->setTimezone( $zone );
		return $date;
	}
	return new ActionScheduler_DateTime( null === $date_string ? 'now' : $date_string, $zone );
}

/**
 * Whether something that later versions of the plugin brought is there.
 *
 * @param string $feature Its name.
 * @return bool
 */
function as_supports( $feature ) {
	return 'ensure_recurring_actions_hook' === $feature;
}
