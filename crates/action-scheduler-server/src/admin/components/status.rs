//! The mark of a status: a shape and a word, so that it is told by more than a colour.

use action_scheduler::store::ChainState;
use action_scheduler::{Action, Status};
use jiff::Timestamp;
use maud::{Markup, html};

use super::icon::{Icon, icon};

/// The status of an action, as a reader wants to know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::admin) enum Shown {
    /// A status.
    Is(Status),
    /// Pending, and its date has come.
    PastDue,
    /// Pending after an attempt that failed.
    Retrying,
}

impl Shown {
    /// What an action shows at a moment.
    pub(in crate::admin) fn of(action: &Action, now: Timestamp) -> Self {
        match action.status {
            Status::Pending if action.scheduled_at > now && action.attempts.0 > 0 => {
                Shown::Retrying
            }
            Status::Pending if action.is_past_due(now) => Shown::PastDue,
            status => Shown::Is(status),
        }
    }

    /// In words.
    pub(in crate::admin) fn word(self) -> &'static str {
        match self {
            Shown::Is(status) => status.as_str(),
            Shown::PastDue => "past-due",
            Shown::Retrying => "to be retried",
        }
    }

    /// The class that gives its colour.
    pub(in crate::admin) fn class(self) -> &'static str {
        match self {
            Shown::Is(Status::Pending) => "is-pending",
            Shown::Is(Status::InProgress) => "is-running",
            Shown::Is(Status::Complete) => "is-complete",
            Shown::Is(Status::Failed) => "is-failed",
            Shown::Is(Status::Canceled) => "is-canceled",
            Shown::PastDue => "is-past-due",
            Shown::Retrying => "is-retrying",
        }
    }

    /// Its shape.
    pub(in crate::admin) fn icon(self) -> Icon {
        match self {
            Shown::Is(Status::Pending) => Icon::Clock,
            Shown::Is(Status::InProgress) => Icon::Work,
            Shown::Is(Status::Complete) => Icon::Check,
            Shown::Is(Status::Failed) => Icon::Cross,
            Shown::Is(Status::Canceled) => Icon::Slash,
            Shown::PastDue => Icon::Alert,
            Shown::Retrying => Icon::Rerun,
        }
    }
}

/// The mark of a status.
pub(in crate::admin) fn mark(shown: Shown) -> Markup {
    html! { span .mark .(shown.class()) { (icon(shown.icon())) (shown.word()) } }
}

/// The mark of an action's status at a moment.
pub(in crate::admin) fn mark_of(action: &Action, now: Timestamp) -> Markup {
    mark(Shown::of(action, now))
}

/// A mark without a word to be seen, for rows of results; `what` is what screen readers and the pointer tell.
pub(in crate::admin) fn pip(shown: Shown, what: &str) -> Markup {
    html! { span .pip .(shown.class()) title=(what) { (icon(shown.icon())) span .hidden { (what) } } }
}

/// The mark of a chain's state.
pub(in crate::admin) fn chain_mark(state: ChainState) -> Markup {
    let (class, shape) = match state {
        ChainState::Active => ("is-complete", Icon::Repeat),
        ChainState::Paused => ("is-past-due", Icon::Pause),
        ChainState::Ended => ("is-canceled", Icon::Stop),
    };
    html! { span .mark .(class) { (icon(shape)) (state.as_str()) } }
}
