//! Records.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params, params_from_iter};

use super::error::wrap;
use super::row;
use super::writer::Write;
use crate::error::Result;
use crate::store::{Expected, Put, PutRecord, Record, RecordKind, RecordsQuery};

// By primary key, as all that is not said otherwise; once for each record.

const PUT: &str = "INSERT INTO records (kind, key, body, version, expires_at) VALUES (?1, ?2, ?3, 1, ?4) \
     ON CONFLICT (kind, key) DO UPDATE SET body = excluded.body, version = version + 1, \
     expires_at = excluded.expires_at RETURNING version";

const PUT_IF_ABSENT: &str = "INSERT INTO records (kind, key, body, version, expires_at) VALUES (?1, ?2, ?3, 1, ?4) \
     ON CONFLICT (kind, key) DO UPDATE SET body = excluded.body, version = version + 1, \
     expires_at = excluded.expires_at WHERE records.expires_at <= ?5 RETURNING version";

const PUT_IF_VERSION: &str = "UPDATE records SET body = ?3, version = version + 1, expires_at = ?4 \
     WHERE kind = ?1 AND key = ?2 AND version = ?6 AND (expires_at IS NULL OR expires_at > ?5) RETURNING version";

pub(super) fn put(write: &mut Write<'_>, puts: &[PutRecord]) -> Result<Vec<Put>> {
    let put = |put: &PutRecord| {
        let (kind, key, expiry) = (put.kind.as_str(), &put.key, put.expiry());
        let now = write.now.as_microsecond();
        let version = |row: &rusqlite::Row<'_>| row.get(0);
        let done: Option<i64> = match put.expected {
            Expected::Any => write
                .connection
                .prepare_cached(PUT)?
                .query_row(params![kind, key, put.body, expiry], version)
                .optional()?,
            Expected::Absent => write
                .connection
                .prepare_cached(PUT_IF_ABSENT)?
                .query_row(params![kind, key, put.body, expiry, now], version)
                .optional()?,
            Expected::Version(expected) => match i64::try_from(expected) {
                Ok(expected) => write
                    .connection
                    .prepare_cached(PUT_IF_VERSION)?
                    .query_row(params![kind, key, put.body, expiry, now, expected], version)
                    .optional()?,
                Err(_) => None,
            },
        };
        Ok(done.map_or(Put::Refused, |version| Put::Done(version.cast_unsigned())))
    };
    let puts = puts.iter().map(put).collect::<rusqlite::Result<_>>();
    puts.map_err(|error| wrap("putting records")(error).into())
}

pub(super) fn list(
    connection: &Connection,
    query: &RecordsQuery,
    now: Timestamp,
) -> Result<Vec<Record>> {
    let list = || -> rusqlite::Result<Vec<_>> {
        let keys = query.keys.as_ref().map(serde_json::to_string).transpose();
        let keys = keys.map_err(|error| row::unreadable(0, error))?;
        let only =
            if keys.is_some() { " AND key IN (SELECT value FROM json_each(?5))" } else { "" };
        // In the order of the primary key.
        let sql = format!(
            "SELECT key, body, version, expires_at FROM records WHERE kind = ?1 AND key > ?2 \
             AND (expires_at IS NULL OR expires_at > ?3){only} ORDER BY key LIMIT ?4"
        );
        let after = query.after.as_deref().unwrap_or_default();
        let (kind, now) = (query.kind.as_str(), now.as_microsecond());
        // Less than nothing is no limit.
        let limit = query.limit.map_or(-1, i64::from);
        let mut parameters: Vec<&dyn rusqlite::ToSql> = vec![&kind, &after, &now, &limit];
        parameters.extend(keys.as_ref().map(|keys| keys as &dyn rusqlite::ToSql));
        connection
            .prepare_cached(&sql)?
            .query_map(params_from_iter(parameters), |row| {
                Ok(Record {
                    kind: query.kind.clone(),
                    key: row.get(0)?,
                    body: row.get(1)?,
                    version: row.get::<_, i64>(2)?.cast_unsigned(),
                    expires_at: row::optional_time(row, 3)?,
                })
            })?
            .collect()
    };
    list().map_err(|error| wrap("reading records")(error).into())
}

pub(super) fn delete(
    write: &mut Write<'_>,
    kind: &RecordKind,
    keys: &[String],
) -> Result<Vec<bool>> {
    let delete = |key: &String| {
        let expired: Option<bool> = write
            .connection
            .prepare_cached(
                "DELETE FROM records WHERE kind = ?1 AND key = ?2 RETURNING coalesce(expires_at <= ?3, 0)",
            )?
            .query_row(params![kind.as_str(), key, write.now.as_microsecond()], |row| row.get(0))
            .optional()?;
        Ok(expired == Some(false))
    };
    let deleted = keys.iter().map(delete).collect::<rusqlite::Result<_>>();
    deleted.map_err(|error| wrap("deleting records")(error).into())
}

/// Deletes what has expired: by records_expiring, with each round of the cleaner.
pub(super) fn clean(write: &Write<'_>, limit: u32) -> rusqlite::Result<u64> {
    let deleted = write
        .connection
        .prepare_cached(
            "DELETE FROM records WHERE (kind, key) IN (SELECT kind, key FROM records INDEXED BY records_expiring \
             WHERE expires_at <= ?1 LIMIT ?2)",
        )?
        .execute(params![write.now.as_microsecond(), limit])?;
    Ok(deleted as u64)
}
