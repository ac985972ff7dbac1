//! Figures over time.

use std::collections::HashMap;

use jiff::Timestamp;
use mysql_async::Row;

use super::error::Outcome;
use super::row::{Columns, unreadable};
use super::sql::{Rows, Text};
use super::transaction::{Read, Write};
use crate::action::Hook;
use crate::store::figures::{FigureKey, merged};
use crate::store::{Figure, FigureCounts, FiguresOf, FiguresQuery, Resolution};

/// How many figures are named in one statement.
const CHUNK: usize = 100;

/// The name that stands for all hooks together.
const TOGETHER: &str = "";

fn name(hook: Option<&Hook>) -> &str {
    hook.map_or(TOGETHER, Hook::as_str)
}

pub(super) async fn add(write: &mut Write<'_>, figures: &[Figure]) -> Outcome<()> {
    let merged: Vec<(FigureKey, FigureCounts)> = merged(figures.to_vec()).into_iter().collect();
    for chunk in merged.chunks(CHUNK) {
        let before = lock(write, chunk).await?;
        let head =
            format!("INSERT INTO {} (resolution, hook, at_us, numbers)", write.tables().figures);
        let mut new = Rows::new(format_args!("{head}"));
        let mut changed = Rows::new(format_args!("{head}"));
        for ((resolution, hook, at), counts) in chunk {
            let key = (resolution.code(), name(hook.as_ref()).to_owned(), at.as_microsecond());
            let (rows, counts) = match before.get(&key) {
                Some(before) => {
                    let mut sum = before.clone();
                    sum.add(counts);
                    (&mut changed, sum)
                }
                None => (&mut new, counts.clone()),
            };
            let numbers: Vec<String> = counts.to_numbers().iter().map(i64::to_string).collect();
            let (resolution, hook, at) = key;
            rows.push(format_args!("{resolution},{},{at},'{}'", Text(&hook), numbers.join(",")));
        }
        // Should another have stored one of these first, all is done again.
        if !new.is_empty() {
            write.run(&new.end("")).await?;
        }
        // These are locked.
        if !changed.is_empty() {
            write.run(&changed.end(" ON DUPLICATE KEY UPDATE numbers = VALUES(numbers)")).await?;
        }
    }
    Ok(())
}

type StoredKey = (u8, String, i64);

/// Locks those that are there, and reads them. By primary key, every few seconds.
async fn lock(
    write: &mut Write<'_>,
    figures: &[(FigureKey, FigureCounts)],
) -> Outcome<HashMap<StoredKey, FigureCounts>> {
    let keys: Vec<String> = figures
        .iter()
        .map(|((resolution, hook, at), _)| {
            let (resolution, hook) = (resolution.code(), Text(name(hook.as_ref())));
            let at = at.as_microsecond();
            format!("(resolution = {resolution} AND hook = {hook} AND at_us = {at})")
        })
        .collect();
    let sql = format!(
        "SELECT resolution, hook, at_us, numbers FROM {} WHERE {} ORDER BY resolution, hook, at_us FOR UPDATE",
        write.tables().figures,
        keys.join(" OR ")
    );
    let rows = write.rows(&sql).await?;
    let figure = |row: &Row| {
        let key = (row.number(0)?, row.text(1)?.to_owned(), row.number(2)?);
        Ok((key, read_counts(row, 3)?))
    };
    rows.iter().map(figure).collect()
}

fn read_counts(row: &Row, column: usize) -> Outcome<FigureCounts> {
    let numbers = row.text(column)?.split(',').map(str::parse);
    let numbers: Result<Vec<i64>, _> = numbers.collect();
    Ok(FigureCounts::from_numbers(&numbers.map_err(|error| unreadable(column, error))?))
}

pub(super) async fn list(read: &mut Read<'_>, query: &FiguresQuery) -> Outcome<Vec<Figure>> {
    // In the order of the primary key, or of the key on the date.
    let whose = match &query.of {
        FiguresOf::Together => format!("hook = '{TOGETHER}'"),
        FiguresOf::Hook(hook) => format!("hook = {}", Text(hook.as_str())),
        FiguresOf::EachHook => format!("hook <> '{TOGETHER}'"),
    };
    let mut sql = format!(
        "SELECT hook, at_us, numbers FROM {} WHERE resolution = {} AND {whose} AND at_us >= {} AND at_us < {} \
         ORDER BY at_us",
        read.database.tables.figures,
        query.resolution.code(),
        query.from.as_microsecond(),
        query.to.as_microsecond()
    );
    if let Some(limit) = query.limit {
        sql.push_str(&format!(" LIMIT {limit}"));
    }
    let figure = |row: &Row| {
        let at = Timestamp::from_microsecond(row.number(1)?);
        Ok(Figure {
            resolution: query.resolution,
            at: at.map_err(|error| unreadable(1, error))?,
            hook: Some(row.text(0)?).filter(|name| *name != TOGETHER).map(Hook::from_stored),
            counts: read_counts(row, 2)?,
        })
    };
    read.rows(&sql).await?.iter().map(figure).collect()
}

/// Deletes those that have been kept long enough: by the key on the date, with each round of the cleaner.
pub(super) async fn clean(write: &mut Write<'_>, limit: u32) -> Outcome<u64> {
    let mut deleted = 0;
    for resolution in Resolution::ALL {
        let sql = format!(
            "DELETE FROM {} WHERE resolution = {} AND at_us < {} ORDER BY at_us LIMIT {limit}",
            write.tables().figures,
            resolution.code(),
            resolution.kept_from(write.now).as_microsecond()
        );
        deleted += write.run(&sql).await?.affected;
    }
    Ok(deleted)
}
