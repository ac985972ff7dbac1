//! Working processes on one SQLite file, left alone.

mod books;
mod shared;
mod worker;
