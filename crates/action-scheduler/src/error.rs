//! What can go wrong, sorted by what a caller can do about it.

use std::fmt;

use crate::action::{ActionId, ChainId, Status};
use crate::schedule::cron::CronError;
use crate::store::ChainState;
use crate::time::DateTextError;

/// The result of everything in this crate that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of the scheduler.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Something the caller gave is wrong; nothing was stored. The message quotes it and says what is expected.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// A date text could not be read; nothing was stored.
    #[error(transparent)]
    DateText(#[from] DateTextError),
    /// A cron expression could not be read; nothing was stored.
    #[error(transparent)]
    Cron(#[from] CronError),
    /// There is no action with this id.
    #[error("there is no action {0}")]
    NoSuchAction(ActionId),
    /// There is no chain with this id.
    #[error("there is no chain {0}")]
    NoSuchChain(ChainId),
    /// The action exists, but its status does not allow what was asked.
    #[error("action {action} is {status}; only {allowed} can be {verb}")]
    WrongStatus {
        /// The action in question.
        action: ActionId,
        /// The status it has.
        status: Status,
        /// What was asked, as a past participle ("re-run").
        verb: &'static str,
        /// The statuses that would have allowed it, in words.
        allowed: &'static str,
    },
    /// The chain exists, but its state does not allow what was asked.
    #[error("chain {chain} is {state}; only {allowed} can be {verb}")]
    WrongChainState {
        /// The chain in question.
        chain: ChainId,
        /// The state it is in.
        state: ChainState,
        /// What was asked, as a past participle ("resumed").
        verb: &'static str,
        /// The chains that would have allowed it, in words.
        allowed: &'static str,
    },
    /// A runner had to stop before the store took what it had to say about these actions. They are in-progress, and whoever
    /// works on the store next recovers them as after a crash.
    #[error(
        "stopped before the results of these actions could be recorded: {}; the next runner finds \
         them as after a crash",
        listed(actions)
    )]
    Unrecorded {
        /// The actions, each once.
        actions: Vec<ActionId>,
    },
    /// The store did not do its part.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Error {
    /// Whether the caller's input is at fault, as opposed to the store or the state of an action.
    pub fn is_invalid_input(&self) -> bool {
        match self {
            Error::Invalid(_) | Error::DateText(_) | Error::Cron(_) => true,
            Error::Store(error) => error.kind == StoreErrorKind::Url,
            _ => false,
        }
    }
}

fn listed(actions: &[ActionId]) -> String {
    let ids: Vec<String> = actions.iter().map(ActionId::to_string).collect();
    ids.join(", ")
}

/// A value that was refused: what it is, the text as given, and what was expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} {text:?}: {problem}")]
pub struct Invalid {
    what: &'static str,
    text: String,
    problem: String,
}

impl Invalid {
    /// `what` names the kind of value ("hook"), `text` is the value, `problem` says what is wrong and what is expected.
    pub fn new(what: &'static str, text: impl AsRef<str>, problem: impl fmt::Display) -> Self {
        const SHOWN: usize = 200;
        let text = text.as_ref();
        let shown = match text.char_indices().nth(SHOWN) {
            Some((end, _)) => format!("{}…", text.get(..end).unwrap_or(text)),
            None => text.to_owned(),
        };
        Self { what, text: shown, problem: problem.to_string() }
    }
}

/// A failure of the store, with what it means for the caller.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct StoreError {
    /// What kind of failure this is.
    pub kind: StoreErrorKind,
    /// One line: what was wrong, where, what to do, and what the database driver said.
    pub message: String,
}

impl StoreError {
    /// An error of this kind.
    pub fn new(kind: StoreErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }
}

/// The kinds of [`StoreError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// The store's URL cannot be understood.
    Url,
    /// The database cannot be reached or opened now; trying again later may work.
    Unavailable,
    /// The database may be read but not written.
    ReadOnly,
    /// There is no room left on the disk.
    Full,
    /// The file is not a database of ours, or is damaged.
    Corrupt,
    /// The database was written by a newer version of this program.
    NewerSchema,
    /// Anything else; the message says what.
    Other,
}
