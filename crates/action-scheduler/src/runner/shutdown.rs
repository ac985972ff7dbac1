//! Stopping a runner: first in good order, then at once.

use tokio_util::sync::CancellationToken;

/// Tells a runner to stop. Cheap to clone; all clones are one.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    graceful: CancellationToken,
    immediate: CancellationToken,
}

impl Shutdown {
    /// Nothing is to stop yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Claims nothing more, gives back what was not started, and lets running handlers finish within the grace period.
    /// Called a second time, it is [`Shutdown::stop_at_once`].
    pub fn stop(&self) {
        if self.graceful.is_cancelled() {
            self.immediate.cancel();
        }
        self.graceful.cancel();
    }

    /// Ends running handlers now.
    pub fn stop_at_once(&self) {
        self.graceful.cancel();
        self.immediate.cancel();
    }

    /// Whether it is to stop.
    pub fn is_stopping(&self) -> bool {
        self.graceful.is_cancelled()
    }

    /// Completes when it is to stop.
    pub async fn stopping(&self) {
        self.graceful.cancelled().await;
    }

    /// Completes when it is to stop at once.
    pub async fn stopping_at_once(&self) {
        self.immediate.cancelled().await;
    }
}
