<?php
/**
 * Makes actions.
 *
 * @package ActionSchedulerBridge
 */

/**
 * Makes actions of what was asked for, and of what was stored.
 */
class ActionScheduler_ActionFactory {
	/**
	 * Makes an action and stores it.
	 *
	 * @param array $options `type` (async, single, recurring, cron), `hook`, `arguments`, `when`, `pattern`, `group`,
	 *                       `unique`, `priority`.
	 * @return int Its id; 0 if it was left out or could not be stored.
	 */
	public function create( array $options = array() ) {
		$options += array(
			'type'      => 'single',
			'hook'      => '',
			'arguments' => array(),
			'group'     => '',
			'unique'    => false,
			'when'      => time(),
			'pattern'   => null,
			'priority'  => 10,
		);
		$action   = new ActionScheduler_Action( $options['hook'], $options['arguments'], $this->schedule( $options ), $options['group'] );
		$action->set_priority( $options['priority'] );
		try {
			return $this->store( $action, $options['unique'] );
		} catch ( Exception $exception ) {
			error_log( sprintf( 'Action Scheduler: an action of the hook %s was not stored: %s', $options['hook'], $exception->getMessage() ) );
			return 0;
		}
	}

	/**
	 * Stores the next instance of a recurring action.
	 *
	 * @param ActionScheduler_Action $action An instance.
	 * @return int The id of the next one.
	 * @throws InvalidArgumentException If it does not recur.
	 */
	public function repeat( $action ) {
		$schedule = $action->get_schedule();
		$next     = $schedule->is_recurring() ? $schedule->get_next( as_get_datetime_object() ) : null;
		if ( ! $next ) {
			throw new InvalidArgumentException( 'the action does not recur' );
		}
		$class    = get_class( $schedule );
		$instance = new ActionScheduler_Action(
			$action->get_hook(),
			$action->get_args(),
			new $class( $next, $schedule->get_recurrence(), $schedule->get_first_date() ),
			$action->get_group()
		);
		$instance->set_priority( $action->get_priority() );
		return $this->store( $instance, false );
	}

	/**
	 * Makes an action of what was stored.
	 *
	 * @param string                        $status   Its status.
	 * @param string                        $hook     Its hook.
	 * @param array                         $args     Its args.
	 * @param ActionScheduler_Schedule|null $schedule Its schedule.
	 * @param string                        $group    Its group.
	 * @param int                           $priority Its priority.
	 * @return ActionScheduler_Action
	 */
	public function get_stored_action( $status, $hook, array $args = array(), ?ActionScheduler_Schedule $schedule = null, $group = '', $priority = 10 ) {
		$class = 'ActionScheduler_FinishedAction';
		if ( ActionScheduler_Store::STATUS_PENDING === $status ) {
			$class = 'ActionScheduler_Action';
		} elseif ( ActionScheduler_Store::STATUS_CANCELED === $status ) {
			$class = 'ActionScheduler_CanceledAction';
			if ( $schedule && $schedule->get_date() ) {
				$schedule = new ActionScheduler_CanceledSchedule( $schedule->get_date() );
			}
		}
		$class  = apply_filters( 'action_scheduler_stored_action_class', $class, $status, $hook, $args, $schedule, $group );
		$action = new $class( $hook, $args, $schedule, $group );
		$action->set_priority( $priority );
		return apply_filters( 'action_scheduler_stored_action_instance', $action, $hook, $args, $schedule, $group, $priority );
	}

	/**
	 * The schedule that was asked for.
	 *
	 * @param array $options As create() takes them.
	 * @return ActionScheduler_Schedule
	 */
	private function schedule( array $options ) {
		if ( 'async' === $options['type'] ) {
			return new ActionScheduler_NullSchedule();
		}
		$date = as_get_datetime_object( $options['when'] );
		if ( empty( $options['pattern'] ) ) {
			return new ActionScheduler_SimpleSchedule( $date );
		}
		if ( 'cron' === $options['type'] ) {
			return new ActionScheduler_CronSchedule( $date, $options['pattern'] );
		}
		return new ActionScheduler_IntervalSchedule( $date, (int) $options['pattern'] );
	}

	/**
	 * Stores an action.
	 *
	 * @param ActionScheduler_Action $action    The action.
	 * @param bool                   $is_unique Whether it is left out if the same one is pending or in-progress.
	 * @return int Its id; 0 if it was left out.
	 */
	private function store( ActionScheduler_Action $action, $is_unique ) {
		$store = ActionScheduler::store();
		return $is_unique ? $store->save_unique_action( $action ) : $store->save_action( $action );
	}
}
