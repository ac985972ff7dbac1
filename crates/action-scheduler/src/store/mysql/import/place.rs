//! What becomes of each record of a batch, and under which id.

use std::collections::{HashMap, HashSet};

use crate::action::{ActionId, ChainId, Status};
use crate::store::mysql::error::Outcome;
use crate::store::mysql::journal::{self, CHUNK, Entry, Kind, NewEntry};
use crate::store::mysql::row::{self, Columns, unreadable};
use crate::store::mysql::sql::{List, Rows};
use crate::store::mysql::transaction::Write;
use crate::store::{ChainState, ImportBatch, ImportState, Imported, Imports};

/// What becomes of a record.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) entry: Entry,
    pub(super) fate: Fate,
}

/// What is done about a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It stays as it is here.
    Left,
    /// It stays as it is here, and the journal learns how far it has come.
    Noted,
    /// It is stored.
    Stored,
}

/// What becomes of a batch.
pub(super) struct Places {
    /// One for each chain of the batch.
    pub(super) chains: Vec<Place>,
    /// One for each action of the batch.
    pub(super) actions: Vec<Place>,
    /// The actions here that others are stored in place of.
    pub(super) replaced: Vec<ActionId>,
    sources: Vec<i64>,
    action_targets: HashMap<i64, i64>,
    chain_targets: HashMap<i64, i64>,
}

impl Places {
    /// Decides by the journal, and chooses ids. Those of actions and chains come from one sequence.
    pub(super) async fn find(
        write: &mut Write<'_>,
        origin: u32,
        batch: &ImportBatch,
    ) -> Outcome<Self> {
        let actions = known_actions(write, origin, batch).await?;
        let sources = batch.chains.iter().map(|record| record.chain.id);
        let instances_of = batch.actions.iter().filter_map(|record| record.action.chain);
        let ids = numbers(sources.chain(instances_of).map(ChainId::get));
        let chains = journal::find(write, origin, Kind::Chain, &ids).await?;
        let waiting = waiting_chains(write, batch, &chains).await?;
        let mut places = Self {
            chains: place_chains(batch, &chains, &waiting),
            actions: Vec::with_capacity(batch.actions.len()),
            replaced: Vec::new(),
            sources: batch.actions.iter().map(|record| record.action.id.get()).collect(),
            action_targets: actions
                .iter()
                .map(|(source, known)| (*source, known.entry.target))
                .collect(),
            chain_targets: chains.iter().map(|(source, entry)| (*source, entry.target)).collect(),
        };
        // What is stored in place of something has its id; of the others, some ids may be taken.
        let mut wanted_actions = Vec::new();
        for record in &batch.actions {
            let source = record.action.id.get();
            let known = actions.get(&source);
            let place = place_action(source, record.action.status, known);
            if place.fate == Fate::Stored {
                match known.filter(|known| known.status.is_some()) {
                    Some(_) => places.replaced.extend(ActionId::new(place.entry.target)),
                    None => wanted_actions.push(places.actions.len()),
                }
            }
            places.actions.push(place);
        }
        let wanted_chains: Vec<usize> = (0..places.chains.len())
            .zip(&batch.chains)
            .filter(|(_, record)| !chains.contains_key(&record.chain.id.get()))
            .map(|(place, _)| place)
            .collect();
        places.choose_ids(write, batch, &wanted_actions, &wanted_chains).await?;
        let stored = places.sources.iter().zip(&places.actions);
        places.action_targets.extend(stored.map(|(source, place)| (*source, place.entry.target)));
        let stored = batch.chains.iter().zip(&places.chains);
        places
            .chain_targets
            .extend(stored.map(|(record, place)| (record.chain.id.get(), place.entry.target)));
        Ok(places)
    }

    /// Gives new ids to those whose wanted ones are taken. The arguments are places in the lists.
    async fn choose_ids(
        &mut self,
        write: &mut Write<'_>,
        batch: &ImportBatch,
        actions: &[usize],
        chains: &[usize],
    ) -> Outcome<()> {
        let target = |places: &[Place], at: &usize| places.get(*at).map(|place| place.entry.target);
        let of_actions = numbers(actions.iter().filter_map(|at| target(&self.actions, at)));
        let of_chains = numbers(chains.iter().filter_map(|at| target(&self.chains, at)));
        let above = batch.new_ids_above.map_or(0, ActionId::get);
        let most = of_actions.iter().chain(&of_chains).copied().max().unwrap_or_default();
        raise_ids(write, above.max(most)).await?;
        let (actions_table, chains_table) = (&write.tables().actions, &write.tables().chains);
        let taken_by_actions = taken(write, actions_table, "action_id", &of_actions).await?;
        let mut taken_by_chains = taken(write, chains_table, "chain_id", &of_chains).await?;
        // One of the plugin's actions may yet get a chain, which then has its id.
        taken_by_chains.extend(taken(write, actions_table, "action_id", &of_chains).await?);
        let (places, taken_by) = (&mut self.chains, &taken_by_chains);
        let mut without: Vec<&mut Place> = Vec::new();
        without.extend(those(places, chains, taken_by));
        without.extend(those(&mut self.actions, actions, &taken_by_actions));
        let new = new_ids(write, without.len()).await?;
        for (place, id) in without.into_iter().zip(new) {
            place.entry.target = id;
        }
        Ok(())
    }

    /// What an action of the origin is here, if it was taken in.
    pub(super) fn action(&self, source: ActionId) -> Option<i64> {
        self.action_targets.get(&source.get()).copied()
    }

    /// What a chain of the origin is here, if it was taken in.
    pub(super) fn chain(&self, source: ChainId) -> Option<i64> {
        self.chain_targets.get(&source.get()).copied()
    }

    pub(super) fn new_action_entries(&self) -> Vec<NewEntry> {
        let placed = self.sources.iter().zip(&self.actions);
        placed
            .filter(|(_, place)| place.fate != Fate::Left)
            .map(|(source, place)| NewEntry { source: *source, entry: place.entry, becomes: None })
            .collect()
    }

    pub(super) fn new_chain_entries(&self, batch: &ImportBatch) -> Vec<NewEntry> {
        let placed = batch.chains.iter().zip(&self.chains);
        placed
            .filter(|(_, place)| place.fate != Fate::Left)
            .map(|(record, place)| NewEntry {
                source: record.chain.id.get(),
                entry: place.entry,
                becomes: Some(record.chain.state),
            })
            .collect()
    }

    /// The rows of the journal.
    pub(super) fn answer(&self, batch: &ImportBatch) -> Outcome<Imports> {
        let mut imports = Imports::default();
        for (record, Place { entry: Entry { target, state }, .. }) in
            batch.actions.iter().zip(&self.actions)
        {
            let target = ActionId::new(*target).ok_or_else(|| unreadable(0, "it is no id"))?;
            imports.actions.push(Imported { source: record.action.id, target, state: *state });
        }
        for (record, Place { entry: Entry { target, state }, .. }) in
            batch.chains.iter().zip(&self.chains)
        {
            let target = ChainId::new(*target).ok_or_else(|| unreadable(0, "it is no id"))?;
            imports.chains.push(Imported { source: record.chain.id, target, state: *state });
        }
        Ok(imports)
    }
}

fn numbers(ids: impl Iterator<Item = i64>) -> Vec<i64> {
    let mut ids: Vec<i64> = ids.collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

/// An action that the journal knows.
struct KnownAction {
    entry: Entry,
    /// None if it is not here any more.
    status: Option<Status>,
}

/// What the journal knows of the actions of a batch, and of the heads of its chains. The actions are locked.
async fn known_actions(
    write: &mut Write<'_>,
    origin: u32,
    batch: &ImportBatch,
) -> Outcome<HashMap<i64, KnownAction>> {
    let sources = batch.actions.iter().map(|record| record.action.id);
    let heads = batch.chains.iter().filter_map(|record| record.chain.head);
    let ids = numbers(sources.chain(heads).map(ActionId::get));
    let entries = journal::find(write, origin, Kind::Action, &ids).await?;
    let targets = numbers(entries.values().map(|entry| entry.target));
    let mut statuses = HashMap::with_capacity(targets.len());
    for chunk in targets.chunks(CHUNK) {
        // By primary key.
        let sql = format!(
            "SELECT action_id, status FROM {} WHERE action_id IN {} ORDER BY action_id FOR UPDATE",
            write.tables().actions,
            List(chunk.iter())
        );
        for row in write.rows(&sql).await? {
            statuses.insert(row.number::<i64>(0)?, row::status(row.text(1)?));
        }
    }
    let known = |(source, entry): (i64, Entry)| {
        (source, KnownAction { entry, status: statuses.get(&entry.target).copied() })
    };
    Ok(entries.into_iter().map(known).collect())
}

/// The held chains here whose head is held too, and not among those given.
async fn waiting_chains(
    write: &mut Write<'_>,
    batch: &ImportBatch,
    known: &HashMap<i64, Entry>,
) -> Outcome<HashSet<i64>> {
    let given: HashSet<i64> = batch.actions.iter().map(|record| record.action.id.get()).collect();
    let held = known.values().filter(|entry| entry.state == ImportState::Held);
    let held = numbers(held.map(|entry| entry.target));
    let mut waiting = HashSet::new();
    for chunk in held.chunks(CHUNK) {
        let tables = write.tables();
        // By primary keys.
        let sql = format!(
            "SELECT c.chain_id, h.source FROM {} c JOIN {} h ON h.kind = {} AND h.target = c.head \
             WHERE c.chain_id IN {}",
            tables.chains,
            tables.held,
            Kind::Action.code(),
            List(chunk.iter())
        );
        for row in write.rows(&sql).await? {
            if !given.contains(&row.number::<i64>(1)?) {
                waiting.insert(row.number(0)?);
            }
        }
    }
    Ok(waiting)
}

fn place_chains(
    batch: &ImportBatch,
    known: &HashMap<i64, Entry>,
    waiting: &HashSet<i64>,
) -> Vec<Place> {
    let place = |record: &crate::store::ChainRecord| {
        let source = record.chain.id.get();
        let state = match record.chain.state {
            ChainState::Ended => ImportState::Copied,
            ChainState::Active | ChainState::Paused => ImportState::Held,
        };
        let stored = |target| Place { entry: Entry { target, state }, fate: Fate::Stored };
        match known.get(&source) {
            None => stored(source),
            Some(entry) => {
                let is_left = match entry.state {
                    ImportState::Admitted => true,
                    ImportState::Held => waiting.contains(&entry.target),
                    ImportState::Copied => false,
                };
                if is_left {
                    Place { entry: *entry, fate: Fate::Left }
                } else {
                    stored(entry.target)
                }
            }
        }
    };
    batch.chains.iter().map(place).collect()
}

fn place_action(source: i64, given: Status, known: Option<&KnownAction>) -> Place {
    let state = match given {
        Status::Pending => ImportState::Held,
        _ => ImportState::Copied,
    };
    let stored = |target| Place { entry: Entry { target, state }, fate: Fate::Stored };
    let Some(KnownAction { entry, status }) = known else { return stored(source) };
    match (entry.state, status) {
        (ImportState::Admitted, _) => Place { entry: *entry, fate: Fate::Left },
        // Someone put it back into the queue.
        (ImportState::Copied, Some(Status::Pending | Status::InProgress)) => {
            Place { entry: Entry { state: ImportState::Admitted, ..*entry }, fate: Fate::Noted }
        }
        // Someone deleted it.
        (ImportState::Copied, None) if given != Status::Pending => {
            Place { entry: *entry, fate: Fate::Left }
        }
        (ImportState::Copied | ImportState::Held, _) => stored(entry.target),
    }
}

/// Those of some places whose ids are taken.
fn those<'a>(
    places: &'a mut [Place],
    at: &[usize],
    taken: &HashSet<i64>,
) -> impl Iterator<Item = &'a mut Place> {
    let at: HashSet<usize> = at.iter().copied().collect();
    (0..)
        .zip(places)
        .filter(move |(place, _)| at.contains(place))
        .map(|(_, place)| place)
        .filter(|place| taken.contains(&place.entry.target))
}

/// Which of these ids a table has. Rows that others are about to store are waited for.
async fn taken(
    write: &mut Write<'_>,
    table: &str,
    key: &str,
    ids: &[i64],
) -> Outcome<HashSet<i64>> {
    let mut taken = HashSet::new();
    for chunk in ids.chunks(CHUNK) {
        // By primary key.
        let sql = format!(
            "SELECT {key} FROM {table} WHERE {key} IN {} ORDER BY {key} LOCK IN SHARE MODE",
            List(chunk.iter())
        );
        for row in write.rows(&sql).await? {
            taken.insert(row.number(0)?);
        }
    }
    Ok(taken)
}

/// Sees to it that the ids that are given out from now on are above this one, on all nodes of a cluster and in replicas:
/// they follow the greatest one that was ever stored.
pub(in crate::store::mysql) async fn raise_ids(write: &mut Write<'_>, above: i64) -> Outcome<()> {
    let actions = &write.tables().actions;
    let sql = format!(
        "SELECT action_id FROM {actions} WHERE action_id >= {above} ORDER BY action_id LIMIT 1"
    );
    if above <= 0 || !write.rows(&sql).await?.is_empty() {
        return Ok(());
    }
    let store =
        format!("INSERT INTO {actions} (action_id, hook, status) VALUES ({above}, '', 'canceled')");
    // Somebody may have stored the same id in between: then it is done again.
    write.run(&store).await?;
    write.later(&format!("DELETE FROM {actions} WHERE action_id = {above}")).await
}

/// Takes so many ids, each higher than all before.
async fn new_ids(write: &mut Write<'_>, many: usize) -> Outcome<Vec<i64>> {
    let actions = &write.tables().actions;
    let mut ids = Vec::with_capacity(many);
    while ids.len() < many {
        let mut rows = Rows::new(format_args!("INSERT INTO {actions} (hook, status)"));
        let count = CHUNK.min(many - ids.len());
        (0..count).for_each(|_| rows.push(format_args!("'','canceled'")));
        let new = write.insert(&rows.end("")).await?;
        let first = ids.len();
        ids.extend((0..count).map(|place| new.of(place).cast_signed()));
        let taken = List(ids.iter().skip(first));
        write.later(&format!("DELETE FROM {actions} WHERE action_id IN {taken}")).await?;
    }
    Ok(ids)
}
