<?php
/**
 * The functions of Action Scheduler 1.x.
 *
 * @package ActionSchedulerBridge
 */

/**
 * As as_schedule_single_action().
 *
 * @param int    $timestamp When.
 * @param string $hook      The hook.
 * @param array  $args      What its callbacks get.
 * @param string $group     The group.
 * @return int
 */
function wc_schedule_single_action( $timestamp, $hook, $args = array(), $group = '' ) {
	_deprecated_function( __FUNCTION__, '2.1.0', 'as_schedule_single_action()' );
	return as_schedule_single_action( $timestamp, $hook, $args, $group );
}

/**
 * As as_schedule_recurring_action().
 *
 * @param int    $timestamp           When it runs first.
 * @param int    $interval_in_seconds The time from one run to the next.
 * @param string $hook                The hook.
 * @param array  $args                What its callbacks get.
 * @param string $group               The group.
 * @return int
 */
function wc_schedule_recurring_action( $timestamp, $interval_in_seconds, $hook, $args = array(), $group = '' ) {
	_deprecated_function( __FUNCTION__, '2.1.0', 'as_schedule_recurring_action()' );
	return as_schedule_recurring_action( $timestamp, $interval_in_seconds, $hook, $args, $group );
}

/**
 * As as_schedule_cron_action().
 *
 * @param int    $timestamp When it runs first at the earliest.
 * @param string $schedule  The cron expression.
 * @param string $hook      The hook.
 * @param array  $args      What its callbacks get.
 * @param string $group     The group.
 * @return int
 */
function wc_schedule_cron_action( $timestamp, $schedule, $hook, $args = array(), $group = '' ) {
	_deprecated_function( __FUNCTION__, '2.1.0', 'as_schedule_cron_action()' );
	return as_schedule_cron_action( $timestamp, $schedule, $hook, $args, $group );
}

/**
 * As as_unschedule_action().
 *
 * @param string     $hook  The hook.
 * @param array|null $args  Its args.
 * @param string     $group Its group.
 * @return int|null
 */
function wc_unschedule_action( $hook, $args = array(), $group = '' ) {
	_deprecated_function( __FUNCTION__, '2.1.0', 'as_unschedule_action()' );
	return as_unschedule_action( $hook, $args, $group );
}

/**
 * As as_next_scheduled_action().
 *
 * @param string     $hook  The hook.
 * @param array|null $args  Its args.
 * @param string     $group Its group.
 * @return int|bool
 */
function wc_next_scheduled_action( $hook, $args = null, $group = '' ) {
	_deprecated_function( __FUNCTION__, '2.1.0', 'as_next_scheduled_action()' );
	return as_next_scheduled_action( $hook, $args, $group );
}

/**
 * As as_get_scheduled_actions().
 *
 * @param array  $args          What they are like.
 * @param string $return_format OBJECT, ARRAY_A or `ids`.
 * @return array
 */
function wc_get_scheduled_actions( $args = array(), $return_format = OBJECT ) {
	_deprecated_function( __FUNCTION__, '2.1.0', 'as_get_scheduled_actions()' );
	return as_get_scheduled_actions( $args, $return_format );
}
