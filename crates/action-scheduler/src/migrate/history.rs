//! Copying what is finished.

use super::cursor::JournalCursor;
use super::{Phase, Run};
use crate::action::{ActionId, Status};
use crate::error::Result;
use crate::query::Query;
use crate::store::{Exported, ImportBatch, ImportState};

/// What history is made of.
pub(super) const FINISHED: [Status; 3] = [Status::Complete, Status::Failed, Status::Canceled];

impl Run<'_> {
    /// Copies all that is finished and not in the target yet. A page is read while the one before it is written.
    pub(super) async fn copy_history(&mut self) -> Result<()> {
        let mut journal = JournalCursor::new(&self.mover.origin.id, self.mover.options.page);
        let finished = FINISHED.into_iter().fold(Query::new(), Query::status);
        let total = self.source().count(finished).await?;
        let mut done = 0;
        let mut next = self.pages(&FINISHED);
        let mut read: Option<Exported> = None;
        while next.is_some() || read.is_some() {
            let reading = async {
                match next.take() {
                    Some(export) => self.source().export(export).await.map(Some),
                    None => Ok(None),
                }
            };
            let batch = match read.take() {
                Some(page) => {
                    done += page.actions.len() as u64;
                    let ids: Vec<ActionId> =
                        page.actions.iter().map(|record| record.action.id).collect();
                    let known = journal.of(self.target(), &ids).await?;
                    let mut actions = page.actions;
                    actions.retain(|record| !known.contains_key(&record.action.id));
                    Some(ImportBatch {
                        actions,
                        chains: page.chains,
                        new_ids_above: self.ids_above,
                    })
                }
                None => None,
            };
            let writing = async {
                match batch {
                    Some(batch) => self.copy(batch).await,
                    None => Ok(Vec::new()),
                }
            };
            let (page, copied) = tokio::try_join!(reading, writing)?;
            copied.into_iter().for_each(|status| self.report.count_copied(status));
            if let Some(page) = page {
                next = page.next.clone().filter(|_| !self.shutdown.is_stopping());
                read = Some(page);
            }
            self.tell(Phase::History, done, total);
        }
        Ok(())
    }

    /// Copies finished actions; the statuses of those that are in the target as given.
    pub(super) async fn copy(&self, batch: ImportBatch) -> Result<Vec<Status>> {
        if batch.actions.is_empty() {
            return Ok(Vec::new());
        }
        let statuses: Vec<Status> =
            batch.actions.iter().map(|record| record.action.status).collect();
        let imports = self.target().import(&self.mover.origin, batch).await?;
        let is_copied = |state| state == ImportState::Copied;
        let rows = statuses.into_iter().zip(imports.actions);
        Ok(rows.filter(|(_, row)| is_copied(row.state)).map(|(status, _)| status).collect())
    }
}
