//! A real WordPress on a private MariaDB, with small real plugins.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that fails is to panic")]

mod away;
mod bridge;
mod broken;
mod events;
mod fair;
mod life;
mod misbehaviour;
mod provided;
mod rows;
mod scene;
mod zone;
