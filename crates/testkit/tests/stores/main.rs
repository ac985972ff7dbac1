//! Every store, put through the same tests.

mod memory;
mod sqlite;
