//! Several copies of the bridge, and the plugin Action Scheduler itself.

use std::path::Path;

use action_scheduler_wordpress::bridge;
use action_scheduler_wordpress::php::Php;
use action_scheduler_wordpress::site::Installation;
use serde_json::{Value, json};
use testkit::servers::WordPress;

use super::Shop;

const SOURCE: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../wordpress/action-scheduler-bridge");

/// A plugin that brings a copy of the bridge with it, of another version.
fn bundle(wordpress: &WordPress, plugin: &str, version: &str) {
    fn copy(wordpress: &WordPress, from: &Path, to: &str, version: &str) {
        for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
            let to = format!("{to}/{}", entry.file_name().display());
            if entry.file_type().unwrap().is_dir() {
                copy(wordpress, &entry.path(), &to, version);
            } else {
                let text = std::fs::read_to_string(entry.path()).unwrap();
                wordpress.write(&to, &text.replace("'0.1.0'", &format!("'{version}'")));
            }
        }
    }
    let folder = format!("wp-content/plugins/{plugin}");
    copy(wordpress, Path::new(SOURCE), &format!("{folder}/lib"), version);
    wordpress.write(
        &format!("{folder}/{plugin}.php"),
        &format!(
            "<?php /* Plugin Name: {plugin} */ require_once __DIR__ . '/lib/action-scheduler-bridge.php';"
        ),
    );
}

const WHICH: &str = "return array( Action_Scheduler_Bridge::VERSION, basename( dirname( ActionScheduler::plugin_path( '' ) ) ),
    as_enqueue_async_action( 'h' ) > 0, has_action( 'plugins_loaded', array( 'Action_Scheduler_Bridge_Versions', 'start_newest' ) ) );";

#[tokio::test]
async fn of_several_copies_the_newest_is_used() {
    let shop = Shop::open().await;
    for (plugin, version) in [("alpha", "0.0.9"), ("beta", "0.10.0"), ("gamma", "0.9.0")] {
        bundle(&shop.wordpress, plugin, version);
    }
    let activate =
        |plugins: &str| format!("return update_option( 'active_plugins', array( {plugins} ) );");
    assert_eq!(shop.ask::<Value>(WHICH).await, json!(["0.1.0", "mu-plugins", true, 1]));
    shop.ask::<bool>(&activate("'alpha/alpha.php', 'beta/beta.php', 'gamma/gamma.php'")).await;
    assert_eq!(shop.ask::<Value>(WHICH).await, json!(["0.10.0", "beta", true, 1]));
    shop.ask::<bool>(&activate("'gamma/gamma.php', 'alpha/alpha.php'")).await;
    assert_eq!(shop.ask::<Value>(WHICH).await, json!(["0.9.0", "gamma", true, 1]));
    shop.ask::<bool>(&activate("'alpha/alpha.php'")).await;
    assert_eq!(shop.ask::<Value>(WHICH).await, json!(["0.1.0", "mu-plugins", true, 1]));
    // The same version twice is one.
    bundle(&shop.wordpress, "alpha", "0.1.0");
    assert_eq!(shop.ask::<Value>(WHICH).await, json!(["0.1.0", "mu-plugins", true, 1]));
}

#[tokio::test]
async fn a_theme_may_bring_the_only_copy() {
    let wordpress = WordPress::install().await;
    bundle(&wordpress, "alpha", "0.1.0");
    wordpress.write(
        "wp-content/themes/plain/functions.php",
        "<?php require_once WP_PLUGIN_DIR . '/alpha/lib/action-scheduler-bridge.php';
        add_action( 'init', function () { $GLOBALS['stored'] = as_enqueue_async_action( 'h' ); }, 20 );",
    );
    let stored = wordpress.request("echo 'stored ', $GLOBALS['stored'];").await;
    assert!(stored.ends_with("stored 1"), "{stored}");
}

/// What the plugin Action Scheduler does while WordPress loads, with its names and its times.
const ORIGINAL: &str = "<?php
/* Plugin Name: The original */
class ActionScheduler_Versions {
    private $versions = array();
    private static $it;
    public static function instance() { return self::$it = self::$it ?: new self(); }
    public function register( $version, $callback ) { $this->versions[ $version ] = $callback; }
    public function latest_version() { return $this->versions ? max( array_keys( $this->versions ) ) : false; }
    public static function initialize_latest_version() { $it = self::instance(); call_user_func( $it->versions[ $it->latest_version() ] ); }
}
add_action( 'plugins_loaded', array( 'ActionScheduler_Versions', 'initialize_latest_version' ), 1, 0 );
add_action( 'plugins_loaded', function () {
    ActionScheduler_Versions::instance()->register( '3.8.2', function () { require __DIR__ . '/original/original.php'; } );
}, 0, 0 );";

const ORIGINAL_FUNCTIONS: &str = "<?php
abstract class ActionScheduler {}
class ActionScheduler_Action {}
function as_enqueue_async_action() { return 4711; }
function as_schedule_single_action() { return 4712; }";

#[tokio::test]
async fn the_bridge_steps_aside_for_the_original() {
    let wordpress = WordPress::install().await;
    let installation = Installation::open(&wordpress.path(), &Php::default()).await.unwrap();
    bridge::install(&installation).unwrap();
    // In a folder of its own, where it is not loaded by itself.
    wordpress.write("wp-content/plugins/original/original.php", ORIGINAL_FUNCTIONS);
    let file = "wp-content/plugins/original.php";
    wordpress.write(file, ORIGINAL);
    let answer = "echo 'answer ', json_encode( array( Action_Scheduler_Bridge::provides(), as_enqueue_async_action( 'h' ), \
                  function_exists( 'as_has_scheduled_action' ), class_exists( 'ActionScheduler_DBStore' ), \
                  has_filter( 'action_scheduler_queue_runner_concurrent_batches' ), \
                  (bool) wp_next_scheduled( 'action_scheduler_run_queue', array( 'WP Cron' ) ) ) );";
    wordpress.request("update_option( 'active_plugins', array( 'original.php' ) ); wp_unschedule_hook( 'action_scheduler_run_queue' );").await;
    let said = wordpress.request(answer).await;
    assert!(said.ends_with("answer [false,4711,false,false,true,false]"), "{said}");
    let tables =
        wordpress.request("echo 'tables ', count( $wpdb->get_col( \"SHOW TABLES LIKE '%scheduler\\\\_act%'\" ) );").await;
    // Those that the request before the original was there has created.
    assert!(tables.ends_with("tables 1"), "{tables}");

    // The original goes, and the next request has the bridge's functions.
    wordpress.request("update_option( 'active_plugins', array() );").await;
    let said = wordpress.request(answer).await;
    assert!(said.ends_with("answer [true,1,true,true,true,true]"), "{said}");

    // Activated while the bridge provides, its file is loaded into that request too.
    wordpress.write("late.php", &ORIGINAL.replace("<?php", "<?php if ( ! class_exists( 'ActionScheduler_Versions', false ) ) { exit( 'not there' ); } return;"));
    let said = wordpress.request(&format!("require ABSPATH . 'late.php';\n{answer}")).await;
    assert!(said.ends_with("answer [true,2,true,true,true,true]"), "{said}");
}
