//! Keys on request.

use action_scheduler::action::Priority;
use action_scheduler::store::mysql::MySqlStore;
use action_scheduler::{Schedule, Store};

use super::{Site, action};

#[tokio::test]
async fn a_key_is_added_and_taken_away_on_request_while_others_claim() {
    let mut site = Site::new().await;
    let other = site.another_store().await;
    let plan = site.store.optimize_plan().await.unwrap();
    assert_eq!(plan.len(), 1);
    assert!(!plan[0].present && plan[0].add.contains("ADD INDEX"), "{plan:?}");
    assert!(!plan[0].writes_wait, "this is no cluster: {plan:?}");
    let runner = site.runner().await;
    let added = site.store.optimize_apply().await.unwrap();
    assert_eq!(added.len(), 1);
    assert_eq!(site.store.optimize_apply().await.unwrap(), []);
    let late = site.put(action("a", Schedule::Async).priority(Priority(20))).await;
    let early = site.put(action("a", Schedule::Async).priority(Priority(5))).await;
    let claim = site.claim(runner, 10).await.unwrap();
    assert_eq!(claim.actions.iter().map(|one| one.id).collect::<Vec<_>>(), [early, late]);
    // Taken away by another process: whoever still names it notices.
    assert_eq!(other.optimize_remove().await.unwrap().len(), 1);
    let third = site.put(action("a", Schedule::Async)).await;
    let claim = site.claim(runner, 10).await.unwrap();
    assert_eq!(claim.actions[0].id, third);
    let keys = site.sql("SHOW INDEX FROM wp_actionscheduler_actions").await;
    let names: Vec<String> = keys.iter().map(|row| row.get(2).unwrap()).collect();
    assert!(!names.iter().any(|name| name.starts_with("action_scheduler")), "{names:?}");
}

#[tokio::test]
async fn a_key_that_another_process_added_serves_claims_after_the_next_sign_of_life() {
    let mut site = Site::new().await;
    let other = site.another_store().await;
    let runner = site.runner().await;
    let id = site.put(action("a", Schedule::Async)).await;
    other.optimize_apply().await.unwrap();
    site.sql("SET GLOBAL userstat = 1").await;
    assert!(site.store.heartbeat(runner).await.unwrap());
    assert_eq!(site.claim(runner, 10).await.unwrap().actions[0].id, id);
    let read = site
        .sql(
            "SELECT rows_read FROM information_schema.index_statistics \
             WHERE table_schema = DATABASE() AND index_name = 'action_scheduler_claim_order'",
        )
        .await;
    assert_eq!(read.len(), 1, "the claim was served by another key");
}

/// It must not keep all others waiting behind it.
#[tokio::test]
async fn a_change_that_an_open_transaction_holds_up_is_given_up() {
    let mut site = Site::new().await;
    site.sql("BEGIN").await;
    site.sql("SELECT COUNT(*) FROM wp_actionscheduler_actions").await;
    let refused = site.store.optimize_apply().await.unwrap_err().to_string();
    assert!(refused.contains("nothing was changed, as another transaction"), "{refused}");
    assert!(!site.store.optimize_plan().await.unwrap()[0].present);
    site.sql("ROLLBACK").await;
    assert_eq!(site.store.optimize_apply().await.unwrap().len(), 1);
}

impl Site {
    /// Another store on the same tables.
    async fn another_store(&self) -> MySqlStore {
        let clock = self.store.clock().clone();
        MySqlStore::open(&self.database.url().parse().unwrap(), clock).await.unwrap()
    }
}
