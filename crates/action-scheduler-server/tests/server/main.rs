//! The server from the outside, over HTTP: one binary, a file per subject.

// In the helpers of tests, too, a panic is how a test fails.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod access;
mod access_page;
mod admin;
mod api;
mod browser;
mod connections;
mod mail;
mod observe;
mod on_a_network;
mod pages;
mod rights;
mod running;
mod workers;
