//! Counts by hook or group, and the claims that are open.

use jiff::Timestamp;

use super::error::Outcome;
use super::row::{Columns, status, unreadable};
use super::transaction::Read;
use crate::action::RunnerId;
use crate::store::{ClaimsQuery, OpenClaim, Tallies, Tally, TallyBy};

pub(super) async fn tally(read: &mut Read<'_>, by: TallyBy) -> Outcome<Vec<Tally>> {
    let tables = &read.database.tables;
    // Reads all rows: no key of the plugin's tells case, nor holds group and status. Those of a name whose case differs
    // are told apart here.
    let sql = match by {
        TallyBy::Hook => format!(
            "SELECT CONVERT(hook USING utf8mb4) COLLATE utf8mb4_bin AS name, status, COUNT(*) FROM {} \
             GROUP BY name, status",
            tables.actions
        ),
        TallyBy::Group => format!(
            "SELECT CONVERT(COALESCE(g.slug, '') USING utf8mb4) COLLATE utf8mb4_bin AS name, a.status, a.n \
             FROM (SELECT group_id, status, COUNT(*) AS n FROM {} GROUP BY group_id, status) a \
             LEFT JOIN {} g ON g.group_id = a.group_id",
            tables.actions, tables.groups
        ),
    };
    let mut tallies = Tallies::default();
    for row in read.rows(&sql).await? {
        tallies.add(row.text(0)?, status(row.text(1)?), row.number(2)?);
    }
    Ok(tallies.into_list())
}

pub(super) async fn claims(read: &mut Read<'_>, query: ClaimsQuery) -> Outcome<Vec<OpenClaim>> {
    let tables = &read.database.tables;
    let of_runner = match query.runner {
        Some(runner) => format!(" WHERE h.runner_id = {runner}"),
        None => String::new(),
    };
    let limit = query.limit.map(|limit| format!(" LIMIT {limit}")).unwrap_or_default();
    // The claims by primary key, what each holds by the key on claim and status.
    let sql = format!(
        "SELECT c.claim_id, h.runner_id, c.date_created_gmt, \
           SUM(a.status = 'pending'), SUM(a.status = 'in-progress') \
         FROM {} c LEFT JOIN {} h ON h.claim_id = c.claim_id \
         JOIN {} a ON a.claim_id = c.claim_id AND a.status IN ('pending','in-progress'){of_runner} \
         GROUP BY c.claim_id, h.runner_id, c.date_created_gmt ORDER BY c.claim_id{limit}",
        tables.claims, tables.holders, tables.actions
    );
    let rows = read.rows(&sql).await?;
    let claim = |row: &mysql_async::Row| {
        Ok(OpenClaim {
            id: row.claim_id(0)?.ok_or_else(|| unreadable(0, "it is no id"))?,
            runner: row.optional_number(1)?.and_then(|id: i64| RunnerId::new(id)),
            claimed_at: row.date(2).unwrap_or(Timestamp::UNIX_EPOCH),
            waiting: row.number(3)?,
            in_progress: row.number(4)?,
        })
    };
    rows.iter().map(claim).collect()
}
