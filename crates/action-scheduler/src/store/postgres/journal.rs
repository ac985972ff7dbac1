//! The journal of what was taken in from other stores.

use tokio_postgres::Row;

use super::PostgresStore;
use super::call::Call;
use super::row::{self, Read};
use crate::action::{ActionId, ChainId};
use crate::error::Result;
use crate::store::native::journal::{Kind, state_code, state_of};
use crate::store::{Imported, Imports, ImportsOf, ImportsQuery, StoreId};

/// Reads a row of the journal: source, target, state.
pub(super) fn imported<Id>(row: &Row, id: fn(&Row, usize) -> Read<Id>) -> Read<Imported<Id>> {
    let code: i16 = row::get(row, 2)?;
    let state = state_of(code.into()).ok_or_else(|| format!("{code} is no state of an import"))?;
    Ok(Imported { source: id(row, 0)?, target: id(row, 1)?, state })
}

impl PostgresStore {
    pub(super) async fn read_journal(
        &self,
        origin: &StoreId,
        query: ImportsQuery,
    ) -> Result<Imports> {
        let mut imports = Imports::default();
        match query.of {
            ImportsOf::Actions { after } => {
                let after = after.map_or(0, ActionId::get);
                let rows = self.journal_rows(origin, Kind::Action, after, query);
                imports.actions = rows.await?.read(self, row::action_id)?;
            }
            ImportsOf::Chains { after } => {
                let after = after.map_or(0, ChainId::get);
                let rows = self.journal_rows(origin, Kind::Chain, after, query);
                imports.chains = rows.await?.read(self, row::chain_id)?;
            }
        }
        Ok(imports)
    }

    async fn journal_rows(
        &self,
        origin: &StoreId,
        kind: Kind,
        after: i64,
        query: ImportsQuery,
    ) -> Result<Rows> {
        // In the order of the primary key; those that are held are few, and found by imports_held. Its condition stands in
        // the text so that it can be.
        let schema = &self.database.schema;
        let state = query.state.map(|state| format!("AND state = {}", state_code(state)));
        let sql = format!(
            "SELECT source, target, state FROM {schema}.imports \
             WHERE origin = (SELECT id FROM {schema}.origins WHERE identity = $1) AND kind = {} AND source > $2 {} \
             ORDER BY source LIMIT $3",
            kind.code(),
            state.unwrap_or_default()
        );
        let call = Call::statement(sql)
            .with(origin.as_str().to_owned())
            .with(after)
            .with(i64::from(query.limit));
        Ok(Rows(self.database.read(DOING, call).await?))
    }

    pub(super) async fn forget_journal(&self, origin: &StoreId, limit: u32) -> Result<u64> {
        let doing = "forgetting imports";
        let call = self
            .database
            .function("forget_imports")
            .with(self.import_lock())
            .with(origin.as_str().to_owned())
            .with(i64::from(limit));
        let answers = self.database.write_slowly(doing, &[call]).await?;
        let row = answers.iter().flatten().next();
        let deleted: i64 = row.map_or(Ok(0), |row| self.read(doing, row::get(row, 0)))?;
        Ok(deleted.unsigned_abs())
    }

    /// The key of the advisory lock of all that writes the journal.
    pub(super) fn import_lock(&self) -> i64 {
        self.database.lock_key("import")
    }
}

const DOING: &str = "reading the journal of imports";

/// Rows of the journal, about one kind of thing.
struct Rows(Vec<Row>);

impl Rows {
    fn read<Id>(
        &self,
        store: &PostgresStore,
        id: fn(&Row, usize) -> Read<Id>,
    ) -> Result<Vec<Imported<Id>>> {
        self.0.iter().map(|row| Ok(store.read(DOING, imported(row, id))?)).collect()
    }
}
