//! Storing actions once.

use std::collections::HashMap;

use super::error::Outcome;
use super::insert::insert;
use super::row::Columns;
use super::sql::Text;
use super::transaction::Write;
use crate::action::Group;
use crate::error::Error;
use crate::store::once::{read_ids, written_ids};
use crate::store::{Insert, Once, Receipt};

pub(super) async fn insert_once(
    write: &mut Write<'_>,
    receipt: &Receipt,
    inserts: &[Insert],
    groups: &HashMap<Group, u64>,
) -> Outcome<Once> {
    let receipts = &write.tables().receipts;
    let key = Text(&receipt.key);
    // By primary key, as is all here.
    let sql = format!(
        "SELECT digest, ids, keep_until_us FROM {receipts} WHERE receipt_key = {key} FOR UPDATE"
    );
    let rows = write.rows(&sql).await?;
    let digest = receipt.digest_text();
    if let Some(row) = rows.first()
        && row.number::<i64>(2)? > write.now.as_microsecond()
    {
        return Ok(match row.text(0)? == digest {
            true => Once::Before(read_ids(row.text(1)?).map_err(Error::from)?),
            false => Once::Conflict,
        });
    }
    if rows.is_empty() {
        // Whoever comes second waits here for the first, is told of a duplicate, and begins again.
        let sql = format!(
            "INSERT INTO {receipts} (receipt_key, digest, keep_until_us, ids) VALUES ({key},'{digest}',0,'')"
        );
        write.run(&sql).await?;
    }
    let ids = insert(write, inserts, groups).await?;
    let sql = format!(
        "UPDATE {receipts} SET digest = '{digest}', keep_until_us = {}, ids = '{}' WHERE receipt_key = {key}",
        receipt.keep_until.as_microsecond(),
        written_ids(&ids)
    );
    write.later(&sql).await?;
    Ok(Once::New(ids))
}

/// Deletes receipts that are past their date: by its own key, with each round of the cleaner.
pub(super) async fn clean(write: &mut Write<'_>, limit: u32) -> Outcome<u64> {
    let sql = format!(
        "DELETE FROM {} WHERE keep_until_us <= {} ORDER BY keep_until_us LIMIT {limit}",
        write.tables().receipts,
        write.now.as_microsecond()
    );
    Ok(write.run(&sql).await?.affected)
}
