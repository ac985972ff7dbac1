//! Working processes on PostgreSQL, MariaDB and a Galera cluster: what is promised holds whatever happens to them, to
//! the server, and to the way between.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that fails is to panic")]

mod away;
mod cut_off;
mod failover;
mod full;
mod galera;
mod killed;
#[path = "../processes/mod.rs"]
mod processes;
mod server;
mod stopped;
mod unrecorded;
