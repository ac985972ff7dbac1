//! Chains, as a whole.

use super::PostgresStore;
use super::call::Call;
use super::row;
use super::text::stored;
use crate::action::{ActionId, ChainId};
use crate::error::Result;
use crate::log::Context;
use crate::store::native::codes::{state_code, state_of};
use crate::store::native::recurrence::RECURRENCE_COLUMNS;
use crate::store::{Chain, ChainChange, ChainChanged, ChainQuery};

impl PostgresStore {
    pub(super) async fn query_chains(&self, query: &ChainQuery) -> Result<Vec<Chain>> {
        let doing = "looking for chains";
        let names = &self.database.opener.names;
        names.hooks.look_for(&self.database, query.hook.iter()).await?;
        names.groups.look_for(&self.database, query.group.iter()).await?;
        // What is not asked for is NULL. By primary key, chains_by_hook or chains_by_key.
        let sql = format!(
            "SELECT {}, {RECURRENCE_COLUMNS} FROM {}.chains WHERE ($1::bigint[] IS NULL OR id = ANY ($1)) \
             AND ($2::int IS NULL OR hook = $2) AND ($3::int IS NULL OR grp = $3) \
             AND ($4::text IS NULL OR unique_key = $4) AND ($5::smallint[] IS NULL OR state = ANY ($5)) \
             AND ($6::bigint IS NULL OR id > $6) ORDER BY id LIMIT $7",
            row::CHAIN_COLUMNS,
            self.database.schema
        );
        const UNKNOWN: i32 = -1;
        let states: Vec<i16> = query
            .states
            .iter()
            .filter_map(|state| i16::try_from(state_code(*state)).ok())
            .collect();
        let ids = query.ids.as_ref().map(|ids| ids.iter().map(|id| id.get()).collect::<Vec<_>>());
        let call = Call::statement(sql)
            .with(ids)
            .with(query.hook.as_ref().map(|hook| names.hooks.number(hook).unwrap_or(UNKNOWN)))
            .with(query.group.as_ref().map(|group| names.groups.number(group).unwrap_or(UNKNOWN)))
            .with(query.key.as_deref().map(|key| stored(key).into_owned()))
            .with((!states.is_empty()).then_some(states))
            .with(query.after.map(|after| after.get()))
            .with(query.limit.map(i64::from));
        let rows = self.database.read(doing, call).await?;
        row::load_names(&self.database, &rows, 1, 2).await?;
        let names = &self.database.opener.names;
        rows.iter().map(|row| Ok(self.read(doing, row::chain(names, row, 0))?)).collect()
    }

    pub(super) async fn change_one_chain(
        &self,
        id: ChainId,
        change: &ChainChange,
        context: &Context,
    ) -> Result<ChainChanged> {
        let doing = "changing a chain";
        let (code, reason, next) = match change {
            ChainChange::Pause { reason } => (0, Some(stored(reason).into_owned()), None),
            ChainChange::Resume { next } => (1, None, Some(*next)),
            ChainChange::End => (2, None, None),
        };
        let call = self
            .database
            .function("change_chain")
            .with(id.get())
            .with(code)
            .with(reason)
            .with(next.map(|next| next.as_microsecond()))
            .with(self.stamp().as_microsecond())
            .with(context.as_str().to_owned());
        let answers = self.database.write(doing, &[call]).await?;
        let Some(row) = answers.iter().flatten().next() else { return Ok(ChainChanged::Missing) };
        let Some(state) = self.read(doing, row::get::<Option<i16>>(row, 0))? else {
            return Ok(ChainChanged::Missing);
        };
        if !self.read(doing, row::get::<bool>(row, 1))? {
            let state = state_of(state.into()).ok_or_else(|| format!("{state} is no state"));
            return Ok(ChainChanged::Refused(self.read(doing, state)?));
        }
        if let Some(next) = next {
            self.arrive(next);
            self.wakes.wake();
        }
        let next: Option<i64> = self.read(doing, row::get(row, 2))?;
        Ok(ChainChanged::Done(next.and_then(ActionId::new)))
    }
}
