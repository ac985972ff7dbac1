<?php
/**
 * Tools > Scheduled Actions.
 *
 * @package ActionSchedulerBridge
 */

/**
 * A page that shows how the queue is. Lists, and what can be done about actions, are in the admin of the daemon.
 */
class ActionScheduler_AdminView {
	/**
	 * The only one.
	 *
	 * @var ActionScheduler_AdminView|null
	 */
	private static $view;

	/**
	 * The only one.
	 *
	 * @return ActionScheduler_AdminView
	 */
	public static function instance() {
		if ( null === self::$view ) {
			$class      = apply_filters( 'action_scheduler_admin_view_class', __CLASS__ );
			self::$view = new $class();
		}
		return self::$view;
	}

	/**
	 * Begins to listen.
	 */
	public function init() {
		add_action( 'admin_menu', array( $this, 'register_menu' ) );
	}

	/**
	 * Puts the page into the menu.
	 */
	public function register_menu() {
		add_management_page( 'Scheduled Actions', 'Scheduled Actions', 'manage_options', 'action-scheduler', array( $this, 'render_admin_ui' ) );
	}

	/**
	 * Shows the page.
	 */
	public function render_admin_ui() {
		$store  = ActionScheduler::store();
		$labels = $store->get_status_labels() + array( 'past-due' => 'Past-due' );
		echo '<div class="wrap"><h1>Scheduled Actions</h1><table class="widefat striped" style="max-width: 30em"><tbody>';
		foreach ( $store->action_counts() + $store->extra_action_counts() as $status => $count ) {
			$label = isset( $labels[ $status ] ) ? $labels[ $status ] : $status;
			printf( '<tr><th scope="row">%s</th><td>%s</td></tr>', esc_html( $label ), esc_html( number_format_i18n( $count ) ) );
		}
		echo '</tbody></table></div>';
	}
}
