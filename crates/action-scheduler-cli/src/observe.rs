//! Who listens to the events of a runner: the log, progress bars, and who wants to know how single actions came out.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use action_scheduler::{ActionId, Event, Observer};
use indicatif::ProgressBar;

use crate::output::safe::safe;
use crate::output::time::short;

/// Writes a log line for every event.
#[derive(Debug)]
pub struct LogLines;

/// How long an action took; made into text only where a line is written.
struct Took(Duration);

impl fmt::Display for Took {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&short(self.0))
    }
}

impl Observer for LogLines {
    fn observe(&self, event: &Event) {
        match event {
            Event::Stored { action, hook, .. } => {
                tracing::debug!(%action, hook = %safe(hook.as_str()), "stored");
            }
            Event::BatchClaimed { claim, actions } => {
                tracing::debug!(%claim, actions, "batch claimed");
            }
            Event::BatchDone { claim } => tracing::debug!(%claim, "batch done"),
            Event::Started { action, hook, attempt, .. } => {
                tracing::info!(%action, hook = %safe(hook.as_str()), %attempt, "started");
            }
            Event::Ignored { action, hook } => {
                tracing::info!(%action, hook = %safe(hook.as_str()), "ignored: no longer pending");
            }
            Event::Completed { action, hook, attempt, ran } => {
                let took = Took(*ran);
                tracing::info!(%action, hook = %safe(hook.as_str()), %attempt, %took, "complete");
            }
            Event::Failed { action, hook, attempt, reason, ran } => {
                let took = Took(*ran);
                let (hook, reason) = (safe(hook.as_str()), safe(reason));
                tracing::warn!(%action, %hook, %attempt, %took, %reason, "failed");
            }
            Event::Retrying { action, hook, attempt, reason, ran } => {
                let took = Took(*ran);
                let (hook, reason) = (safe(hook.as_str()), safe(reason));
                tracing::warn!(%action, %hook, %attempt, %took, %reason, "failed, to be retried");
            }
            Event::TimedOut { action, hook, attempt, .. } => {
                tracing::warn!(%action, hook = %safe(hook.as_str()), %attempt, "timed out");
            }
            // Of this and some others the runner itself writes a line.
            Event::Superseded { action, hook, attempt } => {
                let hook = safe(hook.as_str());
                tracing::debug!(%action, %hook, %attempt, "late result ignored");
            }
            Event::NextScheduled { chain, action, .. } => {
                tracing::debug!(%chain, %action, "next instance stored");
            }
            Event::ChainPaused { chain, hook } => {
                let hook = safe(hook.as_str());
                tracing::debug!(%chain, %hook, "chain paused");
            }
            Event::Crashed { action, hook, runner } => {
                let (hook, runner) = (safe(hook.as_str()), runner.map(|runner| runner.get()));
                tracing::debug!(%action, %hook, runner, "its runner died while it ran");
            }
            Event::Reset { actions } => {
                tracing::debug!(actions, "claimed by a runner that died, back in the queue");
            }
            // What follows from an attempt has an event of its own.
            Event::Attempted { .. } => {}
            Event::Canceled { actions } => tracing::info!(actions = actions.len(), "canceled"),
            Event::Deleted { actions } => tracing::info!(actions = actions.len(), "deleted"),
            other => tracing::debug!(event = ?other, "event"),
        }
    }
}

/// Moves a progress bar by one for every action that came to an end.
pub struct Progress(pub ProgressBar);

impl Observer for Progress {
    fn observe(&self, event: &Event) {
        match event {
            Event::Completed { .. }
            | Event::Failed { .. }
            | Event::Retrying { .. }
            | Event::Ignored { .. } => self.0.inc(1),
            _ => {}
        }
    }
}

/// Remembers how single actions came out.
#[derive(Debug, Default)]
pub struct Outcomes(Mutex<HashMap<ActionId, Ended>>);

/// How an action came out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// It is complete.
    Complete,
    /// It failed, for this reason.
    Failed(String),
    /// It failed, for this reason, and will be tried again.
    Retrying(String),
    /// It was no longer pending.
    Ignored,
}

impl Outcomes {
    /// How an action came out, if it was run.
    pub fn of(&self, action: ActionId) -> Option<Ended> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&action).cloned()
    }
}

impl Observer for Outcomes {
    fn observe(&self, event: &Event) {
        let (action, ended) = match event {
            Event::Completed { action, .. } => (*action, Ended::Complete),
            Event::Failed { action, reason, .. } => (*action, Ended::Failed(reason.clone())),
            Event::Retrying { action, reason, .. } => (*action, Ended::Retrying(reason.clone())),
            Event::TimedOut { action, .. } => (*action, Ended::Failed("timed out".to_owned())),
            Event::Ignored { action, .. } => (*action, Ended::Ignored),
            _ => return,
        };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(action, ended);
    }
}
