//! The store in a PostgreSQL database.

use action_scheduler::store::postgres::PostgresStore;
use action_scheduler::time::Clock;
use testkit::StoreUnderTest;
use testkit::servers::Postgres;

pub(crate) async fn make_store(clock: Clock) -> StoreUnderTest {
    let database = Postgres::shared().await.create_database().await;
    let store = PostgresStore::open(database.url(), clock).await.unwrap();
    StoreUnderTest::with_guard(store, database)
}

testkit::conformance_suite!(make_store);
testkit::model_suite!(make_store);
