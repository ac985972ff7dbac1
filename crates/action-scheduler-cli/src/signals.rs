//! The signals that ask this process to end.

use action_scheduler::Shutdown;
use anyhow::Result;
use tokio::task::JoinHandle;

/// Stops at the first SIGINT or SIGTERM in good order, at the second at once.
pub fn stop_on_signals(shutdown: Shutdown) -> Result<JoinHandle<()>> {
    let mut signals = Signals::new()?;
    Ok(tokio::spawn(async move {
        signals.next().await;
        tracing::info!("stopping; running actions may finish; a second signal stops at once");
        shutdown.stop();
        signals.next().await;
        tracing::warn!("stopping at once");
        shutdown.stop_at_once();
    }))
}

/// SIGINT and SIGTERM.
#[cfg(unix)]
pub struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    /// From now on, signals no longer end the process by themselves.
    pub fn new() -> Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// Completes at the next signal.
    pub async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// Ctrl-C.
#[cfg(not(unix))]
pub struct Signals;

#[cfg(not(unix))]
impl Signals {
    /// From now on, signals no longer end the process by themselves.
    pub fn new() -> Result<Self> {
        Ok(Self)
    }

    /// Completes at the next signal.
    pub async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
