//! Another store, from which a store takes in what there is.

use action_scheduler::action::{ActionId, ChainId};
use action_scheduler::store::{
    ActionRecord, Admission, Export, Exported, ImportBatch, ImportState, Imports, ImportsOf,
    ImportsQuery, Origin,
};

use super::StoreUnderTest;
use super::scene::*;
use crate::memory::MemoryStore;

/// Another store, on the same clock.
pub(super) fn origin_of(store: &StoreUnderTest) -> StoreUnderTest {
    StoreUnderTest::new(MemoryStore::new(store.clock().clone()))
}

pub(super) const ALL: Export = Export::Actions { after: None, statuses: Vec::new(), limit: 5000 };
pub(super) const ALL_CHAINS: Export = Export::Chains { after: None, limit: 5000 };

impl StoreUnderTest {
    pub(super) async fn as_origin(&self) -> Origin {
        Origin { id: self.identity().await.unwrap(), name: "shop".to_owned() }
    }

    pub(super) async fn exported(&self, export: Export) -> Exported {
        let exported = self.export(export).await.unwrap();
        assert_eq!(exported.unreadable, []);
        exported
    }

    pub(super) async fn record(&self, id: ActionId) -> ActionRecord {
        self.exported(Export::Ids(vec![id])).await.actions.pop().expect("the action to exist")
    }

    /// Everything, as a batch.
    pub(super) async fn batch(&self) -> ImportBatch {
        let exported = self.exported(ALL).await;
        let chains = self.exported(ALL_CHAINS).await.chains;
        ImportBatch { actions: exported.actions, chains, new_ids_above: None }
    }

    pub(super) async fn take_in(&self, from: &StoreUnderTest) -> Imports {
        self.import(&from.as_origin().await, from.batch().await).await.unwrap()
    }

    pub(super) async fn admitted(
        &self,
        from: &StoreUnderTest,
        actions: &[ActionId],
        chains: &[ChainId],
    ) -> Imports {
        let admission = Admission { actions: actions.to_vec(), chains: chains.to_vec() };
        self.admit(&from.as_origin().await, admission, &context()).await.unwrap()
    }

    pub(super) async fn journal(
        &self,
        from: &StoreUnderTest,
        of: ImportsOf,
        state: Option<ImportState>,
    ) -> Imports {
        let query = ImportsQuery { of, state, limit: 5000 };
        self.imports(&from.identity().await.unwrap(), query).await.unwrap()
    }
}

pub(super) const ACTIONS: ImportsOf = ImportsOf::Actions { after: None };
pub(super) const CHAINS: ImportsOf = ImportsOf::Chains { after: None };

/// An action without what belongs to its store alone.
pub(super) fn carried(mut record: ActionRecord) -> ActionRecord {
    record.action.claim = None;
    record
}
