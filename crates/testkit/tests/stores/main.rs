//! Every store, put through the same tests.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that fails is to panic")]

mod ahead;
mod around;
mod away;
mod bulk;
mod figures;
mod memory;
mod migrate;
mod mysql;
mod notes;
mod postgres;
mod remote;
mod runner;
mod sqlite;
mod traces;
