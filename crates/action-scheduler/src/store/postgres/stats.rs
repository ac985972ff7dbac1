//! Figures about the whole store.

use std::collections::BTreeMap;

use super::PostgresStore;
use super::call::Call;
use super::row;
use crate::action::{Group, Hook, Status};
use crate::error::Result;
use crate::store::native::codes::{phase_code, state_of, status_code, status_of};
use crate::store::{ChainState, Stats};

impl PostgresStore {
    /// How many actions have each status, in the order of their numbers.
    pub(super) async fn status_counts(&self) -> Result<Vec<u64>> {
        let doing = "counting actions";
        let rows = self.database.read(doing, self.database.function("status_counts")).await?;
        let Some(row) = rows.first() else { return Ok(Vec::new()) };
        let counts: Vec<i64> = self.read(doing, row::get(row, 0))?;
        Ok(counts.into_iter().map(|count| u64::try_from(count).unwrap_or_default()).collect())
    }

    pub(super) async fn read_stats(&self) -> Result<Stats> {
        let doing = "reading figures";
        let schema = &self.database.schema;
        let counts = self.status_counts().await?;
        let mut stats = Stats {
            counts: Status::ALL.iter().map(|status| status.as_str()).zip(counts).collect(),
            past_due: 0,
            dates: BTreeMap::new(),
            claims: 0,
            runners: 0,
            chains: [ChainState::Active, ChainState::Paused, ChainState::Ended]
                .map(|state| (state, 0))
                .into(),
        };
        // What is pending waits or is held by a claim.
        let held = format!("ARRAY(SELECT unnest(claims.actions) FROM {schema}.claims)");
        let sql = format!(
            "SELECT (SELECT count(*) FROM {schema}.claims), (SELECT count(*) FROM {schema}.runners), \
             (SELECT count(*) FROM {schema}.waiting WHERE scheduled_at <= $1) + (SELECT count(*) FROM {schema}.actions \
             WHERE id = ANY ({held}) AND status = 0 AND claim IS NOT NULL AND scheduled_at <= $1)"
        );
        let now = self.clock.now().as_microsecond();
        let rows = self.database.read(doing, Call::statement(sql).with(now)).await?;
        if let Some(row) = rows.first() {
            let number = |column| Ok::<u64, String>(row::get::<i64>(row, column)?.unsigned_abs());
            stats.claims = self.read(doing, number(0))?;
            stats.runners = self.read(doing, number(1))?;
            stats.past_due = self.read(doing, number(2))?;
        }
        // Each end is one step into actions_by_phase, past the few that are in-progress; those are what claims hold.
        let ends: Vec<String> = Status::ALL
            .into_iter()
            .map(|status| {
                let code = status_code(status);
                let rows = match status {
                    Status::InProgress => format!("id = ANY ({held}) AND status = {code}"),
                    _ => format!("phase = {} AND status = {code}", phase_code(status)),
                };
                let end = |direction| {
                    format!(
                        "(SELECT scheduled_at FROM {schema}.actions WHERE {rows} \
                         ORDER BY scheduled_at {direction} LIMIT 1)"
                    )
                };
                format!("SELECT {code}::smallint AS status, {}, {}", end("ASC"), end("DESC"))
            })
            .collect();
        let rows = self.database.read(doing, Call::statement(ends.join(" UNION ALL "))).await?;
        for row in &rows {
            let code: i16 = self.read(doing, row::get(row, 0))?;
            let oldest = self.read(doing, row::optional_time(row, 1))?;
            let newest = self.read(doing, row::optional_time(row, 2))?;
            if let Some((status, dates)) = status_of(code.into()).zip(oldest.zip(newest)) {
                stats.dates.insert(status.as_str(), dates);
            }
        }
        let sql = format!("SELECT state, count(*) FROM {schema}.chains GROUP BY state");
        for row in self.database.read(doing, Call::statement(sql)).await? {
            let state: i16 = self.read(doing, row::get(&row, 0))?;
            let count: i64 = self.read(doing, row::get(&row, 1))?;
            if let Some(state) = state_of(state.into()) {
                stats.chains.insert(state, count.unsigned_abs());
            }
        }
        Ok(stats)
    }

    pub(super) async fn all_hooks(&self) -> Result<Vec<Hook>> {
        self.all_names("hooks", Hook::from_stored).await
    }

    pub(super) async fn all_groups(&self) -> Result<Vec<Group>> {
        self.all_names("groups", Group::from_stored).await
    }

    async fn all_names<T>(&self, table: &str, stored: impl Fn(String) -> T) -> Result<Vec<T>> {
        let doing = "reading names";
        let sql = format!("SELECT name FROM {}.{table} ORDER BY name", self.database.schema);
        let rows = self.database.read(doing, Call::statement(sql)).await?;
        rows.iter().map(|row| Ok(stored(self.read(doing, row::get::<String>(row, 0))?))).collect()
    }
}
