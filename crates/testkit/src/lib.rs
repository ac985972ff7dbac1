//! What a store has to do, as something that can be run.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that fails is to panic")]

pub mod conformance;
pub mod crash;
pub mod faulty;
pub mod large;
pub mod mail;
pub mod memory;
pub mod model;
pub mod servers;

pub use conformance::StoreUnderTest;
pub use faulty::{Fault, FaultyStore, StandStill};
pub use memory::MemoryStore;
