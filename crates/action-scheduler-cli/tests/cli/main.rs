//! The real binary, from the outside.

// In the helpers of tests, too, a panic is how a test fails.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod access;
mod bad_input;
mod bench;
mod config;
mod db;
mod figures;
mod formats;
mod help;
mod life;
mod manual;
mod migrate;
mod sandbox;
mod serve;
mod traces;
mod wordpress;
