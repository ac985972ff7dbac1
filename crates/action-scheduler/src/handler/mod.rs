//! What a hook is bound to: a function, a command, a webhook. A handler knows nothing of stores.

#[cfg(unix)]
mod command;
mod context;
mod function;
mod registry;
mod text;
mod webhook;

use std::time::Duration;

use async_trait::async_trait;

#[cfg(unix)]
pub mod child {
    //! Programs that handlers start: a process group that never outlives its handler, and what it prints.

    pub use super::command::group::{Ending, Group};
    pub use super::command::output::Tail;
    pub use super::command::status_in_words;
    pub use super::text::printable;
}

#[cfg(unix)]
pub use command::{Command, CommandConfig, InheritEnv};
pub use context::HandlerContext;
pub use function::Function;
pub use registry::{Handlers, Registered};
pub(crate) use text::printable;
pub use webhook::{PrivateAddresses, Webhook, WebhookConfig, signature};

/// Does the work of an action.
///
/// A handler that is dropped while it runs must leave nothing running behind: that is how it is ended after
/// [`crate::Policy::kill_after`], and when a runner has to stop at once.
#[async_trait]
pub trait Handler: Send + Sync + 'static {
    /// Runs one attempt.
    async fn call(&self, context: &HandlerContext) -> Result<(), Failure>;

    /// What it is, for people: `command pg_dump`, `webhook https://…`. No secrets.
    fn describe(&self) -> String;
}

/// Why an attempt failed, and whether another one is worth while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The reason, as the log shows it.
    pub reason: String,
    /// Whether to try again.
    pub retry: RetryAdvice,
}

/// What a handler says about another attempt. The policy's `max_attempts` is never exceeded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum RetryAdvice {
    /// As the policy has it.
    #[default]
    Policy,
    /// It would fail again.
    Never,
    /// Not before this long from now.
    After(Duration),
    /// The work was never begun, for a reason that has nothing to do with the action: it goes back to the queue as it was,
    /// and the attempt is not counted.
    NotBegun,
}

impl Failure {
    /// A failure that is retried as the policy has it.
    pub fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), retry: RetryAdvice::Policy }
    }

    /// A failure that another attempt would not mend.
    pub fn permanent(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), retry: RetryAdvice::Never }
    }

    /// The work was never begun; see [`RetryAdvice::NotBegun`]. Whoever gives this has to see to it that the queue is not
    /// asked again at once.
    pub fn not_begun(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), retry: RetryAdvice::NotBegun }
    }

    /// The same, with a wait before the next attempt.
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.retry = RetryAdvice::After(wait);
        self
    }
}

/// An error with the errors behind it, as one line: `a: b: c`.
impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        let mut reason = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            let text = cause.to_string();
            if !reason.ends_with(&text) {
                reason.push_str(": ");
                reason.push_str(&text);
            }
            source = cause.source();
        }
        Self::new(reason)
    }
}
