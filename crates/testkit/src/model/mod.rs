//! Stores put to the test by chance: any sequence of calls has to come out as it does in the model, and any number of
//! clients at once must leave the store whole.
//!
//! ```no_run
//! use action_scheduler::time::Clock;
//! use testkit::{MemoryStore, StoreUnderTest};
//!
//! async fn make_store(clock: Clock) -> StoreUnderTest {
//!     StoreUnderTest::new(MemoryStore::new(clock))
//! }
//!
//! testkit::model_suite!(make_store);
//! # fn main() {}
//! ```
//!
//! `PROPTEST_CASES` sets how many sequences are tried (64 and 32 unless set). Those that fail are cut down to the smallest
//! that still fail, which for clients at once is a matter of luck.

mod agreement;
mod calls;
mod clients;
pub mod kept;
pub mod ops;
mod twins;

use action_scheduler::Query;
use action_scheduler::time::Clock;
use jiff::Timestamp;
use proptest::collection::vec;
use proptest::strategy::Strategy;
use proptest::test_runner::{Config, TestCaseResult, TestError, TestRunner};
use std::fmt::Debug;

pub use agreement::agrees_with_model;
pub use clients::holds_together;
pub use ops::Op;

use crate::StoreUnderTest;
use crate::conformance::{NOON, block_on};

/// Tries random sequences of calls on fresh stores and on the model; see [`agrees_with_model`].
pub fn check_agreement(make_store: impl AsyncFn(Clock) -> StoreUnderTest) {
    let check = async |store, ops| agrees_with_model(store, ops).await;
    try_cases(64, ops::ops(60), make_store, check);
}

/// Tries random sequences of calls by up to four clients at once on fresh stores; see [`holds_together`].
pub fn check_clients(make_store: impl AsyncFn(Clock) -> StoreUnderTest) {
    let clients = vec(ops::ops(50), 1..=4);
    let check = async |store, clients| holds_together(store, clients).await;
    try_cases(32, clients, make_store, check);
}

/// Does these things to a store, as far as they make sense: what is in it then has been through all there is.
pub async fn play(store: &StoreUnderTest, ops: &[Op]) -> action_scheduler::Result<()> {
    let mut world = calls::World::default();
    for op in ops {
        if let Some(call) = world.plan(op, store.clock().now()) {
            let answer = call.clone().perform(store).await?;
            world.learn(&call, &answer);
            world.see(&store.query(Query::new().unlimited()).await?);
        }
    }
    Ok(())
}

/// Tries random sequences of things to do, each with a clock of its own.
pub fn check_sequences(
    cases: u32,
    longest: usize,
    check: impl AsyncFn(Clock, Vec<Op>) -> TestCaseResult,
) {
    let no_store = async |clock: Clock| clock;
    try_cases(cases, ops::ops(longest), no_store, check);
}

fn try_cases<T: Debug + Clone, S>(
    cases: u32,
    strategy: impl Strategy<Value = T>,
    make_store: impl AsyncFn(Clock) -> S,
    check: impl AsyncFn(S, T) -> TestCaseResult,
) {
    let is_set = std::env::var_os("PROPTEST_CASES").is_some();
    let cases = if is_set { Config::default().cases } else { cases };
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let outcome = TestRunner::new(config).run(&strategy, |case| {
        block_on(async {
            let clock = Clock::manual(NOON.parse::<Timestamp>().unwrap());
            check(make_store(clock).await, case).await
        })
    });
    match outcome {
        Ok(()) => {}
        Err(TestError::Fail(reason, smallest)) => {
            panic!("{reason}\nthe smallest that fails: {smallest:#?}")
        }
        Err(aborted) => panic!("{aborted}"),
    }
}

/// Two tests, in a module `model`, on the stores that `$make_store` gives; see [`crate::conformance_suite!`].
#[macro_export]
macro_rules! model_suite {
    ($make_store:expr) => {
        mod model {
            #[allow(unused_imports)]
            use super::*;

            #[test]
            fn any_sequence_of_calls_comes_out_as_in_the_model() {
                $crate::model::check_agreement($make_store);
            }

            #[test]
            fn clients_at_once_leave_the_store_whole() {
                $crate::model::check_clients($make_store);
            }
        }
    };
}
