//! The log, as it is given.

use action_scheduler::{Action, LogEntry};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::site::Site;

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

impl LogEntryShape {
    /// An entry of the log of an action, without what is masked in its args.
    pub(crate) fn new(site: &Site, action: &Action, entry: &LogEntry) -> Self {
        let shown = |text: &str| site.shown_text(&action.hook, &action.args, text).into_owned();
        Self {
            seq: entry.seq,
            at: entry.at,
            step: entry.step.as_str(),
            attempt: entry.attempt.map(|attempt| attempt.0),
            context: entry.context.as_ref().map(|context| context.as_str().to_owned()),
            message: entry.message.as_deref().map(shown),
            text: shown(&entry.text()),
        }
    }
}
