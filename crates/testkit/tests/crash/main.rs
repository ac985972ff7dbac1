//! Working processes on one SQLite file: killed, recovered from, stopped, woken, and left alone.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that fails is to panic")]

mod books;
mod killed;
mod recovered;
mod shared;
mod stopped;
mod woken;
mod worker;
