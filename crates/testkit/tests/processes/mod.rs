//! Working processes, what is done to them, and what is found afterwards; shared by the tests over SQLite (`crash`) and
//! over servers (`faults`), of which each uses its part.

#![allow(dead_code, reason = "each of the test binaries uses its part")]

pub mod books;
pub mod frozen;
pub mod killing;
pub mod life;
pub mod worker;
