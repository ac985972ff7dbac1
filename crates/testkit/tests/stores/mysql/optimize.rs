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
    assert!(!plan[0].present && plan[0].statement.contains("ADD INDEX"), "{plan:?}");
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

impl Site {
    /// Another store on the same tables.
    async fn another_store(&self) -> MySqlStore {
        let clock = self.store.clock().clone();
        MySqlStore::open(&self.database.url().parse().unwrap(), clock).await.unwrap()
    }
}
