//! The store in one SQLite file.

use action_scheduler::store::sqlite::SqliteStore;
use action_scheduler::time::Clock;
use testkit::StoreUnderTest;

async fn make_store(clock: Clock) -> StoreUnderTest {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("actions.db");
    let store = SqliteStore::open(file.to_str().unwrap(), clock).await.unwrap();
    StoreUnderTest::with_guard(store, folder)
}

testkit::conformance_suite!(make_store);
testkit::model_suite!(make_store);

/// As when a daemon and a command are started together for the first time.
#[tokio::test(flavor = "multi_thread")]
async fn many_may_create_one_file_at_the_same_moment() {
    for _ in 0..20 {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("actions.db").display().to_string();
        let mut openers = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let file = file.clone();
            openers.spawn(async move { SqliteStore::open(&file, Clock::system()).await.map(drop) });
        }
        for opened in openers.join_all().await {
            opened.unwrap();
        }
    }
}
