//! Records.

use std::collections::HashMap;

use jiff::Timestamp;
use mysql_async::Row;

use super::error::Outcome;
use super::row::{Columns, unreadable};
use super::sql::{List, OrNull, Rows, Text};
use super::transaction::{Read, Write};
use crate::store::records::places_in_order;
use crate::store::{Expected, Put, PutRecord, Record, RecordKind, RecordsQuery};

/// How many records are named in one statement.
const CHUNK: usize = 100;

/// What is known of a record that is there.
#[derive(Clone, Copy)]
struct Known {
    version: u64,
    expires_us: Option<i64>,
}

impl Known {
    fn has_expired(self, now: Timestamp) -> bool {
        self.expires_us.is_some_and(|expires| expires <= now.as_microsecond())
    }
}

type Place = (RecordKind, String);

fn place(put: &PutRecord) -> Place {
    (put.kind.clone(), put.key.clone())
}

pub(super) async fn put(write: &mut Write<'_>, puts: &[PutRecord]) -> Outcome<Vec<Put>> {
    // In one order, so that none waits for one that waits for it.
    let places = places_in_order(puts, place);
    let mut answers = vec![Put::Refused; puts.len()];
    for chunk in places.chunks(CHUNK) {
        let chunk: Vec<(usize, &PutRecord)> =
            chunk.iter().filter_map(|place| Some((*place, puts.get(*place)?))).collect();
        let before = lock(write, &chunk).await?;
        let mut now_there: HashMap<Place, (Known, &PutRecord)> = HashMap::new();
        for (answer, put) in chunk {
            let place = place(put);
            let known = now_there.get(&place).map(|(known, _)| *known);
            let known = known.or_else(|| before.get(&place).copied());
            let live = known.filter(|known| !known.has_expired(write.now));
            let holds = match put.expected {
                Expected::Any => true,
                Expected::Absent => live.is_none(),
                Expected::Version(version) => live.is_some_and(|live| live.version == version),
            };
            if !holds {
                continue;
            }
            let version = known.map_or(1, |known| known.version.saturating_add(1));
            now_there.insert(place, (Known { version, expires_us: put.expiry() }, put));
            if let Some(answer) = answers.get_mut(answer) {
                *answer = Put::Done(version);
            }
        }
        store(write, &before, now_there).await?;
    }
    Ok(answers)
}

/// Locks the records that are there, and says what they are. By primary key, once for each chunk.
async fn lock(
    write: &mut Write<'_>,
    puts: &[(usize, &PutRecord)],
) -> Outcome<HashMap<Place, Known>> {
    let of_one_kind = |puts: &[(usize, &PutRecord)]| {
        let kind = puts.first().map(|(_, put)| &put.kind);
        kind.map(|kind| named(kind, puts.iter().map(|(_, put)| put.key.as_str())))
    };
    let names: Vec<String> = puts
        .chunk_by(|(_, one), (_, next)| one.kind == next.kind)
        .filter_map(of_one_kind)
        .collect();
    let sql = format!(
        "SELECT kind, record_key, version, expires_us FROM {} WHERE {} ORDER BY kind, record_key FOR UPDATE",
        write.tables().records,
        names.join(" OR ")
    );
    let rows = write.rows(&sql).await?;
    let known = |row: &Row| {
        let kind = RecordKind::new(row.text(0)?).map_err(|error| unreadable(0, error))?;
        let known = Known { version: row.number(2)?, expires_us: row.optional_number(3)? };
        Ok(((kind, row.text(1)?.to_owned()), known))
    };
    rows.iter().map(known).collect()
}

/// A condition that a record has one of these names.
fn named<'a>(kind: &RecordKind, keys: impl Iterator<Item = &'a str>) -> String {
    let keys: Vec<String> = keys.map(|key| Text(key).to_string()).collect();
    format!("(kind = {} AND record_key IN {})", Text(kind.as_str()), List(keys.iter()))
}

/// Stores what is now there.
async fn store(
    write: &mut Write<'_>,
    before: &HashMap<Place, Known>,
    now_there: HashMap<Place, (Known, &PutRecord)>,
) -> Outcome<()> {
    let head = format!(
        "INSERT INTO {} (kind, record_key, body, version, expires_us)",
        write.tables().records
    );
    let mut new = Rows::new(format_args!("{head}"));
    let mut changed = Rows::new(format_args!("{head}"));
    let mut now_there: Vec<_> = now_there.into_iter().collect();
    now_there.sort_by(|(one, _), (other, _)| one.cmp(other));
    for ((kind, key), (known, put)) in &now_there {
        let rows = match before.contains_key(&(kind.clone(), key.clone())) {
            true => &mut changed,
            false => &mut new,
        };
        rows.push(format_args!(
            "{},{},{},{},{}",
            Text(kind.as_str()),
            Text(key),
            Text(&put.body),
            known.version,
            OrNull(known.expires_us)
        ));
    }
    // Should another have stored one of these first, all is done again.
    if !new.is_empty() {
        write.run(&new.end("")).await?;
    }
    // These are locked.
    if !changed.is_empty() {
        let update = " ON DUPLICATE KEY UPDATE body = VALUES(body), version = VALUES(version), \
             expires_us = VALUES(expires_us)";
        write.run(&changed.end(update)).await?;
    }
    Ok(())
}

pub(super) async fn list(
    read: &mut Read<'_>,
    query: &RecordsQuery,
    now: Timestamp,
) -> Outcome<Vec<Record>> {
    let mut sql = format!(
        "SELECT record_key, body, version, expires_us FROM {} WHERE kind = {} \
         AND (expires_us IS NULL OR expires_us > {})",
        read.database.tables.records,
        Text(query.kind.as_str()),
        now.as_microsecond()
    );
    if let Some(after) = &query.after {
        sql.push_str(&format!(" AND record_key > {}", Text(after)));
    }
    if let Some(keys) = &query.keys {
        let keys: Vec<String> = keys.iter().map(|key| Text(key).to_string()).collect();
        sql.push_str(&format!(" AND record_key IN {}", List(keys.iter())));
    }
    // In the order of the primary key.
    sql.push_str(" ORDER BY record_key");
    if let Some(limit) = query.limit {
        sql.push_str(&format!(" LIMIT {limit}"));
    }
    let expires_at = |row: &Row| {
        let micros: Option<i64> = row.optional_number(3)?;
        let date = micros.map(Timestamp::from_microsecond).transpose();
        date.map_err(|error| unreadable(3, error))
    };
    let record = |row: &Row| {
        Ok(Record {
            kind: query.kind.clone(),
            key: row.text(0)?.to_owned(),
            body: row.text(1)?.to_owned(),
            version: row.number(2)?,
            expires_at: expires_at(row)?,
        })
    };
    read.rows(&sql).await?.iter().map(record).collect()
}

pub(super) async fn delete(
    write: &mut Write<'_>,
    kind: &RecordKind,
    keys: &[String],
) -> Outcome<Vec<bool>> {
    let mut gone = HashMap::new();
    let mut in_order: Vec<&String> = keys.iter().collect();
    in_order.sort();
    in_order.dedup();
    for chunk in in_order.chunks(CHUNK) {
        let named = named(kind, chunk.iter().map(|key| key.as_str()));
        // By primary key, once for each chunk. Locked: whoever comes second finds nothing.
        let sql = format!(
            "SELECT record_key, expires_us FROM {} WHERE {named} ORDER BY record_key FOR UPDATE",
            write.tables().records
        );
        let rows = write.rows(&sql).await?;
        for row in &rows {
            let expires_us: Option<i64> = row.optional_number(1)?;
            let is_live = !Known { version: 0, expires_us }.has_expired(write.now);
            gone.insert(row.text(0)?.to_owned(), is_live);
        }
        if !rows.is_empty() {
            let sql = format!("DELETE FROM {} WHERE {named}", write.tables().records);
            write.run(&sql).await?;
        }
    }
    // Of one that is named twice the first is told.
    Ok(keys.iter().map(|key| gone.remove(key).unwrap_or_default()).collect())
}

/// Deletes what has expired: by its own key, with each round of the cleaner.
pub(super) async fn clean(write: &mut Write<'_>, limit: u32) -> Outcome<u64> {
    let sql = format!(
        "DELETE FROM {} WHERE expires_us <= {} ORDER BY expires_us LIMIT {limit}",
        write.tables().records,
        write.now.as_microsecond()
    );
    Ok(write.run(&sql).await?.affected)
}
