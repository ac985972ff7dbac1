<?php
/**
 * The tables.
 *
 * @package ActionSchedulerBridge
 */

/**
 * The tables of the queue, which are those of the plugin Action Scheduler.
 */
final class Action_Scheduler_Bridge_Tables {
	/**
	 * The versions of the tables as they are created here, and the options in which the plugin writes them down.
	 */
	const VERSIONS = array(
		'schema-ActionScheduler_StoreSchema'  => 7,
		'schema-ActionScheduler_LoggerSchema' => 3,
	);

	const NAMES = array( 'actionscheduler_actions', 'actionscheduler_claims', 'actionscheduler_groups', 'actionscheduler_logs' );

	/**
	 * Makes the tables known to WordPress, and creates what is missing of them.
	 */
	public static function register() {
		global $wpdb;
		foreach ( self::NAMES as $name ) {
			// With a list of its own WordPress renames them when it switches to another site of a network.
			if ( ! in_array( $name, $wpdb->tables, true ) ) {
				$wpdb->tables[] = $name;
			}
			$wpdb->$name = $wpdb->prefix . $name;
		}
		// While a site is being installed it has no options yet; then the first action creates the tables.
		if ( ! wp_installing() && self::outdated() ) {
			self::create();
		}
	}

	/**
	 * Creates the tables that are missing, with what is missing of them.
	 */
	public static function create() {
		global $wpdb;
		require_once ABSPATH . 'wp-admin/includes/upgrade.php';
		// Two requests may do so at once; who comes second finds them there.
		$hides = $wpdb->hide_errors();
		dbDelta( self::definitions() );
		$wpdb->show_errors( $hides );
		foreach ( self::outdated() as $option => $version ) {
			update_option( $option, $version . '.0.' . time() );
		}
	}

	/**
	 * Which tables are not there yet, or are of an older version.
	 *
	 * @return int[] What is missing of VERSIONS.
	 */
	private static function outdated() {
		$is_outdated = static function ( $version, $option ) {
			return version_compare( (string) get_option( $option, '0' ), (string) $version, '<' );
		};
		return array_filter( self::VERSIONS, $is_outdated, ARRAY_FILTER_USE_BOTH );
	}

	/**
	 * Whether all are there.
	 *
	 * @return bool
	 */
	public static function exist() {
		global $wpdb;
		foreach ( self::NAMES as $name ) {
			if ( ! $wpdb->get_var( $wpdb->prepare( 'SHOW TABLES LIKE %s', $wpdb->esc_like( $wpdb->prefix . $name ) ) ) ) {
				return false;
			}
		}
		return true;
	}

	/**
	 * What they are like, in the form that dbDelta() compares with what is there.
	 *
	 * @return string
	 */
	private static function definitions() {
		global $wpdb;
		$end  = $wpdb->get_charset_collate();
		$date = "datetime NULL default '0000-00-00 00:00:00'";
		return "CREATE TABLE {$wpdb->prefix}actionscheduler_actions (
  action_id bigint(20) unsigned NOT NULL auto_increment,
  hook varchar(191) NOT NULL,
  status varchar(20) NOT NULL,
  scheduled_date_gmt $date,
  scheduled_date_local $date,
  priority tinyint(3) unsigned NOT NULL default '10',
  args varchar(191),
  schedule longtext,
  group_id bigint(20) unsigned NOT NULL default '0',
  attempts int(11) NOT NULL default '0',
  last_attempt_gmt $date,
  last_attempt_local $date,
  claim_id bigint(20) unsigned NOT NULL default '0',
  extended_args varchar(8000) DEFAULT NULL,
  PRIMARY KEY  (action_id),
  KEY hook_status_scheduled_date_gmt (hook(163),status,scheduled_date_gmt),
  KEY status_scheduled_date_gmt (status,scheduled_date_gmt),
  KEY scheduled_date_gmt (scheduled_date_gmt),
  KEY args (args(191)),
  KEY group_id (group_id),
  KEY last_attempt_gmt (last_attempt_gmt),
  KEY claim_id_status_scheduled_date_gmt (claim_id,status,scheduled_date_gmt)
) $end;
CREATE TABLE {$wpdb->prefix}actionscheduler_claims (
  claim_id bigint(20) unsigned NOT NULL auto_increment,
  date_created_gmt $date,
  PRIMARY KEY  (claim_id),
  KEY date_created_gmt (date_created_gmt)
) $end;
CREATE TABLE {$wpdb->prefix}actionscheduler_groups (
  group_id bigint(20) unsigned NOT NULL auto_increment,
  slug varchar(255) NOT NULL,
  PRIMARY KEY  (group_id),
  KEY slug (slug(191))
) $end;
CREATE TABLE {$wpdb->prefix}actionscheduler_logs (
  log_id bigint(20) unsigned NOT NULL auto_increment,
  action_id bigint(20) unsigned NOT NULL,
  message text NOT NULL,
  log_date_gmt $date,
  log_date_local $date,
  PRIMARY KEY  (log_id),
  KEY action_id (action_id),
  KEY log_date_gmt (log_date_gmt)
) $end;";
	}
}
