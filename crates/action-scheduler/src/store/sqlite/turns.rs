//! Writers of several processes take turns.
//!
//! SQLite lets those who find the file locked ask again and again; whoever asks in the right moment is next. Busy processes
//! spend their time asking, and some of them are hardly ever next. Here they queue for a lock of the file system first, which
//! wakes them one after the other. And while one of them moves a long write-ahead log into the database no other adds to
//! it: where somebody always does, the log is never begun anew, grows by gigabytes, and is worked on after each commit.
//!
//! It is a courtesy among ourselves: SQLite's own lock is what keeps the data whole, also from programs that know nothing of
//! this one.

use std::fs::File;
use std::sync::Arc;

/// The queue of those who write to a file.
pub(super) struct Turns(Option<Arc<File>>);

impl Turns {
    /// Of a database with an open connection, so that its write-ahead log is there, and stays the same file. SQLite locks
    /// the other two files: closing one of those here would undo that.
    pub(super) fn of(file: &str) -> Self {
        let log = format!("{file}-wal");
        let opened = File::open(&log);
        if let Err(error) = &opened {
            tracing::warn!(%error, log, "several busy processes may share this store unevenly");
        }
        Self(opened.ok().map(Arc::new))
    }

    /// Waits until it is this one's turn. Where the file system has no such locks, it always is.
    pub(super) fn take(&self) -> Turn {
        Turn(self.0.clone().filter(|log| log.lock().is_ok()))
    }
}

/// Ends when it is dropped.
pub(super) struct Turn(Option<Arc<File>>);

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(log) = &self.0
            && let Err(error) = log.unlock()
        {
            tracing::error!(%error, "other processes cannot write until this one ends");
        }
    }
}
