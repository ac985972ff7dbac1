//! Runs every example, and checks what it prints and does.

// In the helpers of tests, too, a panic is how a test fails.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod library;
mod program;
mod real_work;
mod transactions;
mod workers;
