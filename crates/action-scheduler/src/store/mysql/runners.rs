//! Runners: their signs of life, and what becomes of the work of those that gave none.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use mysql_async::Row;

use super::claim::{ids, in_progress, last_attempt, release, stake};
use super::error::Outcome;
use super::php::site_time::format_gmt;
use super::row::{Columns, unreadable};
use super::sql::{List, Micros, Text, TextOrNull};
use super::transaction::{Read, Write};
use super::waiting::PLUGIN_INDEX;
use crate::action::{ClaimId, RunnerId};
use crate::log::Context;
use crate::store::{DeadRunner, Heartbeat, NewRunner, Recovery, Runner, Stranded};

/// The plugin takes what it has not heard of for five minutes for lost: we say before that that it is not.
const REFRESH: SignedDuration = SignedDuration::from_secs(60);

/// After so long without a word we take what the plugin claimed for lost, as it does itself.
const PLUGIN_LEASE: SignedDuration = SignedDuration::from_secs(300);

pub(super) async fn register(write: &mut Write<'_>, runner: &NewRunner) -> Outcome<RunnerId> {
    let now = Micros(write.now);
    let sql = format!(
        "INSERT INTO {} (name, process, context, workers, lease_us, started_at, heartbeat_at) \
         VALUES ({},{},{},{},{},{now},{now})",
        write.tables().runners,
        Text(&runner.name),
        TextOrNull(runner.process.as_deref()),
        Text(runner.context.as_str()),
        runner.workers,
        runner.lease.as_micros()
    );
    let id = write.insert(&sql).await?.of(0);
    RunnerId::new(id.cast_signed()).ok_or_else(|| unreadable(0, "it is no id"))
}

pub(super) async fn heartbeat(write: &mut Write<'_>, runner: RunnerId) -> Outcome<bool> {
    let tables = write.tables();
    let sql = format!(
        "UPDATE {} SET heartbeat_at = {}, beats = beats + 1 WHERE runner_id = {runner}",
        tables.runners,
        Micros(write.now)
    );
    if write.run(&sql).await?.affected == 0 {
        return Ok(false);
    }
    // Of what other processes have given back nothing is told.
    write.came_back = true;
    let before = write.now.checked_sub(REFRESH).unwrap_or(write.now);
    // Served by the keys on the runner and on claim and status: what it holds.
    let held = format!(
        "SELECT a.action_id FROM {} h JOIN {} a ON a.claim_id = h.claim_id \
         AND a.status IN ('pending','in-progress') WHERE h.runner_id = {runner} \
         AND a.last_attempt_gmt < '{}' ORDER BY a.action_id",
        tables.holders,
        tables.actions,
        format_gmt(Some(before))
    );
    let held = ids(&write.rows(&held).await?)?;
    if !held.is_empty() {
        // By primary key. What is not live any more since it was read is left as it is.
        let sql = format!(
            "UPDATE {} SET {} WHERE action_id IN {} AND claim_id IN (SELECT claim_id FROM {} WHERE runner_id = {runner}) \
             AND status IN ('pending','in-progress')",
            tables.actions,
            last_attempt(write),
            List(held.iter()),
            tables.holders
        );
        write.later(&sql).await?;
    }
    Ok(true)
}

pub(super) async fn unregister(
    write: &mut Write<'_>,
    runner: RunnerId,
    context: &Context,
) -> Outcome<()> {
    let claims = claims_of(write, runner).await?;
    release(write, &claims, context).await?;
    // Should something be left in-progress, it is found as what no known runner holds.
    let sql = format!("DELETE FROM {} WHERE runner_id = {runner}", write.tables().runners);
    write.later(&sql).await
}

async fn claims_of(write: &mut Write<'_>, runner: RunnerId) -> Outcome<Vec<ClaimId>> {
    let sql = format!(
        "SELECT claim_id FROM {} WHERE runner_id = {runner} ORDER BY claim_id",
        write.tables().holders
    );
    claims(&write.rows(&sql).await?)
}

fn claims(rows: &[Row]) -> Outcome<Vec<ClaimId>> {
    let mut claims = Vec::with_capacity(rows.len());
    for row in rows {
        claims.extend(row.claim_id(0)?);
    }
    Ok(claims)
}

pub(super) async fn recover(
    write: &mut Write<'_>,
    dead: &[DeadRunner],
    context: &Context,
) -> Outcome<Recovery> {
    let tables = write.tables();
    let mut recovery = Recovery::default();
    for dead in dead {
        // By primary key. Locked, so that a beat comes before this or in vain.
        let sql = format!(
            "SELECT beats FROM {} WHERE runner_id = {} FOR UPDATE",
            tables.runners, dead.id
        );
        let rows = write.rows(&sql).await?;
        let beats = rows.first().map(|row| row.number::<u64>(0)).transpose()?;
        if beats != Some(dead.beats) {
            continue;
        }
        let claims = claims_of(write, dead.id).await?;
        take_over(write, &claims, Some(dead.id), context, &mut recovery).await?;
        // One with work in-progress stays known until that is settled.
        let forget = format!(
            "DELETE FROM {} WHERE runner_id = {} AND NOT EXISTS (SELECT 1 FROM {} h WHERE h.runner_id = {})",
            tables.runners, dead.id, tables.holders, dead.id
        );
        write.later(&forget).await?;
    }
    // A handful of rows, by primary key.
    let ownerless = format!(
        "SELECT h.claim_id FROM {} h LEFT JOIN {} r ON r.runner_id = h.runner_id \
         WHERE r.runner_id IS NULL ORDER BY h.claim_id",
        tables.holders, tables.runners
    );
    let mut lost = claims(&write.rows(&ownerless).await?)?;
    lost.extend(lost_by_plugin(write).await?);
    lost.extend(claim_orphans(write).await?);
    take_over(write, &lost, None, context, &mut recovery).await?;
    Ok(recovery)
}

/// Gives back what these claims hold, and gives out what is in-progress under them.
async fn take_over(
    write: &mut Write<'_>,
    claims: &[ClaimId],
    runner: Option<RunnerId>,
    context: &Context,
    recovery: &mut Recovery,
) -> Outcome<()> {
    recovery.released += release(write, claims, context).await?;
    let stranded = in_progress(write, claims).await?;
    recovery.stranded.extend(stranded.into_iter().map(|(claim, action)| Stranded {
        action,
        claim,
        runner,
    }));
    Ok(())
}

/// Claims that are not ours, and of which nothing has been heard for longer than the plugin itself waits.
async fn lost_by_plugin(write: &mut Write<'_>) -> Outcome<Vec<ClaimId>> {
    let tables = write.tables();
    let before = write.now.checked_sub(PLUGIN_LEASE).unwrap_or(write.now);
    let before = format_gmt(Some(before));
    // What is claimed is found by the few open claims, what is in-progress by its status. Left to itself, a server that
    // works through a backlog reads all actions.
    let sql = format!(
        "SELECT STRAIGHT_JOIN DISTINCT a.claim_id FROM {claims} c \
           LEFT JOIN {holders} h ON h.claim_id = c.claim_id \
           JOIN {actions} a FORCE INDEX ({PLUGIN_INDEX}) ON a.claim_id = c.claim_id AND a.status = 'pending' \
         WHERE h.claim_id IS NULL AND c.date_created_gmt < '{before}' AND a.last_attempt_gmt < '{before}' \
         UNION SELECT STRAIGHT_JOIN a.claim_id FROM {actions} a FORCE INDEX (status_scheduled_date_gmt) \
           LEFT JOIN {holders} h ON h.claim_id = a.claim_id \
         WHERE a.status = 'in-progress' AND a.claim_id > 0 AND h.claim_id IS NULL \
         AND a.last_attempt_gmt < '{before}'",
        claims = tables.claims,
        actions = tables.actions,
        holders = tables.holders
    );
    claims(&write.rows(&sql).await?)
}

/// Puts what is in-progress in nobody's name, and has been for longer than the plugin waits, under a claim of its own, so
/// that it can be settled like everything else that is lost.
async fn claim_orphans(write: &mut Write<'_>) -> Outcome<Option<ClaimId>> {
    /// The next round takes the others.
    const MOST: usize = 1000;
    let tables = write.tables();
    let before = format_gmt(Some(write.now.checked_sub(PLUGIN_LEASE).unwrap_or(write.now)));
    // Served by the key on claim, status and date; then locked by primary key only, like everything else.
    let orphans = "claim_id = 0 AND status = 'in-progress'";
    let found = format!(
        "SELECT action_id FROM {} WHERE {orphans} AND (last_attempt_gmt IS NULL OR last_attempt_gmt < '{before}') \
         ORDER BY action_id LIMIT {MOST}",
        tables.actions
    );
    let found = ids(&write.rows(&found).await?)?;
    if found.is_empty() {
        return Ok(None);
    }
    let claim = stake(write).await?;
    let update = format!(
        "UPDATE {} SET claim_id = {claim} WHERE action_id IN {} AND {orphans}",
        tables.actions,
        List(found.iter())
    );
    write.later(&update).await?;
    Ok(Some(claim))
}

pub(super) async fn heartbeats(read: &mut Read<'_>) -> Outcome<Vec<Heartbeat>> {
    let sql = format!(
        "SELECT runner_id, name, process, lease_us, beats FROM {} ORDER BY runner_id",
        read.database.tables.runners
    );
    let rows = read.rows(&sql).await?;
    let heartbeat = |row: &Row| {
        Ok(Heartbeat {
            id: runner_id(row)?,
            name: row.text(1)?.to_owned(),
            process: row.optional_text(2)?.map(str::to_owned),
            lease: Duration::from_micros(row.number(3)?),
            beats: row.number(4)?,
        })
    };
    rows.iter().map(heartbeat).collect()
}

/// Reads the first column.
fn runner_id(row: &Row) -> Outcome<RunnerId> {
    RunnerId::new(row.number(0)?).ok_or_else(|| unreadable(0, "it is no id"))
}

pub(super) async fn list(read: &mut Read<'_>) -> Outcome<Vec<Runner>> {
    let tables = &read.database.tables;
    let sql = format!(
        "SELECT r.runner_id, r.name, r.process, r.context, r.workers, r.lease_us, r.started_at, r.heartbeat_at, r.beats, \
           (SELECT COUNT(*) FROM {holders} h WHERE h.runner_id = r.runner_id), \
           (SELECT COUNT(*) FROM {holders} h JOIN {} a ON a.claim_id = h.claim_id AND a.status = 'in-progress' \
              WHERE h.runner_id = r.runner_id) \
         FROM {} r ORDER BY r.runner_id",
        tables.actions,
        tables.runners,
        holders = tables.holders
    );
    let rows = read.rows(&sql).await?;
    rows.iter().map(runner).collect()
}

fn runner(row: &Row) -> Outcome<Runner> {
    Ok(Runner {
        id: runner_id(row)?,
        runner: NewRunner {
            name: row.text(1)?.to_owned(),
            process: row.optional_text(2)?.map(str::to_owned),
            context: Context::new(row.text(3)?),
            workers: row.number(4)?,
            lease: Duration::from_micros(row.number(5)?),
        },
        started_at: row.date(6).unwrap_or(Timestamp::UNIX_EPOCH),
        heartbeat_at: row.date(7).unwrap_or(Timestamp::UNIX_EPOCH),
        beats: row.number(8)?,
        claims: row.number(9)?,
        in_progress: row.number(10)?,
    })
}
