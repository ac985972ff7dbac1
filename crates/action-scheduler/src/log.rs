//! The log: every step in the life of an action, in order, with its time and context.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;

use crate::action::{ActionId, Attempt};

/// Who or what did something to an action: `serve`, `run`, `CLI`, a user's name. Shown in the log.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct Context(Arc<str>);

impl Context {
    /// A context of this name; control characters become spaces and what is over 100 characters is cut.
    pub fn new(name: &str) -> Self {
        let clean: String =
            name.chars().take(100).map(|c| if c.is_control() { ' ' } else { c }).collect();
        Self(clean.into())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for Context {
    fn default() -> Self {
        Self(Arc::from("library"))
    }
}

impl fmt::Display for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

macro_rules! steps {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $key:literal;)*) => {
        /// A kind of step in the life of an action. The numbers are what native stores keep.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
        #[serde(rename_all = "snake_case")]
        #[non_exhaustive]
        #[repr(u8)]
        pub enum Step {
            $($(#[$doc])* $name = $code,)*
        }

        impl Step {
            /// The number that native stores keep.
            pub fn code(self) -> u8 {
                self as u8
            }

            /// The step with this number; an unknown one is a note.
            pub fn from_code(code: u8) -> Self {
                match code {
                    $($code => Step::$name,)*
                    _ => Step::Note,
                }
            }

            /// Its name, such as `timed_out`.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Step::$name => $key,)*
                }
            }
        }
    };
}

steps! {
    /// It was stored.
    Created = 0, "created";
    /// An attempt began.
    Started = 1, "started";
    /// Its handlers succeeded.
    Complete = 2, "complete";
    /// An attempt failed; the message says why.
    Failed = 3, "failed";
    /// It was canceled.
    Canceled = 4, "canceled";
    /// It was claimed but not started, and went back to the queue.
    Reset = 5, "reset";
    /// Someone tried to run it when it was no longer pending.
    Ignored = 6, "ignored";
    /// It ran longer than its timeout and was marked as failed.
    TimedOut = 7, "timed_out";
    /// Its runner died while it was in-progress.
    Crashed = 8, "crashed";
    /// Another attempt was set after one that failed.
    Retry = 9, "retry";
    /// Someone asked for a new attempt of a finished action.
    Rerun = 10, "rerun";
    /// Its date was changed.
    Rescheduled = 11, "rescheduled";
    /// A result came in from an attempt that was no longer its own; it changed nothing.
    LateResult = 12, "late_result";
    /// Its chain was paused.
    Paused = 13, "paused";
    /// Its chain was resumed.
    Resumed = 14, "resumed";
    /// What its handler printed.
    Output = 15, "output";
    /// Something its handler or a person wrote.
    Note = 16, "note";
}

/// An entry of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogEntry {
    /// The action it is about.
    pub action: ActionId,
    /// Its place among the entries of the action, from 1.
    pub seq: u32,
    /// When it happened.
    pub at: Timestamp,
    /// What happened.
    pub step: Step,
    /// The attempt it belongs to, where it belongs to one.
    pub attempt: Option<Attempt>,
    /// Who did it.
    pub context: Option<Context>,
    /// What else there is to say.
    pub message: Option<String>,
}

impl LogEntry {
    /// The entry in words, as the original writes it (reference, section 4).
    pub fn text(&self) -> String {
        let message = self.message.as_deref();
        let opening = match self.step {
            Step::Created => "action created",
            Step::Started => "action started",
            Step::Complete => "action complete",
            Step::Failed => "action failed",
            Step::Canceled => "action canceled",
            Step::Reset => "action reset",
            Step::Ignored => "action ignored",
            Step::TimedOut => "action marked as failed",
            Step::Crashed => "unexpected shutdown",
            Step::Retry => "action to be retried",
            Step::Rerun => "action re-run",
            Step::Rescheduled => "action rescheduled",
            Step::LateResult => "late result ignored",
            Step::Paused => "chain paused",
            Step::Resumed => "chain resumed",
            Step::Output | Step::Note => return message.unwrap_or_default().to_owned(),
        };
        let via = self.context.as_ref().filter(|_| self.step != Step::Created);
        match (via, message) {
            (Some(context), Some(message)) => format!("{opening} via {context}: {message}"),
            (Some(context), None) => format!("{opening} via {context}"),
            (None, Some(message)) => format!("{opening}: {message}"),
            (None, None) => opening.to_owned(),
        }
    }
}

/// An entry to be added to the log; the store gives it its place and, unless it has one, its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewLogEntry {
    /// When it happened; `None` is now.
    pub at: Option<Timestamp>,
    /// What happened.
    pub step: Step,
    /// What else there is to say.
    pub message: Option<String>,
}

impl NewLogEntry {
    /// An entry of now.
    pub fn new(step: Step, message: impl Into<String>) -> Self {
        Self { at: None, step, message: Some(message.into()) }
    }
}
