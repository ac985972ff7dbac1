//! The store in the plugin's tables, on MariaDB.

use action_scheduler::store::mysql::MySqlStore;
use action_scheduler::time::Clock;
use testkit::StoreUnderTest;
use testkit::conformance::{ArgsKept, DatesKept, Limits};
use testkit::servers::MariaDb;

const LIMITS: Limits =
    Limits { dates: DatesKept::Seconds, args: ArgsKept::AsPhp { longest: 8_000 } };

async fn make_store(clock: Clock) -> StoreUnderTest {
    let database = MariaDb::shared().await.create_database().await;
    let store = MySqlStore::open(&database.url().parse().unwrap(), clock).await.unwrap();
    StoreUnderTest::with_guard(store, database).with_limits(LIMITS)
}

testkit::conformance_suite!(make_store);
testkit::model_suite!(make_store);
