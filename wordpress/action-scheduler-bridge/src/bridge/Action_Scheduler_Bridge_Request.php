<?php
/**
 * What the functions that schedule are given.
 *
 * @package ActionSchedulerBridge
 */

/**
 * Looks at what other plugins ask for, before anything is done about it.
 */
final class Action_Scheduler_Bridge_Request {
	/**
	 * How many characters the columns of hooks and groups take; the database would cut what is longer, without a word.
	 */
	const LONGEST_HOOK  = 191;
	const LONGEST_GROUP = 255;

	/**
	 * Whether an action can be made of this. If not, the developer is told why.
	 *
	 * @param string $function_name Who was called.
	 * @param mixed  $hook          The hook.
	 * @param mixed  $args          The args.
	 * @param mixed  $group         The group.
	 * @return bool
	 */
	public static function is_sound( $function_name, $hook, $args, $group ) {
		if ( ! is_string( $hook ) || '' === $hook || mb_strlen( $hook ) > self::LONGEST_HOOK ) {
			return self::refuse( $function_name, sprintf( 'The hook must be a text of 1 to %d characters.', self::LONGEST_HOOK ) );
		}
		if ( ! is_array( $args ) ) {
			return self::refuse( $function_name, sprintf( 'The args of the hook %s must be an array, not of the type %s.', $hook, gettype( $args ) ) );
		}
		if ( ! is_string( $group ) || mb_strlen( $group ) > self::LONGEST_GROUP ) {
			return self::refuse( $function_name, sprintf( 'The group of the hook %s must be a text of at most %d characters.', $hook, self::LONGEST_GROUP ) );
		}
		return true;
	}

	/**
	 * Whether this is a number of whole seconds that may lie between two runs; 0 and nothing mean that there is no second
	 * run.
	 *
	 * @param string $function_name Who was called.
	 * @param mixed  $interval      What was given.
	 * @return bool
	 */
	public static function is_interval( $function_name, $interval ) {
		if ( empty( $interval ) || ( is_numeric( $interval ) && (float) $interval === (float) (int) $interval && $interval > 0 ) ) {
			return true;
		}
		$shown = is_scalar( $interval ) ? var_export( $interval, true ) : gettype( $interval );
		return self::refuse( $function_name, sprintf( 'The interval must be a number of whole seconds, not %s.', $shown ) );
	}

	/**
	 * A query for the actions of a hook, the next one first.
	 *
	 * @param string     $hook  The hook.
	 * @param array|null $args  Their args; what is no array is any.
	 * @param string     $group Their group; empty for any.
	 * @return array
	 */
	public static function look_up( $hook, $args, $group ) {
		$query = array(
			'hook'    => $hook,
			'group'   => $group,
			'orderby' => 'date',
			'order'   => 'ASC',
		);
		return is_array( $args ) ? $query + array( 'args' => $args ) : $query;
	}

	/**
	 * Tells the developer what was wrong.
	 *
	 * @param string $function_name Who was called.
	 * @param string $message       What was wrong.
	 * @return false
	 */
	private static function refuse( $function_name, $message ) {
		_doing_it_wrong( esc_html( $function_name ), esc_html( $message ), '0.1.0' );
		return false;
	}
}
