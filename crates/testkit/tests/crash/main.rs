//! Working processes on one SQLite file: killed, recovered from, stopped, woken, and left alone.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that fails is to panic")]

mod killed;
#[path = "../processes/mod.rs"]
mod processes;
mod recovered;
mod shared;
mod stopped;
mod woken;

use self::processes::worker::Scene;

fn assert_file_is_whole(scene: &Scene) {
    let file = rusqlite::Connection::open(scene.folder.database()).unwrap();
    let verdict: String = file.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(verdict, "ok");
}
