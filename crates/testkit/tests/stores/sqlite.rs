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
