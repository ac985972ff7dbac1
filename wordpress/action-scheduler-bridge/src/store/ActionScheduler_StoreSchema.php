<?php
/**
 * Names of tables, under the name that plugins know.
 *
 * @package ActionSchedulerBridge
 */

/**
 * Names that other plugins use when they ask the tables themselves.
 */
class ActionScheduler_StoreSchema {
	const ACTIONS_TABLE = 'actionscheduler_actions';
	const CLAIMS_TABLE  = 'actionscheduler_claims';
	const GROUPS_TABLE  = 'actionscheduler_groups';
	const DEFAULT_DATE  = '0000-00-00 00:00:00';
}
