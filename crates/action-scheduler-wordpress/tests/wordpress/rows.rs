//! Rows that others have written, at the edges of what the tables hold and beyond.

use action_scheduler::{ActionId, Status};
use mysql_async::prelude::Queryable;

use crate::scene::Scene;

const TELLER: (&str, &str) = (
    "teller",
    "<?php add_action( 'tell', function ( $text = 'nothing' ) { echo strlen( $text ); } );",
);

/// Stores a row as something else than this program or the plugin might.
async fn insert(scene: &Scene, args: &str, extended: Option<&str>, schedule: &str) -> ActionId {
    let mut connection = scene.wordpress.connect().await;
    connection
        .exec_drop(
            "INSERT INTO wp_actionscheduler_actions (hook, status, scheduled_date_gmt, scheduled_date_local,
             priority, args, extended_args, schedule, group_id)
             VALUES ('tell', 'pending', UTC_TIMESTAMP() - INTERVAL 1 MINUTE, UTC_TIMESTAMP(), 10, ?, ?, ?, 0)",
            (args, extended, schedule),
        )
        .await
        .unwrap();
    ActionId::new(connection.last_insert_id().unwrap().cast_signed()).unwrap()
}

#[tokio::test]
async fn a_row_that_cannot_be_read_fails_alone_and_is_kept_as_it_is() {
    const ASYNC: &str = "O:28:\"ActionScheduler_NullSchedule\":0:{}";
    let scene = Scene::new(&[TELLER]).await;
    let before = scene.enqueue("tell", ["ab"]).await;
    let text = insert(&scene, "not JSON", None, ASYNC).await;
    let scalar = insert(&scene, "7", None, ASYNC).await;
    let schedule = insert(&scene, "[]", None, "O:8:\"stdClass\":0:{}").await;
    let cut = insert(&scene, "[]", None, "O:32:\"ActionScheduler_Inter").await;
    let after = scene.enqueue("tell", ["abc"]).await;
    scene.drain().await;
    for (id, told) in [(before, "2"), (after, "3")] {
        assert_eq!(scene.action(id).await.status, Status::Complete);
        assert!(scene.log(id).await.contains(&told.to_owned()));
    }
    let mut connection = scene.wordpress.connect().await;
    for (id, kept) in [
        (text, ("not JSON", ASYNC)),
        (scalar, ("7", ASYNC)),
        (schedule, ("[]", "O:8:\"stdClass\":0:{}")),
        (cut, ("[]", "O:32:\"ActionScheduler_Inter")),
    ] {
        let row: Option<(String, String, String)> = connection
            .exec_first(
                "SELECT status, args, schedule FROM wp_actionscheduler_actions WHERE action_id = ?",
                (id.get(),),
            )
            .await
            .unwrap();
        let (args, schedule) = kept;
        assert_eq!(row, Some(("failed".into(), args.into(), schedule.into())));
        let log = scene.log(id).await;
        assert!(log.last().unwrap().starts_with("action failed"), "{log:?}");
    }
}

#[tokio::test]
async fn args_of_8000_bytes_reach_the_callback_whole_and_longer_ones_are_refused() {
    let scene = Scene::new(&[TELLER]).await;
    // With the brackets and quotes of JSON.
    let longest = "x".repeat(8000 - 4);
    let id = scene.enqueue("tell", [&longest]).await;
    scene.drain().await;
    assert!(scene.log(id).await.contains(&longest.len().to_string()));
    let longer = scene.scheduler.enqueue_async("tell", [longest + "x"]).await;
    assert!(longer.unwrap_err().to_string().contains("8000"));
}
