//! What a move would do, without doing it.

use std::collections::BTreeMap;

use serde::Serialize;

use super::cursor::JournalCursor;
use super::live::is_action;
use super::report::{MoveReport, Phase, Progress};
use super::{Side, origin};
use crate::action::{ActionId, Status};
use crate::error::Result;
use crate::query::Query;
use crate::store::{Export, Exported, Unreadable};

/// What there is to move.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct MovePlan {
    /// How many actions would go, by status. Those in-progress go when they have come to an end.
    pub actions: BTreeMap<&'static str, u64>,
    /// The log entries of those.
    pub log_entries: u64,
    /// How many chains there are, by state.
    pub chains: BTreeMap<&'static str, u64>,
    /// How many actions an earlier move has brought over; they are not counted above.
    pub moved_before: u64,
    /// How many actions would get a new id, as theirs is taken in the target.
    pub taken_ids: u64,
    /// What cannot be read, and would stay: the first of it.
    pub unreadable: Vec<Unreadable>,
    /// How much cannot be read in all.
    pub unreadable_count: u64,
}

impl MovePlan {
    /// Looks at both stores, and changes neither. Without a target it is one that is yet to be created.
    pub async fn make(
        source: &Side,
        target: Option<&Side>,
        page: u32,
        progress: impl Fn(Progress) + Send + Sync,
    ) -> Result<Self> {
        let mut plan = Self::default();
        let mut journal = match target {
            Some(target) => Some(JournalCursor::new(&origin(source, target).await?.id, page)),
            None => None,
        };
        let total = source.store.count(Query::new()).await?;
        let mut done = 0;
        let mut next = Some(Export::Actions { after: None, statuses: Vec::new(), limit: page });
        while let Some(export) = next {
            let mut read = source.store.export(export).await?;
            next = read.next.take();
            done += read.actions.len() as u64;
            read.unreadable.retain(is_action);
            plan.add_actions(read, target, journal.as_mut()).await?;
            progress(Progress { phase: Phase::Looking, done, total });
        }
        let mut next = Some(Export::Chains { after: None, limit: page });
        while let Some(export) = next {
            let read = source.store.export(export).await?;
            next = read.next;
            for record in &read.chains {
                *plan.chains.entry(record.chain.state.as_str()).or_default() += 1;
            }
            plan.add_unreadable(read.unreadable);
        }
        Ok(plan)
    }

    async fn add_actions(
        &mut self,
        read: Exported,
        target: Option<&Side>,
        journal: Option<&mut JournalCursor<ActionId>>,
    ) -> Result<()> {
        let mut actions = read.actions;
        self.add_unreadable(read.unreadable);
        if let (Some(target), Some(journal)) = (target, journal) {
            let ids: Vec<ActionId> = actions.iter().map(|record| record.action.id).collect();
            let known = journal.of(&*target.store, &ids).await?;
            self.moved_before += known.len() as u64;
            actions.retain(|record| !known.contains_key(&record.action.id));
            let ids: Vec<ActionId> = actions.iter().map(|record| record.action.id).collect();
            self.taken_ids += target.store.count(Query::new().ids(ids)).await?;
        }
        for record in &actions {
            *self.actions.entry(record.action.status.as_str()).or_default() += 1;
            self.log_entries += record.log.len() as u64;
        }
        Ok(())
    }

    fn add_unreadable(&mut self, unreadable: Vec<Unreadable>) {
        self.unreadable_count += unreadable.len() as u64;
        let room = MoveReport::NAMED.saturating_sub(self.unreadable.len());
        self.unreadable.extend(unreadable.into_iter().take(room));
    }

    /// How many actions would go.
    pub fn total(&self) -> u64 {
        self.actions.values().sum()
    }

    /// How many actions of a status would go.
    pub fn count(&self, status: Status) -> u64 {
        self.actions.get(status.as_str()).copied().unwrap_or_default()
    }
}
