//! Letting go of what is held.

use std::collections::HashMap;

use jiff::Timestamp;

use super::actions::NO_ATTEMPT;
use super::error::Outcome;
use super::journal::{self, CHUNK, Entry, Kind};
use super::log;
use super::row::Columns;
use super::sql::List;
use super::transaction::Write;
use super::unique::{IMPORTS_TURN, take_turn};
use crate::action::{ActionId, ChainId};
use crate::log::{Context, Step};
use crate::store::{Admission, ImportState, Imported, Imports, Origin};

pub(super) async fn admit(
    write: &mut Write<'_>,
    origin: &Origin,
    admission: &Admission,
    context: &Context,
) -> Outcome<Imports> {
    take_turn(write, IMPORTS_TURN).await?;
    let mut imports = Imports::default();
    let Some(number) = journal::find_origin(write, &origin.id).await? else { return Ok(imports) };
    let sources: Vec<i64> = admission.actions.iter().map(|id| id.get()).collect();
    let mut actions = journal::find(write, number, Kind::Action, &sources).await?;
    for chunk in held(&actions).chunks(CHUNK) {
        let admitted = admit_actions(write, chunk, origin, context).await?;
        for source in admitted {
            if let Some(entry) = actions.get_mut(&source.get()) {
                entry.state = ImportState::Admitted;
            }
        }
    }
    let sources: Vec<i64> = admission.chains.iter().map(|id| id.get()).collect();
    let mut chains = journal::find(write, number, Kind::Chain, &sources).await?;
    let waiting: Vec<i64> = held(&chains).iter().map(|(_, target)| *target).collect();
    admit_chains(write, &waiting).await?;
    for entry in chains.values_mut().filter(|entry| entry.state == ImportState::Held) {
        entry.state = ImportState::Admitted;
    }
    for source in &admission.actions {
        let entry = actions.get(&source.get());
        imports.actions.extend(entry.and_then(|Entry { target, state }| {
            Some(Imported { source: *source, target: ActionId::new(*target)?, state: *state })
        }));
    }
    for source in &admission.chains {
        let entry = chains.get(&source.get());
        imports.chains.extend(entry.and_then(|Entry { target, state }| {
            Some(Imported { source: *source, target: ChainId::new(*target)?, state: *state })
        }));
    }
    Ok(imports)
}

/// What of it is held: source and target, by the target.
fn held(entries: &HashMap<i64, Entry>) -> Vec<(i64, i64)> {
    let held = entries.iter().filter(|(_, entry)| entry.state == ImportState::Held);
    let mut held: Vec<(i64, i64)> = held.map(|(source, entry)| (*source, entry.target)).collect();
    held.sort_unstable_by_key(|(_, target)| *target);
    held
}

/// A held action that is here.
struct Waiting {
    source: ActionId,
    target: ActionId,
    /// When it was attempted, if it ever was.
    attempted_at: Option<Timestamp>,
}

/// Lets actions go; the ids at the origin of those that are here. One that somebody deleted by the plugin's page is not,
/// and remains in the journal as held, so that it is seen.
async fn admit_actions(
    write: &mut Write<'_>,
    held: &[(i64, i64)],
    origin: &Origin,
    context: &Context,
) -> Outcome<Vec<ActionId>> {
    let waiting = waiting(write, held).await?;
    if waiting.is_empty() {
        return Ok(Vec::new());
    }
    let tables = write.tables();
    let list = List(waiting.iter().map(|one| one.target));
    // By primary keys.
    let sql = format!(
        "UPDATE {} SET status = 'pending', {} WHERE action_id IN {list}",
        tables.actions,
        last_attempts(write, &waiting)
    );
    write.later(&sql).await?;
    let sql = format!("UPDATE {} SET finished_at = NULL WHERE action_id IN {list}", tables.times);
    write.later(&sql).await?;
    let entries: Vec<log::Entry<'_>> = waiting
        .iter()
        .map(|one| {
            let entry = log::Entry::new(one.target, write.now, Step::Note).by(context);
            entry.saying(Some(origin.note(one.source)))
        })
        .collect();
    log::write(write, &entries).await?;
    let sql = format!(
        "SELECT c.chain_id FROM {} i JOIN {} c ON c.chain_id = i.chain_id AND c.head = i.action_id \
         JOIN {} h ON h.kind = {} AND h.target = c.chain_id AND h.becomes = 'active' \
         WHERE i.action_id IN {list} ORDER BY c.chain_id",
        tables.instances,
        tables.chains,
        tables.held,
        Kind::Chain.code()
    );
    let rows = write.rows(&sql).await?;
    let chains = rows.iter().map(|row| row.number(0)).collect::<Outcome<Vec<i64>>>()?;
    admit_chains(write, &chains).await?;
    let targets: Vec<i64> = waiting.iter().map(|one| one.target.get()).collect();
    journal::let_go(write, Kind::Action, &targets).await?;
    write.wakes = true;
    write.returned.extend(waiting.iter().map(|one| one.target));
    Ok(waiting.into_iter().map(|one| one.source).collect())
}

async fn waiting(write: &mut Write<'_>, held: &[(i64, i64)]) -> Outcome<Vec<Waiting>> {
    let sources: HashMap<i64, i64> =
        held.iter().map(|(source, target)| (*target, *source)).collect();
    let tables = write.tables();
    // By primary keys.
    let sql = format!(
        "SELECT a.action_id, a.attempts > 0, t.started_at FROM {} a LEFT JOIN {} t ON t.action_id = a.action_id \
         WHERE a.action_id IN {} ORDER BY a.action_id FOR UPDATE",
        tables.actions,
        tables.times,
        List(held.iter().map(|(_, target)| target))
    );
    let mut waiting = Vec::with_capacity(held.len());
    for row in write.rows(&sql).await? {
        let target = row.action_id(0)?;
        let source = sources.get(&target.get()).copied().and_then(ActionId::new);
        let is_attempted = row.number::<u8>(1)? == 1;
        let attempted_at = row.date(2).filter(|_| is_attempted);
        waiting.extend(source.map(|source| Waiting { source, target, attempted_at }));
    }
    Ok(waiting)
}

/// The assignment of the last attempts to the plugin's pair of columns: nearly all have had none.
fn last_attempts(write: &Write<'_>, waiting: &[Waiting]) -> String {
    let (mut gmt, mut local) = (String::new(), String::new());
    for one in waiting {
        let Some(at) = one.attempted_at else { continue };
        let dates = write.database.dates(at);
        let (in_gmt, in_local) = dates.split_once(',').unwrap_or_default();
        gmt.push_str(&format!(" WHEN {} THEN {in_gmt}", one.target));
        local.push_str(&format!(" WHEN {} THEN {in_local}", one.target));
    }
    let (none_gmt, none_local) = NO_ATTEMPT.split_once(',').unwrap_or_default();
    let choice = |whens: String, none: &str| match whens.is_empty() {
        true => none.to_owned(),
        false => format!("CASE action_id{whens} ELSE {none} END"),
    };
    format!(
        "last_attempt_gmt = {}, last_attempt_local = {}",
        choice(gmt, none_gmt),
        choice(local, none_local)
    )
}

/// Gives held chains, by their ids here, the states they are to have.
async fn admit_chains(write: &mut Write<'_>, targets: &[i64]) -> Outcome<()> {
    for chunk in targets.chunks(CHUNK) {
        let tables = write.tables();
        // By primary keys.
        let sql = format!(
            "UPDATE {} c JOIN {} h ON h.kind = {} AND h.target = c.chain_id SET c.state = h.becomes \
             WHERE c.chain_id IN {}",
            tables.chains,
            tables.held,
            Kind::Chain.code(),
            List(chunk.iter())
        );
        write.later(&sql).await?;
        journal::let_go(write, Kind::Chain, chunk).await?;
    }
    Ok(())
}
