//! Writing the rows of a batch.

use std::collections::HashMap;

use jiff::Timestamp;

use super::place::{Fate, Place, Places};
use crate::action::{ActionId, Group, Priority, Status};
use crate::schedule::Schedule;
use crate::store::mysql::actions::{LastAttempt, WholeRow, number_of};
use crate::store::mysql::error::Outcome;
use crate::store::mysql::insert::{not_before, recurrence};
use crate::store::mysql::journal::Entry;
use crate::store::mysql::log;
use crate::store::mysql::php::schedule::StoredSchedule;
use crate::store::mysql::php::stored_args::StoredArgs;
use crate::store::mysql::sql::{List, Micros, OrNull, Rows, Text, TextOrNull};
use crate::store::mysql::tables::Tables;
use crate::store::mysql::transaction::Write;
use crate::store::{ActionRecord, Chain, ChainState, ImportBatch, ImportState};

/// How many rows with args go into one statement: a server takes 16 MiB if it is not told otherwise.
const ROWS: usize = 500;

/// A record with where it goes.
struct Placed<'a> {
    record: &'a ActionRecord,
    args: &'a StoredArgs,
    id: ActionId,
    is_held: bool,
    chain: Option<i64>,
}

/// Stores the actions that are to be stored, with all that is of them alone.
pub(super) async fn store_actions(
    write: &mut Write<'_>,
    batch: &ImportBatch,
    args: &[StoredArgs],
    places: &Places,
    groups: &HashMap<Group, u64>,
) -> Outcome<()> {
    let placed: Vec<Placed<'_>> = batch
        .actions
        .iter()
        .zip(args)
        .zip(&places.actions)
        .filter(|(_, place)| place.fate == Fate::Stored)
        .filter_map(|((record, args), Place { entry: Entry { target, state }, .. })| {
            Some(Placed {
                record,
                args,
                id: ActionId::new(*target)?,
                is_held: *state == ImportState::Held,
                chain: record.action.chain.and_then(|chain| places.chain(chain)),
            })
        })
        .collect();
    for chunk in placed.chunks(ROWS) {
        store_rows(write, chunk, groups).await?;
        store_beside(write, chunk).await?;
    }
    store_logs(write, &placed).await
}

async fn store_rows(
    write: &mut Write<'_>,
    chunk: &[Placed<'_>],
    groups: &HashMap<Group, u64>,
) -> Outcome<()> {
    let mut rows = WholeRow::rows(write.tables());
    for Placed { record, args, id, is_held, chain } in chunk {
        let action = &record.action;
        let at = not_before(action.scheduled_at);
        let simple = StoredSchedule::Simple { at };
        let schedule = match (&action.schedule, chain) {
            (Schedule::Recurring(_), None) => simple,
            (schedule, _) => StoredSchedule::of(schedule, at).unwrap_or(simple),
        };
        let last_attempt = match action.finished_at.or(action.started_at) {
            _ if *is_held => LastAttempt::Kept,
            Some(last) => LastAttempt::At(last),
            None => LastAttempt::None,
        };
        let row = WholeRow {
            id: Some(*id),
            hook: &action.hook,
            status: if *is_held { Status::Canceled } else { action.status },
            at,
            priority: action.priority,
            args,
            schedule: &schedule,
            group: number_of(groups, &action.group),
            attempts: action.attempts,
            last_attempt,
            claim: None,
        };
        row.push(&mut rows, write.database);
    }
    write.run(&rows.end("")).await.map(drop)
}

/// Stores what the plugin's table cannot hold.
async fn store_beside(write: &mut Write<'_>, chunk: &[Placed<'_>]) -> Outcome<()> {
    let tables = write.tables();
    let mut times = Rows::new(format_args!(
        "INSERT INTO {} (action_id, created_at, started_at, finished_at)",
        tables.times
    ));
    let mut instances =
        Rows::new(format_args!("INSERT INTO {} (action_id, chain_id)", tables.instances));
    let mut keys = Rows::new(format_args!("INSERT INTO {} (action_id, unique_key)", tables.keys));
    let date = |at: Option<Timestamp>| OrNull(at.map(Micros));
    for Placed { record, id, is_held, chain, .. } in chunk {
        let action = &record.action;
        let finished_at = if *is_held { Some(write.now) } else { action.finished_at };
        times.push(format_args!(
            "{id},{},{},{}",
            Micros(action.created_at),
            date(action.started_at),
            date(finished_at)
        ));
        if let Some(chain) = chain {
            instances.push(format_args!("{id},{chain}"));
        }
        if let Some(key) = &record.key {
            keys.push(format_args!("{id},{}", Text(key)));
        }
    }
    for (rows, tail) in [
        // Nothing is left of what had these ids, but for what of a deleted action was not cleaned yet.
        (
            times,
            " ON DUPLICATE KEY UPDATE created_at = VALUES(created_at), started_at = VALUES(started_at), \
             finished_at = VALUES(finished_at), timed_out = 0",
        ),
        (instances, " ON DUPLICATE KEY UPDATE chain_id = VALUES(chain_id)"),
        (keys, " ON DUPLICATE KEY UPDATE unique_key = VALUES(unique_key)"),
    ] {
        if !rows.is_empty() {
            write.later(&rows.end(tail)).await?;
        }
    }
    Ok(())
}

async fn store_logs(write: &mut Write<'_>, placed: &[Placed<'_>]) -> Outcome<()> {
    let mut entries = Vec::new();
    let mut messages = 0;
    for Placed { record, id, .. } in placed {
        for entry in &record.log {
            entries.push(log::Entry {
                action: *id,
                at: entry.at,
                step: entry.step,
                attempt: entry.attempt,
                context: entry.context.as_ref(),
                message: entry.message.as_deref().map(Into::into),
            });
            messages += entry.message.as_ref().map_or(0, String::len);
            if messages > log::MESSAGES {
                log::write(write, &entries).await?;
                entries.clear();
                messages = 0;
            }
        }
    }
    log::write(write, &entries).await
}

/// Stores the chains that are to be stored, each with its head if that has been taken in. They show as ended.
pub(super) async fn store_chains(
    write: &mut Write<'_>,
    batch: &ImportBatch,
    places: &Places,
) -> Outcome<()> {
    let tables = write.tables();
    let placed: Vec<_> = batch
        .chains
        .iter()
        .zip(&places.chains)
        .filter(|(_, place)| place.fate == Fate::Stored)
        .collect();
    for chunk in placed.chunks(ROWS) {
        let ids = List(chunk.iter().map(|(_, place)| place.entry.target));
        let delete = format!("DELETE FROM {} WHERE chain_id IN {ids}", tables.chains);
        write.later(&delete).await?;
        let mut rows = chain_rows(tables);
        for (record, place) in chunk {
            let Some(id) = crate::action::ChainId::new(place.entry.target) else { continue };
            let head = record.chain.head.and_then(|head| places.action(head));
            let chain = Chain {
                id,
                state: ChainState::Ended,
                head: head.and_then(ActionId::new),
                ..record.chain.clone()
            };
            push_chain(&mut rows, &chain, record.owed);
        }
        write.run(&rows.end("")).await?;
    }
    Ok(())
}

/// Rows of whole chains, for [`push_chain`].
pub(in crate::store::mysql) fn chain_rows(tables: &Tables) -> Rows {
    Rows::new(format_args!(
        "INSERT INTO {} (chain_id, hook, slug, priority, unique_key, args, state, reason, failures, head, \
         owed_at, created_at, first_us, every_us, cron, dialect, zone, fixed_rate, catch_up)",
        tables.chains
    ))
}

/// Adds a chain as it is; `owed` is the date that it owes.
pub(in crate::store::mysql) fn push_chain(rows: &mut Rows, chain: &Chain, owed: Option<Timestamp>) {
    let Priority(priority) = chain.priority;
    rows.push(format_args!(
        "{},{},{},{priority},{},{},'{}',{},{},{},{},{},{}",
        chain.id,
        Text(chain.hook.as_str()),
        Text(chain.group.as_str()),
        TextOrNull(chain.key.as_deref()),
        Text(chain.args.as_str()),
        chain.state.as_str(),
        TextOrNull(chain.reason.as_deref()),
        chain.failures,
        OrNull(chain.head),
        OrNull(owed.map(Micros)),
        Micros(chain.created_at),
        recurrence(&chain.recurring).join(",")
    ));
}
