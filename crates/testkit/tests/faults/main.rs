//! Working processes on PostgreSQL and MariaDB: what is promised holds whatever happens to them, to
//! the server, and to the way between.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that fails is to panic")]

mod away;
mod cut_off;
mod killed;
#[path = "../processes/mod.rs"]
mod processes;
mod server;
mod stopped;
