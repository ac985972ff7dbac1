//! Noting: what handlers say while they run goes to the log, in its place among the results of their actions.
//!
//! Notes that were taken up come after all results that were known by then, and before those that came later. So they
//! are stored in between: not before the results that were known are recorded, and before anything else is.

use std::sync::Arc;
use std::time::Instant;

use super::pending::Pending;
use super::{Dispatcher, STORE_RETRY};
use crate::action::ActionId;
use crate::error::Result;
use crate::log::NewLogEntry;

type Note = (ActionId, NewLogEntry);

/// Holds notes until they are stored.
pub(super) struct Noter {
    /// It is time to take up what running handlers have noted.
    is_due: bool,
    /// What is left to say of actions whose result may not be recorded yet.
    late: Vec<Note>,
    /// Taken up: they are stored before any other result is recorded.
    taken: Vec<Note>,
    pub(super) answer: Pending<Result<()>>,
}

impl Noter {
    pub(super) fn new() -> Self {
        Self { is_due: false, late: Vec::new(), taken: Vec::new(), answer: Pending::none() }
    }

    /// It is time to store what running handlers have noted.
    pub(super) fn come_due(&mut self) {
        self.is_due = true;
    }

    /// Keeps what was said of an action whose result is known already.
    pub(super) fn add_late(&mut self, action: ActionId, entries: Vec<NewLogEntry>) {
        self.late.extend(entries.into_iter().map(|entry| (action, entry)));
    }

    /// How many notes are not stored.
    pub(super) fn waiting(&self) -> usize {
        self.late.len() + self.taken.len()
    }

    /// Whether notes are to be stored before results are recorded.
    pub(super) fn comes_first(&self) -> bool {
        !self.taken.is_empty()
    }
}

impl Dispatcher {
    /// Takes up what was noted: all that is recorded from here on came later.
    pub(super) fn take_notes(&mut self) {
        self.noter.taken.append(&mut self.noter.late);
        if !std::mem::take(&mut self.noter.is_due) {
            return;
        }
        for ((action, _), running) in &self.running {
            let noted = running.context.take_entries();
            if !noted.is_empty() && self.plans.of(running.context.hook()).logs_all() {
                self.noter.taken.extend(noted.into_iter().map(|entry| (*action, entry)));
            }
        }
    }

    /// Stores the notes that were taken up.
    pub(super) fn begin_noting(&mut self) {
        if !self.noter.comes_first() {
            return;
        }
        let store = Arc::clone(self.scheduler.store());
        let (notes, context) = (self.noter.taken.clone(), self.scheduler.context().clone());
        self.noter.answer.begin(async move { store.append_log(notes, &context).await });
    }

    pub(super) fn noted(&mut self, answer: Result<()>) {
        if let Err(error) = answer {
            let notes = self.noter.taken.len();
            tracing::error!(%error, notes, "cannot write notes to the log; they are kept");
            self.store_after = Some(Instant::now() + STORE_RETRY);
            return;
        }
        self.noter.taken.clear();
    }
}
