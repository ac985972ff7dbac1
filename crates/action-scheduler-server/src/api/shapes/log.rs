//! The log, as it is given.

use action_scheduler::LogEntry;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

/// An entry of the log of an action.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LogEntry)]
pub(crate) struct LogEntryShape {
    /// Its place among the entries of the action, from 1.
    seq: u32,
    /// When it happened.
    at: Timestamp,
    /// What happened, such as `started` or `timed_out`.
    #[schema(value_type = String)]
    step: &'static str,
    /// The attempt it belongs to, where it belongs to one.
    attempt: Option<u32>,
    /// Who did it.
    context: Option<String>,
    /// What else there is to say.
    message: Option<String>,
    /// The entry in words.
    text: String,
}

impl From<&LogEntry> for LogEntryShape {
    fn from(entry: &LogEntry) -> Self {
        Self {
            seq: entry.seq,
            at: entry.at,
            step: entry.step.as_str(),
            attempt: entry.attempt.map(|attempt| attempt.0),
            context: entry.context.as_ref().map(|context| context.as_str().to_owned()),
            message: entry.message.clone(),
            text: entry.text(),
        }
    }
}
