//! Noticing what other processes write: the file system tells when SQLite's log file beside the database changes, so that
//! nobody has to look for it while nothing happens.

use std::path::Path;
use std::time::Duration;

use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};

/// How long not to listen after a write was noticed.
const QUIET: Duration = Duration::from_millis(20);

/// Watches for as long as it lives.
pub(super) struct Watch {
    _watcher: RecommendedWatcher,
}

impl Watch {
    /// Calls `changed` after each write to the file. `None` where the file system cannot tell; the runner's poll
    /// interval then notices.
    pub(super) fn start(file: &str, changed: impl Fn() + Send + 'static) -> Option<Self> {
        let log = Path::new(&format!("{file}-wal")).to_owned();
        let handler = move |event: notify::Result<notify::Event>| {
            // An error means that events may have been lost.
            if event.map_or(true, |event| {
                matches!(event.kind, EventKind::Modify(_) | EventKind::Create(_))
            }) {
                changed();
                // Writes come in crowds. Those that follow wait in the system's queue as one event.
                std::thread::sleep(QUIET);
            }
        };
        let watch = || {
            let mut watcher = notify::recommended_watcher(handler)?;
            watcher.watch(&log, RecursiveMode::NonRecursive)?;
            Ok(Self { _watcher: watcher })
        };
        watch()
            .inspect_err(|error: &notify::Error| tracing::warn!(%error, file, "other processes are noticed by polling only"))
            .ok()
    }
}
