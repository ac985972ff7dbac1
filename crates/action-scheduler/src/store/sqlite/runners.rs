//! Runners: their signs of life, and what becomes of the work of those that gave none.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, params};

use super::claim::{in_progress, try_release};
use super::error::wrap;
use super::row;
use super::writer::Write;
use crate::action::{ClaimId, RunnerId};
use crate::error::Result;
use crate::log::Context;
use crate::store::{DeadRunner, Heartbeat, NewRunner, Recovery, Runner, Stranded};

pub(super) fn register(write: &mut Write<'_>, runner: &NewRunner) -> Result<RunnerId> {
    write
        .connection
        .prepare_cached(
            "INSERT INTO runners (name, process, context, workers, lease, started_at, heartbeat_at) \
             VALUES (?1, ?6, ?2, ?3, ?4, ?5, ?5) RETURNING id",
        )
        .and_then(|mut statement| {
            statement.query_row(
                params![
                    runner.name,
                    runner.context.as_str(),
                    runner.workers,
                    i64::try_from(runner.lease.as_micros()).unwrap_or(i64::MAX),
                    write.now.as_microsecond(),
                    runner.process
                ],
                |row| row::runner_id(row, 0),
            )
        })
        .map_err(|error| wrap("registering a runner")(error).into())
}

pub(super) fn heartbeat(write: &mut Write<'_>, runner: RunnerId) -> Result<bool> {
    let changed = write
        .connection
        .prepare_cached("UPDATE runners SET heartbeat_at = ?2, beats = beats + 1 WHERE id = ?1")
        .and_then(|mut statement| {
            statement.execute(params![runner.get(), write.now.as_microsecond()])
        })
        .map_err(wrap("recording a heartbeat"))?;
    // Of what other processes have given back nothing is told.
    write.seen.came_back();
    Ok(changed == 1)
}

pub(super) fn unregister(write: &mut Write<'_>, runner: RunnerId, context: &Context) -> Result<()> {
    let mut unregister = || {
        let claims = claims_of(write.connection, runner)?;
        try_release(write, &claims, context)?;
        // Should something be left in-progress, it is found as what no known runner holds.
        write
            .connection
            .prepare_cached("DELETE FROM runners WHERE id = ?1")?
            .execute([runner.get()])?;
        Ok(())
    };
    unregister().map_err(|error: rusqlite::Error| wrap("unregistering a runner")(error).into())
}

fn claims_of(connection: &Connection, runner: RunnerId) -> rusqlite::Result<Vec<ClaimId>> {
    connection
        .prepare_cached("SELECT id FROM claims WHERE runner = ?1")?
        .query_map([runner.get()], |row| row::claim_id(row, 0))?
        .collect()
}

/// Forgets a runner that holds no claim: one with work in-progress stays known until that is settled.
fn forget_if_done(connection: &Connection, runner: RunnerId) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "DELETE FROM runners WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM claims WHERE runner = ?1)",
        )?
        .execute([runner.get()])?;
    Ok(())
}

pub(super) fn recover(
    write: &mut Write<'_>,
    dead: &[DeadRunner],
    context: &Context,
) -> Result<Recovery> {
    try_recover(write, dead, context).map_err(|error| wrap("recovering actions")(error).into())
}

fn try_recover(
    write: &mut Write<'_>,
    dead: &[DeadRunner],
    context: &Context,
) -> rusqlite::Result<Recovery> {
    let connection = write.connection;
    let mut recovery = Recovery::default();
    for dead in dead {
        let beats: Option<u64> = connection
            .prepare_cached("SELECT beats FROM runners WHERE id = ?1")?
            .query_row([dead.id.get()], |row| row.get(0))
            .optional()?;
        if beats != Some(dead.beats) {
            continue;
        }
        let claims = claims_of(connection, dead.id)?;
        recovery.released += try_release(write, &claims, context)?;
        for claim in claims {
            let actions = in_progress(write, claim)?;
            recovery.stranded.extend(actions.into_iter().map(|action| Stranded {
                action,
                claim,
                runner: Some(dead.id),
            }));
        }
        forget_if_done(connection, dead.id)?;
    }
    for claim in ownerless_claims(connection)? {
        recovery.released += try_release(write, &[claim], context)?;
        let actions = in_progress(write, claim)?;
        recovery.stranded.extend(actions.into_iter().map(|action| Stranded {
            action,
            claim,
            runner: None,
        }));
    }
    Ok(recovery)
}

/// Claims that actions name but no known runner holds.
fn ownerless_claims(connection: &Connection) -> rusqlite::Result<Vec<ClaimId>> {
    // Reads all of actions_claimed, which holds only what is claimed at the moment.
    connection
        .prepare_cached(
            "SELECT DISTINCT claim FROM actions INDEXED BY actions_claimed WHERE claim IS NOT NULL AND phase = 0 \
             AND claim NOT IN (SELECT claims.id FROM claims JOIN runners ON runners.id = claims.runner)",
        )?
        .query_map([], |row| row::claim_id(row, 0))?
        .collect()
}

pub(super) fn heartbeats(connection: &Connection) -> Result<Vec<Heartbeat>> {
    connection
        .prepare_cached("SELECT id, name, process, lease, beats FROM runners ORDER BY id")
        .and_then(|mut statement| {
            let heartbeats = statement.query_map([], |row| {
                Ok(Heartbeat {
                    id: row::runner_id(row, 0)?,
                    name: row.get(1)?,
                    process: row.get(2)?,
                    lease: Duration::from_micros(row.get(3)?),
                    beats: row.get(4)?,
                })
            });
            heartbeats?.collect()
        })
        .map_err(|error| wrap("reading heartbeats")(error).into())
}

pub(super) fn list(connection: &Connection) -> Result<Vec<Runner>> {
    let list = || {
        connection
            .prepare_cached(
                "SELECT id, name, context, workers, lease, started_at, heartbeat_at, beats, \
                   (SELECT count(*) FROM claims WHERE runner = runners.id), \
                   (SELECT count(*) FROM claims JOIN actions ON actions.claim = claims.id AND actions.claim IS NOT NULL \
                      AND actions.phase = 0 AND actions.status = 1 WHERE claims.runner = runners.id), process \
                 FROM runners ORDER BY id",
            )?
            .query_map([], |row| {
                Ok(Runner {
                    id: row::runner_id(row, 0)?,
                    runner: NewRunner {
                        name: row.get(1)?,
                        process: row.get(10)?,
                        context: Context::new(&row.get::<_, String>(2)?),
                        workers: row.get(3)?,
                        lease: Duration::from_micros(row.get(4)?),
                    },
                    started_at: row::time(row, 5)?,
                    heartbeat_at: row::time(row, 6)?,
                    beats: row.get(7)?,
                    claims: row.get(8)?,
                    in_progress: row.get(9)?,
                })
            })?
            .collect::<rusqlite::Result<Vec<_>>>()
    };
    list().map_err(|error: rusqlite::Error| wrap("reading the runners")(error).into())
}
