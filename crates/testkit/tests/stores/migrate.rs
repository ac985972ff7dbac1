//! Moving everything from one store to another.

mod crash;
mod whole;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use action_scheduler::migrate::{MoveOptions, MoveReport, Mover, Side};
use action_scheduler::store::sqlite::SqliteStore;
use action_scheduler::store::{
    ActionRecord, ChainRecord, Export, ImportState, ImportsOf, ImportsQuery,
};
use action_scheduler::time::Clock;
use action_scheduler::{ActionId, ChainId, Context, Result, Scheduler, Shutdown, Store};
use testkit::{MemoryStore, StoreUnderTest};

use crate::mysql::make_store as mysql;

/// An engine to move from or to.
#[derive(Debug, Clone, Copy)]
enum Engine {
    Memory,
    Sqlite,
    MySql,
}

impl Engine {
    async fn store(self, clock: Clock) -> StoreUnderTest {
        match self {
            Engine::Memory => memory(clock).await,
            Engine::Sqlite => sqlite(clock).await,
            Engine::MySql => {
                // Whoever asks for a database must stay on one thread until there is one.
                let runtime = tokio::runtime::Handle::current();
                let opening = tokio::task::spawn_blocking(move || runtime.block_on(mysql(clock)));
                opening.await.unwrap()
            }
        }
    }
}

async fn memory(clock: Clock) -> StoreUnderTest {
    StoreUnderTest::new(MemoryStore::new(clock))
}

async fn sqlite(clock: Clock) -> StoreUnderTest {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("actions.db");
    let store = SqliteStore::open(file.to_str().unwrap(), clock).await.unwrap();
    StoreUnderTest::with_guard(store, folder)
}

/// Quick, in small pages.
fn options() -> MoveOptions {
    MoveOptions {
        page: 3,
        poll_interval: Duration::from_millis(5),
        lease: Duration::from_millis(200),
        ..MoveOptions::default()
    }
}

async fn move_all(
    from: Arc<dyn Store>,
    to: Arc<dyn Store>,
    options: MoveOptions,
) -> Result<MoveReport> {
    let source = Scheduler::builder(from).context(Context::new("migrate")).build();
    let target = Side { store: to, name: "new".to_owned() };
    Mover::new(source, "old", target, options).await?.run(Shutdown::new(), |_| ()).await
}

/// All that a store holds, and what it took in from another one.
struct Contents {
    actions: BTreeMap<ActionId, ActionRecord>,
    chains: BTreeMap<ChainId, ChainRecord>,
}

impl Contents {
    async fn of(store: &dyn Store) -> Self {
        let all = Export::Actions { after: None, statuses: Vec::new(), limit: u32::MAX };
        let actions = store.export(all).await.unwrap().actions;
        let chains = store.export(Export::Chains { after: None, limit: u32::MAX }).await.unwrap();
        Self {
            actions: actions.into_iter().map(|record| (record.action.id, record)).collect(),
            chains: chains.chains.into_iter().map(|record| (record.chain.id, record)).collect(),
        }
    }
}

/// What became of the actions and chains of a source in a target.
struct Journal {
    actions: BTreeMap<ActionId, (ActionId, ImportState)>,
    chains: BTreeMap<ChainId, (ChainId, ImportState)>,
}

impl Journal {
    async fn of(from: &dyn Store, to: &dyn Store) -> Self {
        let origin = from.identity().await.unwrap();
        let all = |of| ImportsQuery { of, state: None, limit: u32::MAX };
        let actions = to.imports(&origin, all(ImportsOf::Actions { after: None })).await.unwrap();
        let chains = to.imports(&origin, all(ImportsOf::Chains { after: None })).await.unwrap();
        let row = |row: action_scheduler::store::Imported<_>| (row.source, (row.target, row.state));
        let chain =
            |row: action_scheduler::store::Imported<_>| (row.source, (row.target, row.state));
        Self {
            actions: actions.actions.into_iter().map(row).collect(),
            chains: chains.chains.into_iter().map(chain).collect(),
        }
    }
}
