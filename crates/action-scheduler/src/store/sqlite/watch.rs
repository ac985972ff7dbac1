//! Noticing what other processes write: the file system tells when SQLite's log file beside the database changes, so that
//! nobody has to look for it while nothing happens.

use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};

/// How long not to listen after a write was noticed. Writes come in crowds, and each costs its writer more while somebody
/// listens.
const QUIET: Duration = Duration::from_millis(20);

/// Watches for as long as it lives.
pub(super) struct Watch(Sender<Notice>);

enum Notice {
    /// The file has changed, or events may have been lost.
    Written,
    /// Nobody wants to know any more.
    End,
}

impl Watch {
    /// Calls `changed` after each write to the file. `None` where the file system cannot tell; the runner's poll
    /// interval then notices.
    pub(super) fn start(file: &str, changed: impl Fn() + Send + 'static) -> Option<Self> {
        let log = Path::new(&format!("{file}-wal")).to_owned();
        let (notices, inbox) = channel();
        let written = notices.clone();
        let handler = move |event: notify::Result<notify::Event>| {
            if event.map_or(true, |event| {
                matches!(event.kind, EventKind::Modify(_) | EventKind::Create(_))
            }) {
                // Nobody takes it when the store is being closed.
                let _ = written.send(Notice::Written);
            }
        };
        let watch = || {
            let mut watcher = notify::recommended_watcher(handler)?;
            watcher.watch(&log, RecursiveMode::NonRecursive)?;
            std::thread::Builder::new().name("sqlite-watch".into()).spawn(move || {
                if let Err(error) = tell(&mut watcher, &log, &inbox, changed) {
                    tracing::warn!(%error, log = %log.display(), "other processes are noticed by polling only from now on");
                }
            })?;
            Ok(Self(notices))
        };
        watch()
            .inspect_err(|error: &notify::Error| tracing::warn!(%error, file, "other processes are noticed by polling only"))
            .ok()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.send(Notice::End);
    }
}

/// Tells of writes until the end.
fn tell(
    watcher: &mut RecommendedWatcher,
    log: &Path,
    inbox: &Receiver<Notice>,
    changed: impl Fn(),
) -> notify::Result<()> {
    while let Ok(Notice::Written) = inbox.recv() {
        changed();
        watcher.unwatch(log)?;
        if has_ended_within(QUIET, inbox) {
            return Ok(());
        }
        watcher.watch(log, RecursiveMode::NonRecursive)?;
        // What was written meanwhile.
        changed();
    }
    Ok(())
}

/// Waits, and passes over the rest of a crowd.
fn has_ended_within(time: Duration, inbox: &Receiver<Notice>) -> bool {
    let until = Instant::now() + time;
    loop {
        match inbox.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(Notice::Written) => {}
            Ok(Notice::End) | Err(RecvTimeoutError::Disconnected) => return true,
            Err(RecvTimeoutError::Timeout) => return false,
        }
    }
}
