//! Rows that cannot be read fail alone, with the reason in their log, and stay as they are.

use action_scheduler::action::ActionId;
use action_scheduler::{Context, Schedule, Status, Store};

use super::{Site, action};

/// Spoils a column of the first of two actions, and claims what is due.
async fn spoiled(set: &str) -> (Site, ActionId, Vec<ActionId>) {
    let mut site = Site::new().await;
    let bad = site.put(action("bad", Schedule::Single(site.now()))).await;
    site.put(action("good", Schedule::Single(site.now()))).await;
    site.sql(format!("UPDATE wp_actionscheduler_actions SET {set} WHERE action_id = {bad}")).await;
    let runner = site.runner().await;
    let claim = site.claim(runner, 10).await.expect("the good one");
    (site, bad, claim.actions.iter().map(|one| one.id).collect())
}

#[tokio::test]
async fn what_cannot_be_read_fails_alone_and_the_queue_goes_on() {
    for (column, value, what) in [
        ("args", "{broken", "its args cannot be read"),
        ("args", "NULL", "its args cannot be read"),
        ("extended_args", "not JSON", "its args cannot be read"),
        ("schedule", r#"O:8:"stdClass":0:{}"#, "its schedule cannot be read"),
        ("schedule", r#"O:30:"ActionSch"#, "its schedule cannot be read"),
        ("schedule", "NULL", "its schedule cannot be read"),
        ("schedule", "", "its schedule cannot be read"),
    ] {
        let set = match value {
            "NULL" => format!("{column} = NULL"),
            value => format!("{column} = '{value}'"),
        };
        let (mut site, bad, claimed) = spoiled(&set).await;
        assert_eq!(claimed.len(), 1, "{set}");
        assert_ne!(claimed[0], bad, "{set}");
        assert_eq!(site.action(bad).await.status, Status::Failed, "{set}");
        let log = site.texts(bad).await;
        assert!(log[1].starts_with(&format!("action failed: {what}")), "{set}: {log:?}");
        assert_eq!(site.row(bad, column).await, [value], "{set}");

        assert_eq!(site.store.logs(vec![bad]).await.unwrap().len(), 2);
    }
}

#[tokio::test]
async fn a_status_that_nobody_knows_counts_as_failed_and_is_told() {
    let mut site = Site::new().await;
    let bad = site.put(action("bad", Schedule::Async)).await;
    site.sql("UPDATE wp_actionscheduler_actions SET status = 'sleeping'").await;
    assert_eq!(site.action(bad).await.status, Status::Failed);
    site.store.recover(Vec::new(), &Context::new("serve")).await.unwrap();
    assert_eq!(site.row(bad, "status").await, ["failed"]);
    let log = site.texts(bad).await;
    assert!(log[1].contains("its status \"sleeping\" cannot be read"), "{log:?}");
}

#[tokio::test]
async fn an_action_without_a_date_is_due_at_once() {
    let (_, bad, claimed) = spoiled("scheduled_date_gmt = '0000-00-00 00:00:00'").await;
    assert!(claimed.contains(&bad), "{claimed:?}");
}
