//! Attempts that are still in charge of their actions.

use rusqlite::{Connection, Row};

use super::claim::{CLAIMED_COLUMNS, claimed_action};
use super::error::wrap;
use super::lists::json_array;
use super::names::Names;
use super::row;
use crate::error::Result;
use crate::store::{AttemptsOf, OpenAttempt};

/// Who holds the claim of an action. By primary keys.
const HOLDER: &str = "(SELECT runner FROM claims JOIN runners ON runners.id = claims.runner \
    WHERE claims.id = actions.claim)";

/// Reads them. For a worker that is new to this process, or a result of which this process knows nothing: seldom.
pub(super) fn attempts(
    connection: &Connection,
    names: &mut Names,
    of: &AttemptsOf,
) -> Result<Vec<OpenAttempt>> {
    try_attempts(connection, names, of).map_err(|error| wrap("reading attempts")(error).into())
}

fn try_attempts(
    connection: &Connection,
    names: &mut Names,
    of: &AttemptsOf,
) -> rusqlite::Result<Vec<OpenAttempt>> {
    let (condition, parameter) = match of {
        // Served by claims_by_runner and actions_claimed.
        AttemptsOf::Runner(runner) => (
            "claim IN (SELECT id FROM claims WHERE runner = ?1) AND phase = 0 AND status = 1",
            runner.get().to_string(),
        ),
        // By primary key.
        AttemptsOf::Actions(ids) => (
            "id IN (SELECT value FROM json_each(?1)) AND claim IS NOT NULL \
             AND (status = 1 OR (status = 3 AND timed_out = 1))",
            json_array(ids.iter().map(|id| id.get())),
        ),
    };
    let sql = format!(
        "SELECT {CLAIMED_COLUMNS}, claim, started_at, timed_out IS NOT NULL, {HOLDER} FROM actions \
         WHERE {condition} ORDER BY id"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query([parameter])?;
    let mut attempts = Vec::new();
    while let Some(row) = rows.next()? {
        attempts.push(attempt(connection, names, row)?);
    }
    Ok(attempts)
}

fn attempt(
    connection: &Connection,
    names: &mut Names,
    row: &Row<'_>,
) -> rusqlite::Result<OpenAttempt> {
    Ok(OpenAttempt {
        action: claimed_action(connection, names, row)?,
        claim: row::claim_id(row, 8)?,
        started_at: row::time(row, 9)?,
        timed_out: row.get(10)?,
        runner: row::optional_runner_id(row, 11)?,
    })
}
