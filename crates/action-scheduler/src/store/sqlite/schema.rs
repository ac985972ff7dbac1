//! The layout of the file, and how an older one becomes the present one.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use super::connection::{self, Access};
use super::error::{StoreResult, wrap};
use crate::error::{StoreError, StoreErrorKind};
use crate::store;

/// Marks a file as ours ("ASch"), in the header field that SQLite keeps for this.
const APPLICATION_ID: i32 = 0x4153_6368;

/// A step from the version that is its place in the list to the next.
struct Migration {
    /// What it brings, for people.
    what: &'static str,
    sql: &'static str,
}

/// All steps. They are never edited once released.
const MIGRATIONS: &[Migration] = &[
    Migration {
        what: "the tables of actions, chains, the log, claims and runners",
        sql: include_str!("migrations/1.sql"),
    },
    Migration {
        what: "the identity of the store, and the journal of what is moved to it",
        sql: include_str!("migrations/2.sql"),
    },
    Migration {
        what: "records, receipts of requests, and figures over time",
        sql: include_str!("migrations/3.sql"),
    },
    Migration {
        what: "indexes of a group by status and of a chain by date, which take seconds where there are millions",
        sql: include_str!("migrations/4.sql"),
    },
];

/// The newest version this program knows.
const NEWEST: usize = MIGRATIONS.len();

/// Brings the file to the newest version; several processes may do so at once.
pub(super) fn migrate(connection: &mut Connection, file: &str) -> StoreResult<()> {
    if version(connection, file)? == NEWEST {
        return Ok(());
    }
    let transaction =
        connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(wrap(file))?;
    // Another process may have done it while this one waited for the lock.
    let found = version(&transaction, file)?;
    for (number, migration) in MIGRATIONS.iter().enumerate().skip(found) {
        transaction.execute_batch(migration.sql).map_err(wrap(file))?;
        tracing::debug!(file, version = number + 1, "migrated");
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID).map_err(wrap(file))?;
    transaction.pragma_update(None, "user_version", NEWEST as i64).map_err(wrap(file))?;
    transaction.commit().map_err(wrap(file))
}

/// What [`migrate`] would do to a file, which need not be there. Nothing is changed or created.
pub(super) fn pending(file: &str) -> StoreResult<Vec<store::Migration>> {
    let found = match Path::new(file).exists() {
        true => version(&connection::open(file, Access::Read)?, file)?,
        false => 0,
    };
    let steps = (1..).zip(MIGRATIONS).skip(found);
    Ok(steps
        .map(|(version, step)| store::Migration {
            version,
            what: step.what.to_owned(),
            sql: step.sql.to_owned(),
        })
        .collect())
}

/// The version of the file; 0 is an empty one. A file of another program is refused.
fn version(connection: &Connection, file: &str) -> StoreResult<usize> {
    let pragma = |name| {
        connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).map_err(wrap(file))
    };
    let tables: i64 = connection
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .map_err(wrap(file))?;
    let (application, version) = (pragma("application_id")?, pragma("user_version")?);
    if tables == 0 {
        return Ok(0);
    }
    if application != i64::from(APPLICATION_ID) {
        return Err(StoreError::new(
            StoreErrorKind::Corrupt,
            format!(
                "{file}: this SQLite file belongs to another program; name another file, it will be created"
            ),
        ));
    }
    match usize::try_from(version) {
        Ok(version) if version <= NEWEST => Ok(version),
        _ => Err(StoreError::new(
            StoreErrorKind::NewerSchema,
            format!(
                "{file}: has layout version {version}, this program knows up to {NEWEST}; use a newer one"
            ),
        )),
    }
}
