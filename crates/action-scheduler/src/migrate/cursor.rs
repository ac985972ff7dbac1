//! Reading the journal beside a walk over the source.

use std::collections::{HashMap, VecDeque};

use crate::action::{ActionId, ChainId};
use crate::error::Result;
use crate::store::{Imported, Imports, ImportsOf, ImportsQuery, Store, StoreId};

/// The journal of a move, read once from its beginning to its end in step with a walk by id: neither is ever in memory
/// as a whole.
pub(super) struct JournalCursor<Id> {
    origin: StoreId,
    page: u32,
    after: Option<Id>,
    read: VecDeque<Imported<Id>>,
    is_through: bool,
}

impl<Id: JournalId> JournalCursor<Id> {
    pub(super) fn new(origin: &StoreId, page: u32) -> Self {
        let origin = origin.clone();
        Self { origin, page, after: None, read: VecDeque::new(), is_through: false }
    }

    /// The rows about these; ids rise from call to call, and within each.
    pub(super) async fn of(
        &mut self,
        target: &dyn Store,
        ids: &[Id],
    ) -> Result<HashMap<Id, Imported<Id>>> {
        let mut rows = HashMap::new();
        for id in ids {
            loop {
                if self.read.is_empty() {
                    self.read_on(target).await?;
                }
                match self.read.front() {
                    Some(row) if row.source < *id => drop(self.read.pop_front()),
                    Some(row) if row.source == *id => {
                        rows.insert(*id, *row);
                        break;
                    }
                    _ => break,
                }
            }
        }
        Ok(rows)
    }

    async fn read_on(&mut self, target: &dyn Store) -> Result<()> {
        if self.is_through {
            return Ok(());
        }
        let query = ImportsQuery { of: Id::of(self.after), state: None, limit: self.page };
        let page = Id::rows(target.imports(&self.origin, query).await?);
        self.is_through = page.len() < self.page as usize;
        self.after = page.last().map(|row| row.source).or(self.after);
        self.read.extend(page);
        Ok(())
    }
}

/// An id that the journal knows.
pub(super) trait JournalId: Copy + Ord + std::hash::Hash {
    fn of(after: Option<Self>) -> ImportsOf;
    fn rows(imports: Imports) -> Vec<Imported<Self>>;
}

impl JournalId for ActionId {
    fn of(after: Option<Self>) -> ImportsOf {
        ImportsOf::Actions { after }
    }

    fn rows(imports: Imports) -> Vec<Imported<Self>> {
        imports.actions
    }
}

impl JournalId for ChainId {
    fn of(after: Option<Self>) -> ImportsOf {
        ImportsOf::Chains { after }
    }

    fn rows(imports: Imports) -> Vec<Imported<Self>> {
        imports.chains
    }
}
