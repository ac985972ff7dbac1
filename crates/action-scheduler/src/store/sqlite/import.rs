//! Taking in what another store exported.

use std::collections::{HashMap, HashSet};

use rusqlite::{Connection, OptionalExtension, params};

use super::change::delete_rows;
use super::journal::{self, Entry, Kind};
use super::row::{self, args_hash};
use super::writer::Write;
use super::{error::wrap, log};
use crate::action::{ActionId, ChainId, Status};
use crate::error::Result;
use crate::schedule::Schedule;
use crate::store::native::recurrence::RecurrenceValues;
use crate::store::{
    ActionRecord, ChainRecord, ChainState, ImportBatch, ImportState, Imported, Imports, Origin,
};

pub(super) fn import(
    write: &mut Write<'_>,
    origin: &Origin,
    batch: &ImportBatch,
) -> Result<Imports> {
    batch.check()?;
    try_import(write, origin, batch).map_err(|error| wrap("importing")(error).into())
}

fn try_import(
    write: &mut Write<'_>,
    origin: &Origin,
    batch: &ImportBatch,
) -> rusqlite::Result<Imports> {
    let origin = journal::add_origin(write.connection, &origin.id)?;
    let mut importing =
        Importing { write, origin, chains: HashMap::new(), left: HashSet::new(), moves: [0; 5] };
    if let Some(above) = batch.new_ids_above {
        raise_sequence(importing.write.connection, above.get())?;
    }
    let given: HashSet<ActionId> = batch.actions.iter().map(|record| record.action.id).collect();
    let mut imports = Imports::default();
    for record in &batch.chains {
        imports.chains.push(importing.chain(record, &given)?);
    }
    for record in &batch.actions {
        imports.actions.push(importing.action(record)?);
    }
    // Heads may be in the same batch.
    for (record, imported) in batch.chains.iter().zip(&imports.chains) {
        importing.set_head(record, imported.target)?;
    }
    let moves = std::array::from_fn::<_, 5, _>(|status| (status as i64, importing.moves[status]));
    super::count_moves(importing.write.connection, &moves)?;
    Ok(imports)
}

/// A batch that is being taken in.
struct Importing<'a, 'w> {
    write: &'a mut Write<'w>,
    origin: i64,
    /// What chains of the origin became, as far as it was looked up.
    chains: HashMap<ChainId, Option<i64>>,
    /// The chains that were left as they are.
    left: HashSet<ChainId>,
    /// By how many the count of each status changes.
    moves: [i64; 5],
}

impl Importing<'_, '_> {
    /// Takes in a chain, but for its head.
    fn chain(
        &mut self,
        record: &ChainRecord,
        given: &HashSet<ActionId>,
    ) -> rusqlite::Result<Imported<ChainId>> {
        let connection = self.write.connection;
        let source = record.chain.id;
        let known = journal::find(connection, self.origin, Kind::Chain, source.get())?;
        let target = match known {
            Some(Entry { target, state }) => {
                let is_left = match state {
                    ImportState::Admitted => true,
                    ImportState::Held => self.waits_for_head(target, given)?,
                    ImportState::Copied => false,
                };
                if is_left {
                    self.chains.insert(source, Some(target));
                    self.left.insert(source);
                    return imported(source, target, state, ChainId::new);
                }
                target
            }
            None => free_chain_id(connection, source.get())?,
        };
        let (state, becomes) = match record.chain.state {
            ChainState::Ended => (ImportState::Copied, None),
            state => (ImportState::Held, Some(row::state_code(state))),
        };
        self.store_chain(record, target)?;
        // A chain has the id of its first action: none that is stored later may get this one.
        raise_sequence(connection, target)?;
        journal::put(
            connection,
            self.origin,
            Kind::Chain,
            source.get(),
            Entry { target, state },
            becomes,
        )?;
        self.chains.insert(source, Some(target));
        imported(source, target, state, ChainId::new)
    }

    /// Whether a held chain has a head that is held too, and that is not among the given ones.
    fn waits_for_head(&self, chain: i64, given: &HashSet<ActionId>) -> rusqlite::Result<bool> {
        let head: Option<i64> = self
            .write
            .connection
            .prepare_cached(
                "SELECT imports.source FROM chains JOIN imports ON imports.kind = 0 AND imports.target = chains.head \
                 AND imports.state = 1 WHERE chains.id = ?1",
            )?
            .query_row([chain], |row| row.get(0))
            .optional()?;
        Ok(head.and_then(ActionId::new).is_some_and(|head| !given.contains(&head)))
    }

    fn store_chain(
        &mut self,
        ChainRecord { chain, owed, .. }: &ChainRecord,
        id: i64,
    ) -> rusqlite::Result<()> {
        let connection = self.write.connection;
        let values = RecurrenceValues::from(&chain.recurring);
        // By primary key, once for each chain of a batch.
        connection
            .prepare_cached(
                "INSERT OR REPLACE INTO chains (id, hook, grp, priority, unique_key, args, args_hash, first_at, every, \
                 cron, dialect, zone, fixed_rate, catch_up, state, reason, failures, head, owed_at, created_at) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, NULL, ?18, ?19)",
            )?
            .execute(params![
                id,
                self.write.names.hooks.number(connection, &chain.hook)?,
                self.write.names.groups.number(connection, &chain.group)?,
                chain.priority.0,
                chain.key,
                chain.args.as_str(),
                args_hash(chain.args.as_str()),
                values.first,
                values.every,
                values.cron,
                values.dialect,
                values.zone,
                values.fixed_rate,
                values.catch_up,
                row::state_code(ChainState::Ended),
                chain.reason,
                chain.failures,
                owed.map(|date| date.as_microsecond()),
                chain.created_at.as_microsecond(),
            ])?;
        Ok(())
    }

    /// Gives a chain its head, if that has been taken in.
    fn set_head(&mut self, record: &ChainRecord, chain: ChainId) -> rusqlite::Result<()> {
        let connection = self.write.connection;
        let Some(head) = record.chain.head.filter(|_| !self.left.contains(&record.chain.id)) else {
            return Ok(());
        };
        if let Some(entry) = journal::find(connection, self.origin, Kind::Action, head.get())? {
            connection
                .prepare_cached("UPDATE chains SET head = ?2 WHERE id = ?1")?
                .execute([chain.get(), entry.target])?;
        }
        Ok(())
    }

    fn action(&mut self, record: &ActionRecord) -> rusqlite::Result<Imported<ActionId>> {
        let connection = self.write.connection;
        let source = record.action.id;
        let is_pending = record.action.status == Status::Pending;
        let known = journal::find(connection, self.origin, Kind::Action, source.get())?;
        let state = if is_pending { ImportState::Held } else { ImportState::Copied };
        let mut wanted = source.get();
        if let Some(Entry { target, state: was }) = known {
            let leave = |state| imported(source, target, state, ActionId::new);
            let status = status(connection, target)?;
            match (was, status) {
                (ImportState::Admitted, _) => return leave(ImportState::Admitted),
                // Someone put it back into the queue.
                (ImportState::Copied, Some(0 | 1)) => {
                    let entry = Entry { target, state: ImportState::Admitted };
                    journal::put(connection, self.origin, Kind::Action, source.get(), entry, None)?;
                    return leave(ImportState::Admitted);
                }
                (ImportState::Copied, None) if !is_pending => return leave(ImportState::Copied),
                (ImportState::Copied | ImportState::Held, status) => {
                    self.count(status, -1);
                    delete_rows(connection, target)?;
                }
            }
            wanted = target;
        }
        let target = self.store_action(record, wanted)?;
        for entry in &record.log {
            log::append(
                self.write,
                target,
                entry.at,
                entry.step,
                entry.attempt,
                entry.context.as_ref(),
                entry.message.as_deref(),
            )?;
        }
        let entry = Entry { target: target.get(), state };
        journal::put(connection, self.origin, Kind::Action, source.get(), entry, None)?;
        Ok(Imported { source, target, state })
    }

    /// Stores an action under this id if it is free, else under a new one.
    fn store_action(
        &mut self,
        ActionRecord { action, key, .. }: &ActionRecord,
        wanted: i64,
    ) -> rusqlite::Result<ActionId> {
        let connection = self.write.connection;
        let now = self.write.now;
        let chain = match action.chain {
            Some(chain) => self.chain_here(chain)?,
            None => None,
        };
        let kind = match (&action.schedule, chain) {
            (Schedule::Async, _) => 0,
            (Schedule::Recurring(_), Some(_)) => 2,
            _ => 1,
        };
        // What is held shows as canceled.
        let (status, finished_at) = match action.status {
            Status::Pending => (Status::Canceled, Some(now)),
            status => (status, action.finished_at),
        };
        let hook = self.write.names.hooks.number(connection, &action.hook)?;
        let group = self.write.names.groups.number(connection, &action.group)?;
        let mut insert = connection.prepare_cached(
            "INSERT INTO actions (id, hook, grp, status, phase, priority, attempts, kind, scheduled_at, created_at, \
             started_at, finished_at, chain, unique_key, args, args_hash) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16) ON CONFLICT DO NOTHING",
        )?;
        let mut insert = |id: Option<i64>| {
            insert.execute(params![
                id,
                hook,
                group,
                row::status_code(status),
                row::phase_code(status),
                action.priority.0,
                action.attempts.0,
                kind,
                action.scheduled_at.as_microsecond(),
                action.created_at.as_microsecond(),
                action.started_at.map(|date| date.as_microsecond()),
                finished_at.map(|date| date.as_microsecond()),
                chain,
                key,
                action.args.as_str(),
                args_hash(action.args.as_str()),
            ])
        };
        if insert(Some(wanted))? == 0 {
            insert(None)?;
        }
        self.count(Some(row::status_code(status)), 1);
        let id = connection.last_insert_rowid();
        ActionId::new(id).ok_or_else(|| row::unreadable(0, format_args!("{id} is no id")))
    }

    /// What a chain of the origin has become, if it is still there.
    fn chain_here(&mut self, source: ChainId) -> rusqlite::Result<Option<i64>> {
        if let Some(target) = self.chains.get(&source) {
            return Ok(*target);
        }
        let entry = journal::find(self.write.connection, self.origin, Kind::Chain, source.get())?;
        let target = entry.map(|entry| entry.target);
        self.chains.insert(source, target);
        Ok(target)
    }

    fn count(&mut self, status: Option<i64>, by: i64) {
        let status = status.and_then(|status| usize::try_from(status).ok());
        if let Some(n) = status.and_then(|status| self.moves.get_mut(status)) {
            *n += by;
        }
    }
}

pub(super) fn imported<Id>(
    source: Id,
    target: i64,
    state: ImportState,
    id: fn(i64) -> Option<Id>,
) -> rusqlite::Result<Imported<Id>> {
    let target = id(target).ok_or_else(|| row::unreadable(0, format_args!("{target} is no id")))?;
    Ok(Imported { source, target, state })
}

/// The code of an action's status, by primary key.
fn status(connection: &Connection, id: i64) -> rusqlite::Result<Option<i64>> {
    connection
        .prepare_cached("SELECT status FROM actions WHERE id = ?1")?
        .query_row([id], |row| row.get(0))
        .optional()
}

/// This id for a chain if it is free, else a new one.
fn free_chain_id(connection: &Connection, wanted: i64) -> rusqlite::Result<i64> {
    let is_taken: bool = connection
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM chains WHERE id = ?1)")?
        .query_row([wanted], |row| row.get(0))?;
    if !is_taken {
        return Ok(wanted);
    }
    // Ids of chains and actions come from one sequence. A chain that is taken had one of them.
    connection
        .prepare_cached(
            "UPDATE sqlite_sequence SET seq = seq + 1 WHERE name = 'actions' RETURNING seq",
        )?
        .query_row([], |row| row.get(0))
}

/// Sees to it that new actions get higher ids than this.
fn raise_sequence(connection: &Connection, id: i64) -> rusqlite::Result<()> {
    let raised = connection
        .prepare_cached("UPDATE sqlite_sequence SET seq = max(seq, ?1) WHERE name = 'actions'")?
        .execute([id])?;
    if raised == 0 {
        // No action was ever stored.
        connection
            .prepare_cached("INSERT INTO sqlite_sequence (name, seq) VALUES ('actions', ?1)")?
            .execute([id])?;
    }
    Ok(())
}
