//! A store around another one is a store: every call goes through, with its answer.

use std::sync::Arc;

use action_scheduler::time::Clock;
use testkit::{FaultyStore, MemoryStore, StoreUnderTest};

async fn make_store(clock: Clock) -> StoreUnderTest {
    StoreUnderTest::new(FaultyStore::new(Arc::new(MemoryStore::new(clock))))
}

testkit::conformance_suite!(make_store);
