<?php
/**
 * Plugin Name: Action Scheduler Bridge
 * Description: Schedules actions where no plugin brings Action Scheduler, and hands the queue to the Action Scheduler daemon while that is there.
 * Version: 0.1.0
 * Requires at least: 5.3
 * Requires PHP: 7.4
 * License: GPL-2.0-or-later
 * License URI: https://www.gnu.org/licenses/gpl-2.0.html
 *
 * Works as a must-use plugin (`action-scheduler wordpress install` puts it there), as a normal one, and as a folder that
 * another plugin brings along and requires this file of. Of several copies the newest is used.
 *
 * @package ActionSchedulerBridge
 */

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

if ( ! class_exists( 'Action_Scheduler_Bridge_Versions', false ) ) {
	require_once __DIR__ . '/src/bridge/Action_Scheduler_Bridge_Versions.php';
}
Action_Scheduler_Bridge_Versions::register( '0.1.0', __DIR__ );
