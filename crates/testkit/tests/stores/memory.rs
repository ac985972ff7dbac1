//! The plain store is a store, and agrees with itself.

use action_scheduler::time::Clock;
use testkit::{MemoryStore, StoreUnderTest};

async fn make_store(clock: Clock) -> StoreUnderTest {
    StoreUnderTest::new(MemoryStore::new(clock))
}

testkit::conformance_suite!(make_store);
testkit::model_suite!(make_store);
