//! Letting go what was taken in and held.

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, params};

use super::import::imported;
use super::journal::{self, Kind};
use super::writer::Write;
use super::{error::wrap, log};
use crate::action::{ActionId, ChainId};
use crate::error::Result;
use crate::log::{Context, Step};
use crate::store::{Admission, ImportState, Imports, Origin};

pub(super) fn admit(
    write: &mut Write<'_>,
    origin: &Origin,
    admission: &Admission,
    context: &Context,
) -> Result<Imports> {
    try_admit(write, origin, admission, context).map_err(|error| wrap("admitting")(error).into())
}

fn try_admit(
    write: &mut Write<'_>,
    origin: &Origin,
    admission: &Admission,
    context: &Context,
) -> rusqlite::Result<Imports> {
    let connection = write.connection;
    let mut imports = Imports::default();
    let Some(number) = journal::find_origin(connection, &origin.id)? else { return Ok(imports) };
    let mut admitted = 0;
    for source in &admission.actions {
        let Some(entry) = journal::find(connection, number, Kind::Action, source.get())? else {
            continue;
        };
        let mut answer = imported(*source, entry.target, entry.state, ActionId::new)?;
        if entry.state == ImportState::Held {
            admit_action(write, answer.target, &origin.note(*source), context)?;
            journal::admit(connection, number, Kind::Action, source.get())?;
            answer.state = ImportState::Admitted;
            admitted += 1;
        }
        imports.actions.push(answer);
    }
    for source in &admission.chains {
        let Some(entry) = journal::find(connection, number, Kind::Chain, source.get())? else {
            continue;
        };
        if entry.state == ImportState::Held {
            admit_chain(connection, entry.target)?;
        }
        let state = match entry.state {
            ImportState::Held => ImportState::Admitted,
            state => state,
        };
        imports.chains.push(imported(*source, entry.target, state, ChainId::new)?);
    }
    super::count_moves(connection, &[(4, -admitted), (0, admitted)])?;
    write.wakes |= admitted > 0;
    Ok(imports)
}

fn admit_action(
    write: &mut Write<'_>,
    id: ActionId,
    note: &str,
    context: &Context,
) -> rusqlite::Result<()> {
    let connection = write.connection;
    // By primary key, as is the rest.
    connection
        .prepare_cached(
            "UPDATE actions SET status = 0, phase = 0, finished_at = NULL WHERE id = ?1",
        )?
        .execute([id.get()])?;
    log::append(write, id, write.now, Step::Note, None, Some(context), Some(note))?;
    let chain: Option<i64> = connection
        .prepare_cached(
            "SELECT chains.id FROM actions JOIN chains ON chains.id = actions.chain AND chains.head = actions.id \
             JOIN imports ON imports.kind = 1 AND imports.target = chains.id AND imports.state = 1 \
             AND imports.becomes = 0 WHERE actions.id = ?1",
        )?
        .query_row([id.get()], |row| row.get(0))
        .optional()?;
    match chain {
        Some(chain) => admit_chain(connection, chain),
        None => Ok(()),
    }
}

/// Gives a held chain the state it is to have. Served by imports_held.
fn admit_chain(connection: &Connection, id: i64) -> rusqlite::Result<()> {
    let becomes: Value = connection
        .prepare_cached("UPDATE imports SET state = 2 WHERE kind = 1 AND target = ?1 AND state = 1 RETURNING becomes")?
        .query_row([id], |row| row.get(0))?;
    connection
        .prepare_cached("UPDATE chains SET state = ?2 WHERE id = ?1")?
        .execute(params![id, becomes])?;
    Ok(())
}
