//! Opening the file.

use std::time::Duration;

use rusqlite::functions::FunctionFlags;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::error::{StoreResult, wrap};
use crate::error::{StoreError, StoreErrorKind};
use crate::store::native::args;

/// What a connection is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    Write,
    Read,
}

/// How long a connection waits for the lock of another process before it gives up: only a program that holds the file
/// for minutes, such as a forgotten shell, is ever noticed.
const PATIENCE: Duration = Duration::from_secs(300);

/// Opens the file for reading or writing. Only writing creates it.
pub(super) fn open(file: &str, access: Access) -> StoreResult<Connection> {
    if file.is_empty() || file == ":memory:" {
        return Err(StoreError::new(
            StoreErrorKind::Url,
            format!("store URL \"sqlite:{file}\": expected a file, such as sqlite:shop.db"),
        ));
    }
    let mut flags = OpenFlags::SQLITE_OPEN_NO_MUTEX;
    flags |= match access {
        Access::Write => OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE,
        Access::Read => OpenFlags::SQLITE_OPEN_READ_ONLY,
    };
    let connection = Connection::open_with_flags(file, flags).map_err(wrap(file))?;
    connection.busy_handler(Some(wait_for_lock)).map_err(wrap(file))?;
    connection.set_prepared_statement_cache_capacity(128);
    let cache_kib = match access {
        Access::Write => 64 * 1024,
        Access::Read => 4 * 1024,
    };
    connection.pragma_update(None, "cache_size", -cache_kib).map_err(wrap(file))?;
    connection.pragma_update(None, "temp_store", "MEMORY").map_err(wrap(file))?;
    connection
        .create_scalar_function(
            "args_contain",
            2,
            FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC,
            |context| Ok(args::contain(context.get_raw(0).as_str()?, context.get_raw(1).as_str()?)),
        )
        .map_err(wrap(file))?;
    if access == Access::Write {
        let mode = use_wal(&connection).map_err(wrap(file))?;
        if mode != "wal" {
            return Err(StoreError::new(
                StoreErrorKind::Unavailable,
                format!(
                    "{file}: this file system has no shared memory for SQLite's WAL; use a local disk"
                ),
            ));
        }
        // Every commit is on the disk before its caller is told.
        connection.pragma_update(None, "synchronous", "FULL").map_err(wrap(file))?;
        connection.pragma_update(None, "wal_autocheckpoint", 4000).map_err(wrap(file))?;
        connection.pragma_update(None, "journal_size_limit", 64 << 20).map_err(wrap(file))?;
    }
    Ok(connection)
}

/// Switches to WAL, which the file then keeps to. Says which mode it is in.
///
/// SQLite does not ask the busy handler here: of two who create a file at the same moment, one is told at once that it is
/// locked.
fn use_wal(connection: &Connection) -> rusqlite::Result<String> {
    let mut tries = 0;
    loop {
        let mode =
            connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0));
        match mode {
            Err(error)
                if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
                    && wait_for_lock(tries) =>
            {
                tries += 1;
            }
            mode => return mode,
        }
    }
}

/// SQLite asks this each time the lock is taken: `true` tries again. Waits are short, as transactions are; only when several
/// busy processes have had a turn meanwhile, and this one has not, they become longer.
fn wait_for_lock(tries: i32) -> bool {
    const SHORT: Duration = Duration::from_micros(250);
    const LONG: Duration = Duration::from_millis(5);
    let wait = if tries < 400 { SHORT } else { LONG };
    std::thread::sleep(wait);
    LONG.saturating_mul(u32::try_from(tries).unwrap_or_default()) < PATIENCE
}
