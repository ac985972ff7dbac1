//! Chains, as a whole.

use jiff::Timestamp;

use super::PostgresStore;
use super::call::Call;
use super::row;
use super::text::stored;
use crate::action::{Action, ActionId, ChainId};
use crate::error::Result;
use crate::log::Context;
use crate::schedule::Recurring;
use crate::store::chains::rescheduled_note;
use crate::store::native::codes::{state_code, state_of};
use crate::store::native::recurrence::{RECURRENCE_COLUMNS, RecurrenceValues};
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

    pub(super) async fn latest_of_chains(
        &self,
        chains: &[ChainId],
        each: u32,
    ) -> Result<Vec<Action>> {
        let doing = "looking for instances";
        // Served by actions_of_chain, which holds the id behind the chain: `each` steps for every chain. Once per page of
        // chains.
        let sql = format!(
            "SELECT latest.id FROM unnest($1::bigint[]) WITH ORDINALITY AS wanted (chain, place) \
             CROSS JOIN LATERAL (SELECT id FROM {}.actions WHERE chain = wanted.chain ORDER BY chain DESC, id DESC \
             LIMIT $2) AS latest ORDER BY wanted.place, latest.id DESC",
            self.database.schema
        );
        let chains: Vec<i64> = chains.iter().map(|chain| chain.get()).collect();
        let call = Call::statement(sql).with(chains).with(i64::from(each));
        let rows = self.database.read(doing, call).await?;
        let ids = rows
            .iter()
            .map(|row| Ok(self.read(doing, row::action_id(row, 0))?))
            .collect::<Result<Vec<_>>>()?;
        self.fetch_actions(&ids).await
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
            ChainChange::Reschedule { recurring, next } => {
                return self.reschedule_chain(id, recurring, *next, context).await;
            }
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
        self.chain_changed(doing, call, next).await
    }

    async fn reschedule_chain(
        &self,
        id: ChainId,
        recurring: &Recurring,
        next: Timestamp,
        context: &Context,
    ) -> Result<ChainChanged> {
        let values = RecurrenceValues::from(recurring);
        let call = self
            .database
            .function("reschedule_chain")
            .with(id.get())
            .with(values.first)
            .with(values.every)
            .with(values.cron)
            .with(values.dialect)
            .with(values.zone)
            .with(values.fixed_rate)
            .with(values.catch_up.map(i64::from))
            .with(next.as_microsecond())
            .with(rescheduled_note(&recurring.recurrence))
            .with(self.stamp().as_microsecond())
            .with(context.as_str().to_owned());
        self.chain_changed("changing the schedule of a chain", call, Some(next)).await
    }

    /// What a function answers that changes a chain, and may store its next instance at this date.
    async fn chain_changed(
        &self,
        doing: &'static str,
        call: Call,
        next: Option<Timestamp>,
    ) -> Result<ChainChanged> {
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
