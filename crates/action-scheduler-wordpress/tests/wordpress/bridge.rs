//! The bridge: the site hands its queue over while a daemon gives signs of life, and takes it back.

use std::time::Duration;

use action_scheduler::Shutdown;
use action_scheduler_wordpress::attach::{Doorbell, give_signs};
use action_scheduler_wordpress::bridge::{self, BridgeError, Installed};
use action_scheduler_wordpress::php::Php;
use action_scheduler_wordpress::site::{Installation, Site};
use mysql_async::prelude::Queryable;
use testkit::servers::WordPress;
use tokio::sync::watch;

/// What the plugin asks before it runs its queue, by its filters.
const ASK: &str = "echo json_encode( array(
    apply_filters( 'action_scheduler_queue_runner_concurrent_batches', 1 ),
    apply_filters( 'action_scheduler_allow_async_request_runner', true ),
    apply_filters( 'action_scheduler_timeout_period', 300 ),
    apply_filters( 'action_scheduler_failure_period', 300 ),
) );";

const ITS_OWN: &str = "[1,true,300,300]";
const HANDED_OVER: &str = "[0,false,-1,-1]";

async fn site() -> (WordPress, Installation, Site) {
    let wordpress = WordPress::install().await;
    let installation = Installation::open(&wordpress.path(), &Php::default()).await.unwrap();
    let site = installation.sites().await.unwrap().remove(0);
    (wordpress, installation, site)
}

#[tokio::test]
async fn the_queue_is_handed_over_while_a_daemon_gives_signs_of_life() {
    let (wordpress, installation, site) = site().await;
    assert_eq!(bridge::install(&installation).unwrap(), Installed::New);
    assert!(site.has_bridge());
    assert_eq!(wordpress.request(ASK).await, ITS_OWN);

    let shutdown = Shutdown::new();
    let (_known, sites) = watch::channel(vec![site]);
    let signs = tokio::spawn(give_signs(sites, "/nowhere".into(), shutdown.clone()));
    let mut connection = wordpress.connect().await;
    let begun = std::time::Instant::now();
    loop {
        let notice: Option<String> = connection
            .query_first(
                "SELECT option_value FROM wp_options WHERE option_name = 'action_scheduler_daemon'",
            )
            .await
            .unwrap();
        if notice.is_some() {
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "no sign of life");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(wordpress.request(ASK).await, HANDED_OVER);

    // One that died without a word is missed after a minute.
    connection
        .query_drop(
            "UPDATE wp_options SET option_value = REPLACE(option_value, UNIX_TIMESTAMP() DIV 1000, \
             UNIX_TIMESTAMP() DIV 1000 - 1) WHERE option_name = 'action_scheduler_daemon'",
        )
        .await
        .unwrap();
    assert_eq!(wordpress.request(ASK).await, ITS_OWN);

    // One that stops says so.
    shutdown.stop();
    signs.await.unwrap();
    let notices: Option<u32> = connection
        .query_first(
            "SELECT COUNT(*) FROM wp_options WHERE option_name = 'action_scheduler_daemon'",
        )
        .await
        .unwrap();
    assert_eq!(notices, Some(0));
}

#[tokio::test]
async fn new_work_rings_at_the_daemon() {
    let (wordpress, installation, site) = site().await;
    bridge::install(&installation).unwrap();
    let doorbell = Doorbell::listen().unwrap();
    let mut bell = doorbell.bell(&site.key());
    let notice = serde_json::json!({
        "name": "test", "socket": doorbell.path(), "site": site.key(),
    });
    let action_scheduler::store::StoreUrl::MySql(url) = &site.store else { unreachable!() };
    let mut notices = action_scheduler_wordpress::tables::Notices::new(url);
    notices.give(url, &notice).await.unwrap();
    let rung = async |bell: &mut watch::Receiver<u64>, times: u64| {
        let rung = bell.wait_for(|count| *count == times);
        tokio::time::timeout(Duration::from_secs(60), rung).await.unwrap().unwrap();
    };
    // In the middle of the request, for each action; and at its end.
    let mut request = Box::pin(wordpress.request(
        "do_action( 'action_scheduler_stored_action', 1 );
        do_action( 'action_scheduler_stored_action', 2 );
        while ( ! file_exists( ABSPATH . 'go-on' ) ) { usleep( 1000 ); }",
    ));
    tokio::select! {
        () = rung(&mut bell, 2) => {}
        _ = &mut request => panic!("it ended without a file"),
    }
    wordpress.write("go-on", "");
    request.await;
    rung(&mut bell, 3).await;
    wordpress.request("").await;
    assert_eq!(*bell.borrow(), 3, "nothing was stored");
}

#[tokio::test]
async fn the_page_of_scheduled_actions_says_who_runs_the_queue() {
    let (wordpress, installation, site) = site().await;
    bridge::install(&installation).unwrap();
    let show = "require ABSPATH . 'wp-admin/includes/admin.php';
        set_current_screen( 'tools_page_action-scheduler' );
        do_action( 'admin_notices' );";
    assert_eq!(wordpress.request(show).await, "");
    let action_scheduler::store::StoreUrl::MySql(url) = &site.store else { unreachable!() };
    let mut notices = action_scheduler_wordpress::tables::Notices::new(url);
    let notice = serde_json::json!({"name": "<b>host</b>", "socket": "", "site": "x"});
    notices.give(url, &notice).await.unwrap();
    let shown = wordpress.request(show).await;
    assert!(
        shown.contains("run by the Action Scheduler daemon &lt;b&gt;host&lt;/b&gt;"),
        "{shown}"
    );
}

#[tokio::test]
async fn what_is_not_the_bridge_is_left_alone() {
    let (wordpress, installation, _) = site().await;
    assert!(matches!(bridge::uninstall(&installation), Err(BridgeError::Missing(_))));
    wordpress
        .write("wp-content/mu-plugins/action-scheduler-bridge.php", "<?php // Somebody else's.");
    assert!(matches!(bridge::install(&installation), Err(BridgeError::Foreign(_))));
    assert!(matches!(bridge::uninstall(&installation), Err(BridgeError::Foreign(_))));
    wordpress.remove("wp-content/mu-plugins/action-scheduler-bridge.php");
    bridge::install(&installation).unwrap();
    assert_eq!(bridge::install(&installation).unwrap(), Installed::Unchanged);
    // A version that had other files.
    wordpress.write("wp-content/mu-plugins/action-scheduler-bridge/src/Old.php", "<?php");
    assert_eq!(bridge::install(&installation).unwrap(), Installed::Replaced);
    let folder = wordpress.path().join("wp-content/mu-plugins/action-scheduler-bridge");
    assert!(folder.join("src/functions.php").exists() && !folder.join("src/Old.php").exists());
    bridge::uninstall(&installation).unwrap();
    assert!(!bridge::place(&installation).exists() && !folder.exists());
}
