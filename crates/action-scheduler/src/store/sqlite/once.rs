//! Storing actions once.

use rusqlite::{OptionalExtension, params};

use super::error::wrap;
use super::insert::insert;
use super::writer::Write;
use crate::error::Result;
use crate::store::once::{read_ids, written_ids};
use crate::store::{Insert, Once, Receipt};

pub(super) fn insert_once(
    write: &mut Write<'_>,
    receipt: &Receipt,
    inserts: &[Insert],
) -> Result<Once> {
    let failed = wrap("storing actions once");
    let known: Option<([u8; 32], String)> = write
        .connection
        // By primary key.
        .prepare_cached("SELECT digest, ids FROM receipts WHERE key = ?1 AND keep_until > ?2")
        .and_then(|mut find| {
            find.query_row(params![receipt.key, write.now.as_microsecond()], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .optional()
        })
        .map_err(&failed)?;
    if let Some((digest, ids)) = known {
        return match digest == receipt.digest {
            true => Ok(Once::Before(read_ids(&ids)?)),
            false => Ok(Once::Conflict),
        };
    }
    let ids = insert(write, inserts)?;
    write
        .connection
        // By primary key; in the place of one that is past its date.
        .prepare_cached(
            "INSERT OR REPLACE INTO receipts (key, digest, keep_until, ids) VALUES (?1, ?2, ?3, ?4)",
        )
        .and_then(|mut keep| {
            let keep_until = receipt.keep_until.as_microsecond();
            keep.execute(params![receipt.key, receipt.digest, keep_until, written_ids(&ids)])
        })
        .map_err(&failed)?;
    Ok(Once::New(ids))
}

/// Deletes receipts that are past their date: by receipts_by_date, with each round of the cleaner.
pub(super) fn clean(write: &Write<'_>, limit: u32) -> rusqlite::Result<u64> {
    let deleted = write
        .connection
        .prepare_cached(
            "DELETE FROM receipts WHERE key IN (SELECT key FROM receipts INDEXED BY receipts_by_date \
             WHERE keep_until <= ?1 LIMIT ?2)",
        )?
        .execute(params![write.now.as_microsecond(), limit])?;
    Ok(deleted as u64)
}
