//! Comparing the source with the target, by the journal.

use std::collections::{BTreeMap, HashMap};

use super::cursor::JournalCursor;
use super::live::is_action;
use super::{Phase, Run};
use crate::action::{ActionId, Attempt, ChainId, Status};
use crate::error::Result;
use crate::query::Query;
use crate::store::{
    ActionRecord, Chain, ChainQuery, ChainRecord, ChainState, Export, ImportBatch, ImportState,
    Imported, Subject,
};

/// What tells whether an action has changed since it was copied: every change of its life counts an attempt or is
/// logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Signature {
    status: Status,
    attempts: Attempt,
    entries: usize,
}

impl Signature {
    fn of(record: &ActionRecord) -> Self {
        let ActionRecord { action, log, .. } = record;
        Self { status: action.status, attempts: action.attempts, entries: log.len() }
    }

    /// Whether the target has gone on by itself, as when someone ran a copied action again there.
    fn has_gone_on_since(self, source: Self) -> bool {
        !self.status.is_finished()
            || self.attempts > source.attempts
            || self.entries > source.entries
    }
}

impl Run<'_> {
    /// Walks over all of the source: copies what was finished meanwhile, counts what is in both stores, and names what
    /// is left or differs.
    pub(super) async fn compare(&mut self) -> Result<()> {
        self.report.compared = Default::default();
        self.report.left = Default::default();
        self.report.differences.clear();
        self.report.different = 0;
        let mut journal = JournalCursor::new(&self.mover.origin.id, self.mover.options.page);
        let total = self.source().count(Query::new()).await?;
        let mut done = 0;
        let mut next = self.pages(&[]);
        while let Some(export) = next.filter(|_| !self.shutdown.is_stopping()) {
            let mut page = self.source().export(export).await?;
            next = page.next;
            page.unreadable.retain(is_action);
            self.report.left.add_unreadable(page.unreadable);
            let ids: Vec<ActionId> = page.actions.iter().map(|record| record.action.id).collect();
            let known = journal.of(self.target(), &ids).await?;
            done += page.actions.len() as u64;
            self.compare_page(page.actions, &page.chains, known).await?;
            self.tell(Phase::Comparing, done, total);
        }
        self.compare_chains().await
    }

    async fn compare_page(
        &mut self,
        source: Vec<ActionRecord>,
        chains: &[ChainRecord],
        known: HashMap<ActionId, Imported<ActionId>>,
    ) -> Result<()> {
        let targets = known.values().map(|row| row.target).collect();
        let target = self.records(targets).await?;
        let mut changed = Vec::new();
        for record in source {
            let id = record.action.id;
            let row = known.get(&id);
            match (row.map(|row| row.state), record.action.status) {
                (Some(ImportState::Admitted), status) if !status.is_finished() => {
                    self.report.left.again.push(id);
                }
                (_, Status::Pending) => self.report.left.pending += 1,
                (_, Status::InProgress) => self.report.left.in_progress += 1,
                (None, _) => changed.push(record),
                (Some(ImportState::Held), _) => {
                    self.report
                        .differs(Subject::Action(id), "is still held in the target; move again");
                }
                (Some(ImportState::Admitted), _) => {
                    let there = row.and_then(|row| target.get(&row.target));
                    self.compare_moved(&record, there);
                }
                (Some(ImportState::Copied), _) => {
                    let there = row.and_then(|row| target.get(&row.target)).map(Signature::of);
                    let here = Signature::of(&record);
                    match there {
                        Some(there) if there == here => self.count_same(here, there),
                        Some(there) if !there.has_gone_on_since(here) => changed.push(record),
                        // Someone ran it again there, or it was deleted.
                        _ => self.report.compared.changed_since += 1,
                    }
                }
            }
            if row.is_some_and(|row| row.target != row.source) {
                self.report.compared.new_ids += 1;
            }
        }
        self.copy_changed(changed, chains, &known).await
    }

    /// Copies what is not in the target as it is in the source, and sees whether it is then.
    async fn copy_changed(
        &mut self,
        changed: Vec<ActionRecord>,
        chains: &[ChainRecord],
        known: &HashMap<ActionId, Imported<ActionId>>,
    ) -> Result<()> {
        if changed.is_empty() {
            return Ok(());
        }
        let signatures: Vec<Signature> = changed.iter().map(Signature::of).collect();
        let batch = ImportBatch { actions: changed, chains: chains.to_vec(), ..self.empty_batch() };
        let imports = self.target().import(&self.mover.origin, batch).await?;
        let target = self.records(imports.actions.iter().map(|row| row.target).collect()).await?;
        for (row, here) in imports.actions.iter().zip(signatures) {
            match target.get(&row.target).map(Signature::of) {
                _ if row.state != ImportState::Copied => self.report.compared.changed_since += 1,
                None => self.report.compared.changed_since += 1,
                Some(there) => {
                    self.report.count_copied(here.status);
                    self.count_same(here, there);
                    if there != here {
                        self.report.differs(Subject::Action(row.source), format!(
                            "is {}, attempt {}, with {} log entries; in the target it is action {}, {}, attempt {}, with {}",
                            here.status, here.attempts, here.entries, row.target, there.status, there.attempts, there.entries
                        ));
                    }
                }
            }
            if !known.contains_key(&row.source) && row.source != row.target {
                self.report.compared.new_ids += 1;
            }
        }
        Ok(())
    }

    /// An action that went over pending has in its log there what it had here before, and where it came from.
    fn compare_moved(&mut self, here: &ActionRecord, there: Option<&ActionRecord>) {
        let Some(moved) = self.mover.has_moved(&here.log) else {
            // It was copied, and put back into the queue there.
            self.report.compared.changed_since += 1;
            return;
        };
        match there {
            None => self.report.compared.changed_since += 1,
            Some(there) if there.log.len() <= moved => {
                let problem = format!(
                    "had {moved} log entries when it was moved; in the target it is action {} with {}",
                    there.action.id,
                    there.log.len()
                );
                self.report.differs(Subject::Action(here.action.id), problem);
            }
            Some(_) => self.report.compared.moved += 1,
        }
    }

    fn count_same(&mut self, here: Signature, there: Signature) {
        let compared = &mut self.report.compared;
        *compared.source.entry(here.status.as_str()).or_default() += 1;
        *compared.target.entry(there.status.as_str()).or_default() += 1;
        compared.source_log_entries += here.entries as u64;
        compared.target_log_entries += there.entries as u64;
    }

    /// Actions of the target, by id.
    async fn records(&self, ids: Vec<ActionId>) -> Result<HashMap<ActionId, ActionRecord>> {
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        let exported = self.target().export(Export::Ids(ids)).await?;
        Ok(exported.actions.into_iter().map(|record| (record.action.id, record)).collect())
    }

    async fn compare_chains(&mut self) -> Result<()> {
        let mut journal = JournalCursor::new(&self.mover.origin.id, self.mover.options.page);
        let mut next = Some(Export::Chains { after: None, limit: self.mover.options.page });
        while let Some(export) = next.filter(|_| !self.shutdown.is_stopping()) {
            let page = self.source().export(export).await?;
            next = page.next;
            self.report.left.add_unreadable(page.unreadable);
            let ids: Vec<ChainId> = page.chains.iter().map(|record| record.chain.id).collect();
            let known = journal.of(self.target(), &ids).await?;
            let (ended, going): (Vec<_>, Vec<_>) =
                page.chains.into_iter().partition(|record| record.chain.state == ChainState::Ended);
            self.report.left.chains += going.len() as u64;
            // What ended before it could be moved is history by now.
            let is_open = |record: &&ChainRecord| {
                known.get(&record.chain.id).is_none_or(|row| row.state == ImportState::Held)
            };
            let open: Vec<ChainRecord> = ended.iter().filter(is_open).cloned().collect();
            let mut rows: Vec<Imported<ChainId>> = known.into_values().collect();
            if !open.is_empty() {
                let batch = ImportBatch { chains: open, ..self.empty_batch() };
                rows.extend(self.target().import(&self.mover.origin, batch).await?.chains);
            }
            self.compare_ended(&ended, rows).await?;
        }
        Ok(())
    }

    async fn compare_ended(
        &mut self,
        source: &[ChainRecord],
        rows: Vec<Imported<ChainId>>,
    ) -> Result<()> {
        // Later rows are the newer ones.
        let rows: BTreeMap<ChainId, Imported<ChainId>> =
            rows.into_iter().map(|row| (row.source, row)).collect();
        let ids = Some(rows.values().map(|row| row.target).collect());
        let target = self.target().chains(ChainQuery { ids, ..ChainQuery::default() }).await?;
        let target: HashMap<ChainId, Chain> =
            target.into_iter().map(|chain| (chain.id, chain)).collect();
        for ChainRecord { chain: here, .. } in source {
            let Some(row) = rows.get(&here.id) else { continue };
            match target.get(&row.target) {
                // Nothing keeps an ended chain whose instances were cleaned.
                None => self.report.compared.changed_since += 1,
                Some(there) if row.state == ImportState::Held || !is_same(here, there) => {
                    let problem = format!("is not the same as chain {} of the target", there.id);
                    self.report.differs(Subject::Chain(here.id), problem);
                }
                Some(_) => self.report.compared.chains += 1,
            }
        }
        Ok(())
    }
}

fn is_same(here: &Chain, there: &Chain) -> bool {
    here.hook == there.hook
        && here.group == there.group
        && here.args == there.args
        && here.key == there.key
}
