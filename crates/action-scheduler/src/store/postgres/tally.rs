//! Counts by hook or group, and the claims that are open.

use super::PostgresStore;
use super::call::Call;
use super::row;
use crate::action::{RunnerId, Status};
use crate::error::Result;
use crate::store::native::codes::status_of;
use crate::store::{ClaimsQuery, OpenClaim, Tallies, Tally, TallyBy};

impl PostgresStore {
    pub(super) async fn count_by(&self, by: TallyBy) -> Result<Vec<Tally>> {
        let doing = "counting actions";
        let schema = &self.database.schema;
        let (column, names) = match by {
            TallyBy::Hook => ("hook", "hooks"),
            TallyBy::Group => ("grp", "groups"),
        };
        // The first reads all of the index of the hook, or of the group, and few rows of the table; the second what claims
        // hold. Both see one moment.
        let sql = format!(
            "SELECT names.name, tally.phase, tally.n, coalesce(running.n, 0) FROM ( \
               SELECT {column} AS number, phase, count(*) AS n FROM {schema}.actions GROUP BY {column}, phase \
             ) AS tally JOIN {schema}.{names} AS names ON names.id = tally.number LEFT JOIN ( \
               SELECT {column} AS number, count(*) AS n FROM {schema}.actions \
               WHERE id = ANY (ARRAY(SELECT unnest(held.actions) FROM {schema}.claims AS held)) AND status = 1 \
               GROUP BY {column} \
             ) AS running ON running.number = tally.number AND tally.phase = 0"
        );
        let rows = self.database.read(doing, Call::statement(sql)).await?;
        let mut tallies = Tallies::default();
        for row in &rows {
            let name: &str = self.read(doing, row::get(row, 0))?;
            let phase: i16 = self.read(doing, row::get(row, 1))?;
            let status = status_of(phase.into()).ok_or_else(|| format!("{phase} is no status"));
            let status = self.read(doing, status)?;
            let count = self.read(doing, row::get::<i64>(row, 2))?.unsigned_abs();
            let running = self.read(doing, row::get::<i64>(row, 3))?.unsigned_abs();
            tallies.add(name, Status::InProgress, running);
            tallies.add(name, status, count.saturating_sub(running));
        }
        Ok(tallies.into_list())
    }

    pub(super) async fn list_claims(&self, query: ClaimsQuery) -> Result<Vec<OpenClaim>> {
        let doing = "reading the claims";
        // By primary keys and claims_by_runner; there are a few.
        let sql = format!(
            "SELECT c.id, c.runner, c.claimed_at, coalesce(u.n, 0), c.live - coalesce(u.n, 0) FROM {0}.claims c \
             LEFT JOIN {0}.unstarted u ON u.claim = c.id WHERE ($1::bigint IS NULL OR c.runner = $1) AND c.live > 0 \
             ORDER BY c.id LIMIT $2",
            self.database.schema
        );
        let call = Call::statement(sql)
            .with(query.runner.map(RunnerId::get))
            .with(query.limit.map(i64::from));
        let rows = self.database.read(doing, call).await?;
        rows.iter().map(|row| Ok(self.read(doing, open_claim(row))?)).collect()
    }
}

fn open_claim(row: &tokio_postgres::Row) -> row::Read<OpenClaim> {
    let number = |column| Ok::<u32, String>(row::get::<i32>(row, column)?.unsigned_abs());
    Ok(OpenClaim {
        id: row::claim_id(row, 0)?,
        runner: RunnerId::new(row::get(row, 1)?),
        claimed_at: row::time(row, 2)?,
        waiting: number(3)?,
        in_progress: number(4)?,
    })
}
