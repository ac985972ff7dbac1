//! Private database servers, and the proxy before them, do what tests rely on.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that fails is to panic")]

mod galera;
mod mariadb;
mod owner;
mod postgres;
mod proxy;
