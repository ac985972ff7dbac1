//! Working processes on one SQLite file: stopped, woken, and left alone.

mod books;
mod shared;
mod stopped;
mod woken;
mod worker;
