<?php
/**
 * What the scheduler throws.
 *
 * @package ActionSchedulerBridge
 */

/**
 * What only the scheduler throws.
 */
interface ActionScheduler_Exception extends Throwable {}
