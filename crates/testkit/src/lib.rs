//! What a store has to do, as something that can be run.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that fails is to panic")]

pub mod memory;

pub use memory::MemoryStore;
