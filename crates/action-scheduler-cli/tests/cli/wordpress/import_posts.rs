//! Actions that the plugin's versions 1 and 2 kept as posts of a real site, moved into the tables.

use std::time::{Duration, Instant};

use mysql_async::prelude::Queryable;
use testkit::servers::WordPress;

use super::{PLUGIN, folder, greeted};
use crate::sandbox::{Outcome, Sandbox};

/// Stores actions as version 1 did, by WordPress' own functions; schedules have the names that they had then.
const OLD_STORE: &str = r#"
register_post_type( 'scheduled-action', array( 'public' => false ) );
register_taxonomy( 'action-group', 'scheduled-action', array( 'public' => false ) );
function old_action( $hook, $args, $schedule, $at, $status = 'pending', $group = 'shop & more' ) {
    global $wpdb;
    $post = wp_insert_post( array(
        'post_type' => 'scheduled-action', 'post_title' => $hook, 'post_content' => json_encode( $args ),
        'post_status' => $status, 'post_date_gmt' => gmdate( 'Y-m-d H:i:s', $at ),
        'post_date' => get_date_from_gmt( gmdate( 'Y-m-d H:i:s', $at ) ), 'post_author' => 0,
    ) );
    $wpdb->insert( $wpdb->postmeta, array( 'post_id' => $post, 'meta_key' => '_action_manager_schedule', 'meta_value' => $schedule ) );
    wp_set_object_terms( $post, array( $group ), 'action-group' );
    wp_insert_comment( array(
        'comment_post_ID' => $post, 'comment_author' => 'ActionScheduler', 'comment_agent' => 'ActionScheduler',
        'comment_type' => 'action_log', 'comment_content' => 'action created', 'comment_date_gmt' => '2020-02-03 04:05:06',
        'comment_date' => '2020-02-03 04:05:06',
    ) );
    return $post;
}
function once( $at ) {
    return "O:30:\"ActionScheduler_SimpleSchedule\":1:{s:41:\"\0ActionScheduler_SimpleSchedule\0timestamp\";i:$at;}";
}
function hourly( $at ) {
    return "O:32:\"ActionScheduler_IntervalSchedule\":2:{s:49:\"\0ActionScheduler_IntervalSchedule\0start_timestamp\";i:$at;" .
        "s:53:\"\0ActionScheduler_IntervalSchedule\0interval_in_seconds\";i:3600;}";
}
"#;

struct Site {
    wordpress: WordPress,
    sandbox: Sandbox,
}

impl Site {
    async fn with(actions: &str) -> Self {
        let wordpress = WordPress::install().await;
        wordpress.add_plugin("greeter", PLUGIN);
        wordpress.request(&format!("{OLD_STORE}\n{actions}")).await;
        Self { wordpress, sandbox: Sandbox::new() }
    }

    /// One with three actions that wait, of which one recurs and one cannot be read.
    async fn new() -> Self {
        Self::with(
            "old_action( 'greet', array( 'Ada' ), once( 1600000000 ), 1600000000 );
             old_action( 'greet', array( 'Bob' ), hourly( 1600000000 ), 1600000000 );
             old_action( 'greet', array( 'Eve' ), 'O:8:\"stdClass\":0:{}', 1600000000 );",
        )
        .await
    }

    fn run(&self, args: &[&str]) -> Outcome {
        self.sandbox.run(&[args, &["--wordpress", &folder(&self.wordpress)]].concat())
    }

    fn import(&self, args: &[&str]) -> Outcome {
        self.run(&[&["wordpress", "import-posts"], args].concat())
    }

    /// How many posts wait, and how many actions there are.
    async fn counts(&self) -> (u64, u64) {
        let mut connection = self.wordpress.connect().await;
        let posts = "SELECT COUNT(*) FROM wp_posts WHERE post_type = 'scheduled-action'";
        let posts: Option<u64> = connection.query_first(posts).await.unwrap();
        let actions = "SELECT COUNT(*) FROM wp_actionscheduler_actions WHERE hook <> ''";
        let actions: Option<u64> = connection.query_first(actions).await.unwrap_or_default();
        (posts.unwrap(), actions.unwrap_or_default())
    }
}

#[tokio::test]
async fn posts_become_actions_that_run_on_the_site_and_recur() {
    let site = Site::new().await;
    let doctor = site.run(&["wordpress", "doctor"]).stdout;
    assert!(doctor.contains("3 actions of the plugin's versions 1 and 2 are posts"), "{doctor}");
    assert!(doctor.contains("action-scheduler wordpress import-posts --wordpress DIR"), "{doctor}");

    let planned = site.import(&["--dry-run"]);
    assert_eq!(planned.code, 0, "{planned:#?}");
    assert!(planned.stdout.starts_with("would move 2 actions (2 pending), with 2 log entries"));
    assert_eq!(site.counts().await, (3, 0));

    let imported = site.import(&["--yes"]);
    assert_eq!(imported.code, 1, "one is left: {imported:#?}");
    assert!(imported.stdout.starts_with("moved 2 actions (2 pending), with 2 log entries"));
    assert!(imported.stdout.contains("left 1 post that cannot be read:"), "{}", imported.stdout);
    assert!(imported.stdout.contains("its schedule cannot be read"), "{}", imported.stdout);
    assert_eq!(site.counts().await, (1, 2));

    let ran = site.run(&["run"]);
    assert_eq!(ran.code, 0, "{ran:#?}");
    let mut names: Vec<String> = greeted(&site.wordpress).lines().map(str::to_owned).collect();
    names.sort();
    assert_eq!(names, ["Ada", "Bob"]);
    let list = site.run(&["action", "list", "--status", "pending", "--json"]);
    let pending: serde_json::Value = serde_json::from_str(&list.stdout).unwrap();
    assert_eq!(pending.as_array().unwrap().len(), 1, "the next instance: {pending}");
    assert_eq!(pending[0]["args"], serde_json::json!(["Bob"]));
    assert_eq!(pending[0]["group"], "shop & more");

    // What is left is told again, and nothing else happens.
    let again = site.import(&["--yes", "--json"]);
    assert_eq!(again.code, 1);
    let report: serde_json::Value = serde_json::from_str(&again.stdout).unwrap();
    assert_eq!((&report["done"], &report["complete"]), (&true.into(), &false.into()));
    assert_eq!(report["damaged"].as_array().unwrap().len(), 1, "{report}");
    assert_eq!(report["moved"], serde_json::json!({}));
    assert_eq!(site.counts().await, (1, 3));
}

#[tokio::test]
async fn the_plugin_is_told_that_nothing_is_left_to_move() {
    let site = Site::with("old_action( 'greet', array(), once( 1600000000 ), 1600000000 );").await;
    let imported = site.import(&["--yes"]);
    assert_eq!(imported.code, 0, "{imported:#?}");
    let told =
        site.wordpress.request("echo get_option( 'action_scheduler_migration_status' );").await;
    assert_eq!(told, "complete");
    let none = site.import(&[]);
    assert_eq!((none.code, none.stdout.as_str()), (0, "shop.test has no actions that are posts\n"));
    let doctor = site.run(&["wordpress", "doctor"]).stdout;
    assert!(!doctor.contains("are posts"), "{doctor}");
}

#[tokio::test]
async fn it_asks_before_posts_are_deleted() {
    let site = Site::new().await;
    let nobody = site.import(&[]);
    assert_eq!(nobody.code, 1, "{nobody:#?}");
    assert!(nobody.stderr.contains("to move 3 actions of shop.test"), "{}", nobody.stderr);
    assert!(nobody.stderr.contains("--yes does it"), "{}", nobody.stderr);
    let call = format!("wordpress import-posts --wordpress '{}'", folder(&site.wordpress));
    let no = site.sandbox.on_a_terminal(&call, "n\n");
    assert_eq!(no.code, 1, "{no:#?}");
    assert_eq!(site.counts().await, (3, 0));
    let yes = site.sandbox.on_a_terminal(&call, "y\n");
    assert!(yes.stdout.contains("moved 2 actions"), "{yes:#?}");
    assert_eq!(site.counts().await, (1, 2));
}

#[tokio::test]
async fn while_the_site_works_on_its_posts_nothing_is_moved() {
    for (class, problem) in [
        ("ActionScheduler_HybridStore", "is moving its posts into the tables itself"),
        ("ActionScheduler_wpPostStore", "brings a version of Action Scheduler before 3.0"),
    ] {
        let site = Site::new().await;
        let plugin = format!(
            "<?php class {class} {{}} class ActionScheduler {{ static function store() {{ return new {class}(); }} }}"
        );
        site.wordpress.add_plugin("old", &plugin);
        let refused = site.import(&["--yes"]);
        assert_eq!(refused.code, 1, "{refused:#?}");
        assert!(refused.stderr.contains(problem), "{}", refused.stderr);
        assert!(refused.stderr.contains("into maintenance mode first"), "{}", refused.stderr);
        assert_eq!(site.counts().await, (3, 0));
        // Looking is no harm; and in maintenance mode nobody is at work.
        let planned = site.import(&["--dry-run"]);
        assert_eq!(planned.code, 0, "{planned:#?}");
        assert!(planned.stderr.contains("now it would be refused: "), "{}", planned.stderr);
        site.wordpress.write(".maintenance", "<?php $upgrading = time();");
        let imported = site.import(&["--yes"]);
        assert!(imported.stdout.starts_with("moved 2 actions"), "{imported:#?}");
    }
    let site = Site::new().await;
    site.wordpress.add_plugin("broken", "<?php\nthis is no PHP;");
    let refused = site.import(&["--yes"]);
    assert!(refused.stderr.contains("it is not known whether"), "{}", refused.stderr);
    assert!(refused.stderr.contains("syntax error"), "{}", refused.stderr);
    assert_eq!(site.counts().await, (3, 0));
}

#[tokio::test]
async fn killed_again_and_again_it_moves_each_post_once() {
    const POSTS: u64 = 400;
    const KILLS: u64 = 4;
    let actions = format!(
        "for ( $i = 0; $i < {POSTS}; $i++ ) {{ old_action( 'greet', array( \"$i\" ), once( 2000000000 ), 2000000000 ); }}"
    );
    let site = Site::with(&actions).await;
    assert_eq!(site.counts().await, (POSTS, 0));
    let folder = folder(&site.wordpress);
    let import =
        ["wordpress", "import-posts", "--yes", "--batch-size", "2", "--wordpress", &folder];
    for kill in 1..=KILLS {
        let mut running = site.sandbox.command(&import).spawn().unwrap();
        let begun = Instant::now();
        while site.counts().await.1 < kill * POSTS / KILLS / 2 {
            assert!(begun.elapsed() < Duration::from_secs(60), "nothing is moved");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        running.kill().unwrap();
        running.wait().unwrap();
    }
    let last = site.import(&["--yes"]);
    assert_eq!(last.code, 0, "{last:#?}");
    assert_eq!(site.counts().await, (0, POSTS));
    let mut connection = site.wordpress.connect().await;
    let (args, notes, rest): (u64, u64, u64) = connection
        .query_first(
            "SELECT (SELECT COUNT(DISTINCT args) FROM wp_actionscheduler_actions), \
             (SELECT COUNT(DISTINCT message) FROM wp_actionscheduler_logs WHERE message LIKE 'imported from post %'), \
             (SELECT COUNT(*) FROM wp_comments WHERE comment_type = 'action_log') + \
             (SELECT COUNT(*) FROM wp_postmeta WHERE meta_key = '_action_manager_schedule')",
        )
        .await
        .unwrap()
        .unwrap();
    assert_eq!((args, notes, rest), (POSTS, POSTS, 0));
}

#[tokio::test]
async fn a_site_of_a_network_that_has_no_queue_yet_can_be_chosen() {
    let wordpress = WordPress::install_network().await;
    let blog = wordpress.add_site("second").await;
    let store = format!(
        "switch_to_blog( {blog} ); {OLD_STORE}
         old_action( 'greet', array( 'Ada' ), once( 2000000000 ), 2000000000 );"
    );
    wordpress.request(&store).await;
    let sandbox = Sandbox::new();
    let folder = folder(&wordpress);
    let import = |args: &[&str]| {
        sandbox
            .run(&[&["wordpress", "import-posts", "--yes", "--wordpress", &folder], args].concat())
    };
    let which = import(&[]);
    assert_eq!(which.code, 2, "{which:#?}");
    assert!(which.stderr.contains("shop.test, shop.test/second"), "{}", which.stderr);
    let imported = import(&["--site", "shop.test/second"]);
    assert!(imported.stdout.starts_with("moved 1 action (1 pending)"), "{imported:#?}");
    let mut connection = wordpress.connect().await;
    let hooks: Vec<String> = connection
        .query(format!("SELECT hook FROM wp_{blog}_actionscheduler_actions"))
        .await
        .unwrap();
    assert_eq!(hooks, ["greet"]);
}
