//! What a handler is told about the attempt it runs.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::action::{ActionId, Attempt, Group, Hook};
use crate::args::Args;
use crate::log::{NewLogEntry, Step};
use crate::store::ClaimedAction;
use crate::trace::SpanContext;

/// One attempt of an action, as its handlers see it. Cheap to clone.
#[derive(Debug, Clone)]
pub struct HandlerContext(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    action: ClaimedAction,
    attempt: Attempt,
    span: Option<SpanContext>,
    deadline: Timestamp,
    begun: Instant,
    cancellation: CancellationToken,
    entries: Mutex<Vec<NewLogEntry>>,
}

impl HandlerContext {
    /// The context of an attempt; `span` is its own span, if it has one, and `deadline` is when it will be marked as timed out.
    pub fn new(
        action: ClaimedAction,
        attempt: Attempt,
        span: Option<SpanContext>,
        deadline: Timestamp,
        cancellation: CancellationToken,
    ) -> Self {
        let (begun, entries) = (Instant::now(), Mutex::default());
        Self(Arc::new(Inner { action, attempt, span, deadline, begun, cancellation, entries }))
    }

    /// The id of the action.
    pub fn id(&self) -> ActionId {
        self.0.action.id
    }

    /// What is to happen.
    pub fn hook(&self) -> &Hook {
        &self.0.action.hook
    }

    /// The group of the action.
    pub fn group(&self) -> &Group {
        &self.0.action.group
    }

    /// The args.
    pub fn args(&self) -> &Args {
        &self.0.action.args
    }

    /// When the action was due.
    pub fn scheduled_at(&self) -> Timestamp {
        self.0.action.scheduled_at
    }

    /// Which attempt this is, from 1.
    pub fn attempt(&self) -> Attempt {
        self.0.attempt
    }

    /// The span of the attempt, to be the parent of what the handler does, here or elsewhere; none unless the scheduler
    /// traces. As text it is the `traceparent` of W3C Trace Context.
    pub fn span(&self) -> Option<SpanContext> {
        self.0.span
    }

    /// When the attempt will be marked as timed out.
    pub fn deadline(&self) -> Timestamp {
        self.0.deadline
    }

    /// Completes when the attempt is about to be ended by force: a moment before `kill_after`, or when the grace period of
    /// a stopping runner is over.
    pub async fn canceled(&self) {
        self.0.cancellation.cancelled().await;
    }

    /// Whether the attempt is about to be ended by force.
    pub fn is_canceled(&self) -> bool {
        self.0.cancellation.is_cancelled()
    }

    /// Adds a note to the log of the action. It is stored within a second, or with the result.
    pub fn log(&self, text: impl Into<String>) {
        self.append(NewLogEntry::new(Step::Note, text));
    }

    /// Adds what a handler printed to the log of the action.
    pub fn log_output(&self, text: impl Into<String>) {
        self.append(NewLogEntry::new(Step::Output, text));
    }

    fn append(&self, mut entry: NewLogEntry) {
        entry.at = Some(Timestamp::now());
        self.0.entries.lock().unwrap_or_else(PoisonError::into_inner).push(entry);
    }

    /// Takes the entries that are not stored yet.
    pub(crate) fn take_entries(&self) -> Vec<NewLogEntry> {
        std::mem::take(&mut self.0.entries.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// For how long the attempt has run.
    pub(crate) fn ran(&self) -> Duration {
        self.0.begun.elapsed()
    }

    /// The action as it was claimed.
    pub(crate) fn action(&self) -> &ClaimedAction {
        &self.0.action
    }
}
