//! Keeping SQLite's write-ahead log short.
//!
//! What SQLite does by itself after a commit moves the log into the database while others go on writing: with several busy
//! processes there is always something in it that is not moved yet, so that the log never begins anew, grows by gigabytes,
//! and is worked on after each commit. Here writers are held off for that moment, so that the next one begins it anew.

use std::time::Duration;

use rusqlite::Connection;

use super::connection::wait_for_lock;

/// How many pages the log may have before it is moved into the database.
const LONG: i64 = 4000;

/// How long the log was when last looked.
#[derive(Debug, Default)]
pub(super) struct LogFile {
    /// It could not be begun anew when it had this many pages, as somebody was reading in it, or doing the same.
    kept: i64,
}

impl LogFile {
    /// Moves a long log into the database. What cannot be done now is done after a later commit.
    pub(super) fn keep_short(&mut self, connection: &Connection) {
        let Some(pages) = pages(connection, "NOOP") else { return };
        if pages < self.kept {
            self.kept = 0;
        }
        if pages < self.kept + LONG {
            return;
        }
        let _ = connection.busy_handler(Some(wait_briefly));
        let busy: Option<bool> = connection
            .prepare_cached("PRAGMA wal_checkpoint(RESTART)")
            .and_then(|mut statement| statement.query_row([], |row| row.get(0)))
            .ok();
        let _ = connection.busy_handler(Some(wait_for_lock));
        self.kept = if busy == Some(false) { 0 } else { pages };
    }
}

/// How many pages the log has.
fn pages(connection: &Connection, mode: &str) -> Option<i64> {
    connection
        .prepare_cached(&format!("PRAGMA wal_checkpoint({mode})"))
        .and_then(|mut statement| statement.query_row([], |row| row.get(1)))
        .ok()
}

/// Readers of a moment are waited for, those who read for long are not: nobody can write meanwhile.
fn wait_briefly(tries: i32) -> bool {
    std::thread::sleep(Duration::from_micros(250));
    tries < 80
}
