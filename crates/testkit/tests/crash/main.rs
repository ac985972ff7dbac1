//! Working processes on one SQLite file: killed, stopped, woken, and left alone.

mod books;
mod killed;
mod shared;
mod stopped;
mod woken;
mod worker;
