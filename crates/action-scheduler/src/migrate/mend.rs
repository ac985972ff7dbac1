//! Finishing what an earlier run left half way.

use std::collections::BTreeSet;

use super::Run;
use crate::action::{ActionId, Status};
use crate::error::Result;
use crate::log::LogEntry;
use crate::store::{Export, ImportBatch, ImportState, Imported, ImportsOf, ImportsQuery, Subject};

impl Run<'_> {
    /// Looks at everything the target holds: what the source has let go of is admitted, what it ran or canceled itself
    /// is history, and what it still may run stays held.
    pub(super) async fn mend(&mut self) -> Result<()> {
        let limit = self.mover.options.page;
        let mut after = None;
        loop {
            let of = ImportsOf::Actions { after };
            let query = ImportsQuery { of, state: Some(ImportState::Held), limit };
            let held = self.target().imports(&self.mover.origin.id, query).await?.actions;
            after = held.last().map(|row| row.source);
            let is_last = held.len() < limit as usize;
            self.mend_page(held).await?;
            if is_last {
                return Ok(());
            }
        }
    }

    async fn mend_page(&mut self, held: Vec<Imported<ActionId>>) -> Result<()> {
        if held.is_empty() {
            return Ok(());
        }
        // What the source no longer has (it was canceled, and then cleaned) cannot run there: it is let go.
        let mut let_go: BTreeSet<ActionId> = held.iter().map(|row| row.source).collect();
        let ids = let_go.iter().copied().collect();
        let exported = self.source().export(Export::Ids(ids)).await?;
        for row in &exported.unreadable {
            if let Subject::Action(id) = row.what {
                let_go.remove(&id);
            }
        }
        let mut history = ImportBatch { chains: exported.chains, ..self.empty_batch() };
        for record in exported.actions {
            let id = record.action.id;
            match record.action.status {
                Status::Canceled if self.mover.has_moved(&record.log).is_some() => {}
                Status::Pending | Status::InProgress => {
                    let_go.remove(&id);
                }
                Status::Complete | Status::Failed | Status::Canceled => {
                    let_go.remove(&id);
                    history.actions.push(record);
                }
            }
        }
        self.admit(let_go.into_iter().collect()).await?;
        let copied = self.copy(history).await?;
        copied.into_iter().for_each(|status| self.report.count_copied(status));
        Ok(())
    }
}

impl super::Mover {
    /// Where in the log of a canceled action it says that it was moved to the target; `None` when something else
    /// canceled it.
    pub(super) fn has_moved(&self, log: &[LogEntry]) -> Option<usize> {
        let (place, text) = log
            .iter()
            .enumerate()
            .rev()
            .map(|(place, entry)| (place, entry.text()))
            .find(|(_, text)| text.starts_with("action canceled"))?;
        text.ends_with(&self.mark()).then_some(place)
    }
}
