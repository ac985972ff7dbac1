//! Working processes on one SQLite file: stopped, and left alone.

mod books;
mod shared;
mod stopped;
mod worker;
