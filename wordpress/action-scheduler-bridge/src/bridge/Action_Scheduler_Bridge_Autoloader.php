<?php
/**
 * Finds the files of classes.
 *
 * @package ActionSchedulerBridge
 */

/**
 * Loads the classes of one copy of the bridge: each is a file with its name.
 */
final class Action_Scheduler_Bridge_Autoloader {
	/**
	 * Where the files are.
	 *
	 * @var string
	 */
	private $source;

	/**
	 * The folders that are looked into, by what the names of their classes begin with.
	 *
	 * @var string[][]
	 */
	private $folders = array( 'Action_Scheduler_Bridge_' => array( 'bridge' ) );

	/**
	 * For one copy.
	 *
	 * @param string $source Where its files are.
	 */
	public function __construct( $source ) {
		$this->source = $source;
	}

	/**
	 * From now on, classes that bear the plugin's names are loaded, too.
	 */
	public function provide() {
		$this->folders['Action_Scheduler_Bridge_'] = array( 'bridge', 'store', 'runner' );
		$this->folders['ActionScheduler']          = array( '.', 'actions', 'schedules', 'store', 'log', 'runner' );
		$this->folders['CronExpression']           = array( 'cron' );
	}

	/**
	 * Loads a class, if it is one of these.
	 *
	 * @param string $name Its name.
	 */
	public function load( $name ) {
		foreach ( $this->folders as $prefix => $folders ) {
			if ( 0 !== strpos( $name, $prefix ) ) {
				continue;
			}
			foreach ( $folders as $folder ) {
				$file = "{$this->source}/$folder/$name.php";
				if ( is_file( $file ) ) {
					require_once $file;
					return;
				}
			}
		}
	}
}
