//! Actions of a site that behave.

use std::time::Duration;

use action_scheduler::Status;
use action_scheduler_wordpress::WorkerSettings;
use action_scheduler_wordpress::config::Reading;
use action_scheduler_wordpress::php::Php;
use action_scheduler_wordpress::site::Installation;
use serde_json::json;
use testkit::servers::WordPress;

use crate::scene::{MAILER, MISBEHAVING, RENEWALS, Scene, Setting};

#[tokio::test]
async fn a_callback_gets_the_values_of_the_args_as_parameters() {
    // One at a time: the plugin's count would not survive two.
    let workers = WorkerSettings { workers: 1, ..WorkerSettings::default() };
    let scene = Scene::set(&[MAILER], Setting { workers, ..Setting::default() }).await;
    let customer = json!({"name": "Zoë"});
    let id = scene.enqueue("mail_order", Order { order: 42, customer }).await;
    scene.enqueue("mail_order", json!([1.5, null, true, [], "a/b"])).await;
    let report = scene.drain().await;
    assert_eq!((report.complete, report.failed), (2, 0), "{:?}", scene.log(id).await);
    let mut mails: Vec<String> = scene.file("mails").lines().map(str::to_owned).collect();
    mails.sort();
    assert_eq!(mails, [r#"[1.5,null,true,[],"a\/b"]"#, r#"[42,{"name":"Zo\u00eb"}]"#]);
    let log = scene.log(id).await;
    assert_eq!(log, ["action created", "action started via test", "action complete via test"]);
    let sent = scene.wordpress.request("echo get_option('mails_sent');").await;
    assert_eq!(sent, "2");
}

#[tokio::test]
async fn listeners_hear_of_an_action_as_of_the_originals() {
    let scene = Scene::new(&[MAILER, MISBEHAVING]).await;
    scene.wordpress.request("update_option('note_hooks', 'noted');").await;
    let id = scene.enqueue("mail_order", [7]).await;
    scene.drain().await;
    let context = "Action Scheduler";
    assert_eq!(
        scene.file("hooks").lines().collect::<Vec<_>>(),
        [
            format!("before_execute [{id},{context:?}]"),
            format!("begin_execute [{id},{context:?}]"),
            format!("after_execute [{id},null,{context:?}]"),
            format!("completed_action [{id}]"),
        ]
    );
    scene.wordpress.remove("hooks");
    let id = scene.enqueue("throw_exception", [7]).await;
    scene.drain().await;
    let heard = scene.file("hooks");
    let last = heard.lines().last();
    assert_eq!(last, Some(&*format!("failed_execution [{id},\"no such order\",{context:?}]")));
    scene.wordpress.remove("hooks");
    let id = scene.enqueue("declare_twice", [7]).await;
    scene.drain().await;
    scene.workers.close().await;
    let heard = scene.file("hooks");
    let last = heard.lines().last();
    assert_eq!(last, Some(&*format!("unexpected_shutdown [{id},\"array\"]")));
}

#[tokio::test]
async fn a_process_is_one_run_of_the_queue_to_its_listeners() {
    const LISTENER: &str = "<?php
        foreach ( array( 'before', 'after' ) as $when ) {
            add_action( \"action_scheduler_{$when}_process_queue\", function () use ( $when ) {
                file_put_contents( ABSPATH . 'runs', \"$when\\n\", FILE_APPEND );
            } );
        }
        add_action( 'tell', function () { file_put_contents( ABSPATH . 'runs', \"action\\n\", FILE_APPEND ); } );";
    let workers = WorkerSettings { workers: 1, ..WorkerSettings::default() };
    let scene =
        Scene::set(&[("listener", LISTENER)], Setting { workers, ..Setting::default() }).await;
    scene.run("tell", [1]).await;
    scene.run("tell", [2]).await;
    assert_eq!(scene.file("runs"), "before\naction\naction\n");
    scene.workers.close().await;
    assert_eq!(scene.file("runs"), "before\naction\naction\nafter\n");
}

#[tokio::test]
async fn one_process_runs_one_action_after_another_and_ends_when_it_is_idle() {
    let workers = WorkerSettings {
        workers: 1,
        idle: Duration::from_millis(300),
        ..WorkerSettings::default()
    };
    let scene = Scene::set(&[RENEWALS], Setting { workers, ..Setting::default() }).await;
    for subscription in 1..=4 {
        scene.enqueue("charge_renewal", [subscription]).await;
    }
    scene.drain().await;
    let charges = scene.file("charges");
    let processes: std::collections::BTreeSet<&str> =
        charges.lines().filter_map(|line| Some(line.split_once(' ')?.1)).collect();
    assert_eq!((charges.lines().count(), processes.len()), (4, 1), "{charges}");
    assert_eq!(scene.workers.started(), 1);
    let process = format!("/proc/{}", processes.first().unwrap());
    until(|| !std::path::Path::new(&process).exists()).await;
    assert_eq!(scene.workers.idle(), 0);
}

#[tokio::test]
async fn a_worker_is_replaced_after_so_many_actions() {
    let workers = WorkerSettings { workers: 1, actions: 2, ..WorkerSettings::default() };
    let scene = Scene::set(&[RENEWALS], Setting { workers, ..Setting::default() }).await;
    for _ in 0..5 {
        scene.enqueue("charge_renewal", [1]).await;
    }
    let report = scene.drain().await;
    assert_eq!((report.complete, scene.workers.started()), (5, 3));
}

#[tokio::test]
async fn a_changed_file_is_seen_by_the_next_action() {
    let scene =
        Scene::new(&[("shop", "<?php add_action('tell', function () { echo 'old'; });")]).await;
    assert_eq!(scene.run("tell", [1]).await, ["old", "action complete via test"]);
    scene
        .wordpress
        .add_plugin("shop", "<?php add_action('tell', function () { echo 'new one'; });");
    assert_eq!(scene.run("tell", [2]).await, ["new one", "action complete via test"]);
    // A further file, and an option.
    scene.wordpress.add_plugin("more", "<?php add_action('more', function () { echo 'more'; });");
    assert_eq!(scene.run("more", [3]).await, ["more", "action complete via test"]);
    let plugin = "<?php /* Plugin Name: Late */ add_action('late', function () { echo 'late'; });";
    scene.wordpress.write("wp-content/plugins/late.php", plugin);
    scene.wordpress.request("update_option('active_plugins', array('late.php'));").await;
    assert_eq!(scene.run("late", [4]).await, ["late", "action complete via test"]);
}

#[tokio::test]
async fn workers_are_replaced_when_they_are_told_to_be() {
    let scene = Scene::new(&[MISBEHAVING]).await;
    scene.run("be_good", [1]).await;
    scene.workers.recycle();
    scene.run("be_good", [2]).await;
    assert_eq!(scene.workers.started(), 2);
}

#[tokio::test]
async fn php_runs_as_the_sites_user_without_secrets_of_the_daemon() {
    // Set for all threads of this process, which runs this test alone or does not mind.
    let scene = Scene::new(&[MISBEHAVING]).await;
    let log = scene.run("who_am_i", [1]).await;
    let (user, groups) = match rustix::process::geteuid().is_root() {
        true => (65534, "[]".to_owned()),
        false => {
            let groups = rustix::process::getgroups().unwrap();
            let groups: Vec<u32> = groups.iter().map(|group| group.as_raw()).collect();
            (rustix::process::geteuid().as_raw(), serde_json::to_string(&groups).unwrap())
        }
    };
    assert_eq!(log[0], format!("{user} {groups} no secret"));
}

#[tokio::test]
async fn what_a_callback_stores_is_told_at_once() {
    let scene = Scene::new(&[MISBEHAVING]).await;
    let stored = scene.workers.stored();
    scene.run("store_another", [1]).await;
    assert!(stored.has_changed().unwrap());
}

#[tokio::test]
async fn a_config_that_only_php_can_read_is_read_by_php() {
    let wordpress = WordPress::install().await;
    let config = std::fs::read_to_string(wordpress.path().join("wp-config.php")).unwrap();
    let config = config.replace(
        "$table_prefix = 'wp_';",
        "$table_prefix = implode( '', array( 'wp', '_' ) ); require __DIR__ . '/local.php';",
    );
    wordpress.write("wp-config.php", &config);
    wordpress.write(
        "local.php",
        "<?php define( 'DISABLE_WP_CRON', basename( __FILE__ ) === 'local.php' );",
    );
    let installation = Installation::open(&wordpress.path(), &Php::default()).await.unwrap();
    assert!(matches!(installation.reading, Reading::ByPhp(_)));
    assert_eq!(installation.config.table_prefix.as_deref(), Some("wp_"));
    assert!(installation.config.is_true("DISABLE_WP_CRON"));
    let sites = installation.sites().await.unwrap();
    assert_eq!((sites[0].name.as_str(), sites[0].host.as_str()), ("shop.test", "shop.test"));

    wordpress.write("local.php", "<?php die( 'set DB_PASSWORD first' );");
    let error = Installation::open(&wordpress.path(), &Php::default()).await.unwrap_err();
    assert!(error.to_string().contains("set DB_PASSWORD first"), "{error}");
}

#[tokio::test]
async fn the_sites_of_a_network_have_queues_of_their_own() {
    let wordpress = WordPress::install_network().await;
    let plugin = "<?php add_action('tell', function () { global $wpdb; echo home_url(), ' ', $wpdb->prefix; });";
    let second = wordpress.add_site("second").await;
    let without = wordpress.add_site("third").await;
    assert_eq!((second, without), (2, 3));
    // Tables of a queue make it a site of ours.
    action_scheduler::store::open(&wordpress.url_of("wp_2_")).await.unwrap();
    let installation = Installation::open(&wordpress.path(), &Php::default()).await.unwrap();
    let sites = installation.sites().await.unwrap();
    let names: Vec<&str> = sites.iter().map(|site| site.name.as_str()).collect();
    assert_eq!(names, ["shop.test", "shop.test/second"]);
    wordpress.add_plugin("tell", plugin);
    let site = sites.into_iter().nth(1).unwrap();
    let scene = Scene::at(wordpress, installation, site, Setting::default()).await;
    assert_eq!(
        scene.run("tell", [1]).await,
        ["http://shop.test/second wp_2_", "action complete via test"]
    );
    let id = scene.enqueue("nothing_there", [1]).await;
    scene.drain().await;
    assert_eq!(scene.action(id).await.status, Status::Failed);
}

/// Args with keys, in an order that is kept.
#[derive(serde::Serialize)]
struct Order {
    order: u32,
    customer: serde_json::Value,
}

/// Waits until something is so.
pub async fn until(mut holds: impl FnMut() -> bool) {
    let begun = std::time::Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(60), "waited for long enough");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
