<?php
/**
 * Actions that were canceled.
 *
 * @package ActionSchedulerBridge
 */

/**
 * An action that was canceled.
 */
class ActionScheduler_CanceledAction extends ActionScheduler_FinishedAction {}
