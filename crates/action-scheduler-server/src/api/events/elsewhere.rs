//! Whether other processes have changed something, as far as the store tells: that they stored something wakes whoever waits
//! for work, and all else they do shows in the counts of the whole, which are taken again and again anyway.

use std::sync::Arc;

use action_scheduler::store::Stats;
use tokio::sync::watch;

use crate::site::{Counted, Site};

/// What was seen of the store.
pub(super) struct Elsewhere {
    stored: watch::Receiver<u64>,
    counts: watch::Receiver<Option<Counted<Stats>>>,
    /// The counts that were seen last.
    known: Option<Arc<Stats>>,
    /// How much had happened in this process then.
    happened: u64,
}

impl Elsewhere {
    /// As it is now; so much has happened in this process.
    pub(super) fn new(site: &Site, happened: u64) -> Self {
        Self::of(site.scheduler().store().wake(), site.counts(), happened)
    }

    fn of(
        mut stored: watch::Receiver<u64>,
        mut counts: watch::Receiver<Option<Counted<Stats>>>,
        happened: u64,
    ) -> Self {
        stored.mark_unchanged();
        let known = stats(&counts.borrow_and_update());
        Self { stored, counts, known, happened }
    }

    /// Whether something has changed since this was asked last. What happened in this process is known without, and counts
    /// that differ after it say nothing of others.
    pub(super) fn has_changed(&mut self, happened: u64) -> bool {
        let stored = self.stored.has_changed().unwrap_or(false);
        self.stored.mark_unchanged();
        if !self.counts.has_changed().unwrap_or(false) {
            return stored;
        }
        let counted = stats(&self.counts.borrow_and_update());
        let differs = self.known.is_some() && self.known != counted;
        let is_own = self.happened != happened;
        (self.known, self.happened) = (counted, happened);
        stored || (differs && !is_own)
    }
}

fn stats(counted: &Option<Counted<Stats>>) -> Option<Arc<Stats>> {
    counted.as_ref().map(|counted| Arc::clone(&counted.value))
}
