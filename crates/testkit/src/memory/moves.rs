//! Giving everything to another store, and taking in what another one gave.

use std::collections::{BTreeMap, BTreeSet};

use action_scheduler::action::{ActionId, ChainId, Status, Unique};
use action_scheduler::log::Step;
use action_scheduler::store::{
    ActionRecord, Admission, ChainRecord, ChainState, Export, Exported, ImportBatch, ImportState,
    Imported, Imports, ImportsOf, ImportsQuery, Origin, StoreId,
};
use action_scheduler::{Context, Invalid, LogEntry, Result, Schedule};
use jiff::Timestamp;

use super::chains::ChainRow;
use super::state::{Row, State, whole_micros};

/// What was taken in from one store.
#[derive(Debug, Default)]
pub(super) struct Journal {
    actions: BTreeMap<ActionId, Imported<ActionId>>,
    chains: BTreeMap<ChainId, (Imported<ChainId>, ChainState)>,
}

impl State {
    pub(super) fn export(&self, export: Export) -> Exported {
        let mut exported = Exported::default();
        match export {
            Export::Actions { after, statuses, limit } => {
                let is_wanted = |row: &&Row| {
                    after.is_none_or(|after| row.action.id > after)
                        && (statuses.is_empty() || statuses.contains(&row.action.status))
                };
                let page = self.actions.values().filter(is_wanted).take(limit as usize);
                exported.actions = page.map(|row| self.record(row)).collect();
                let last = exported.actions.last().map(|record| record.action.id);
                let is_full = exported.actions.len() == limit as usize;
                exported.next = last.filter(|_| is_full).map(|last| Export::Actions {
                    after: Some(last),
                    statuses: statuses.clone(),
                    limit,
                });
            }
            Export::Ids(ids) => {
                let ids: BTreeSet<ActionId> = ids.into_iter().collect();
                let rows = ids.iter().filter_map(|id| self.actions.get(id));
                exported.actions = rows.map(|row| self.record(row)).collect();
            }
            Export::Chains { after, limit } => {
                let is_wanted = |id: &&ChainId| after.is_none_or(|after| **id > after);
                let page = self.chains.keys().filter(is_wanted).take(limit as usize);
                exported.chains = page.filter_map(|id| self.chain_record(*id)).collect();
                let last = exported.chains.last().map(|record| record.chain.id);
                let is_full = exported.chains.len() == limit as usize;
                let next = |last| Export::Chains { after: Some(last), limit };
                exported.next = last.filter(|_| is_full).map(next);
                return exported;
            }
        }
        let chains: BTreeSet<ChainId> =
            exported.actions.iter().filter_map(|record| record.action.chain).collect();
        exported.chains = chains.into_iter().filter_map(|id| self.chain_record(id)).collect();
        exported
    }

    fn record(&self, row: &Row) -> ActionRecord {
        let key = match &row.unique {
            Unique::Key(key) => Some(key.clone()),
            Unique::No | Unique::Args | Unique::Hook => None,
        };
        ActionRecord { action: self.seen(row), key, log: self.logs(vec![row.action.id]) }
    }

    fn chain_record(&self, id: ChainId) -> Option<ChainRecord> {
        let ChainRow { chain, owed, .. } = self.chains.get(&id)?;
        let head = chain.head.and_then(|head| self.actions.get(&head));
        Some(ChainRecord {
            chain: chain.clone(),
            owed: *owed,
            head_status: head.map(|row| row.action.status),
        })
    }

    pub(super) fn import(
        &mut self,
        origin: &Origin,
        batch: ImportBatch,
        now: Timestamp,
    ) -> Result<Imports> {
        let is_running = |record: &&ActionRecord| record.action.status == Status::InProgress;
        if let Some(record) = batch.actions.iter().find(is_running) {
            let id = record.action.id.to_string();
            return Err(Invalid::new("import of action", id, "it is in-progress").into());
        }
        let above = batch.new_ids_above.map_or(0, ActionId::get);
        self.raise_ids(above);
        let mut journal = self.journals.remove(&origin.id).unwrap_or_default();
        let given: BTreeSet<ActionId> =
            batch.actions.iter().map(|record| record.action.id).collect();
        let mut left = BTreeSet::new();
        let chains: Vec<Imported<ChainId>> = batch
            .chains
            .iter()
            .map(|record| {
                let known = journal.chains.get(&record.chain.id).map(|(imported, _)| *imported);
                match known.filter(|known| self.is_left_alone(&journal, known, &given)) {
                    Some(known) => {
                        left.insert(known.source);
                        known
                    }
                    None => self.import_chain(&mut journal, record),
                }
            })
            .collect();
        let actions = batch
            .actions
            .into_iter()
            .map(|record| self.import_action(&mut journal, record, now))
            .collect();
        for (record, imported) in batch.chains.iter().zip(&chains) {
            if left.contains(&imported.source) {
                continue;
            }
            let head = record.chain.head.and_then(|head| journal.actions.get(&head));
            if let Some(row) = self.chains.get_mut(&imported.target) {
                row.chain.head = head.map(|head| head.target);
            }
        }
        self.journals.insert(origin.id.clone(), journal);
        Ok(Imports { actions, chains })
    }

    /// Whether an import leaves a chain as it is: it was admitted, or its head is held and not among those given.
    fn is_left_alone(
        &self,
        journal: &Journal,
        chain: &Imported<ChainId>,
        given: &BTreeSet<ActionId>,
    ) -> bool {
        let head = self.chains.get(&chain.target).and_then(|row| row.chain.head);
        let is_its_head =
            |row: &&Imported<ActionId>| Some(row.target) == head && row.state == ImportState::Held;
        let held_head = journal.actions.values().find(is_its_head);
        match chain.state {
            ImportState::Admitted => true,
            ImportState::Held => held_head.is_some_and(|head| !given.contains(&head.source)),
            ImportState::Copied => false,
        }
    }

    fn import_chain(&mut self, journal: &mut Journal, record: &ChainRecord) -> Imported<ChainId> {
        let source = record.chain.id;
        let known = journal.chains.get(&source).map(|(imported, _)| *imported);
        let target = match known {
            Some(imported) => imported.target,
            None if self.chains.contains_key(&source) => {
                ChainId::new(self.new_id()).unwrap_or(source)
            }
            None => source,
        };
        self.raise_ids(target.get());
        let chain = action_scheduler::store::Chain {
            id: target,
            state: ChainState::Ended,
            head: None,
            ..record.chain.clone()
        };
        let unique = chain.key.clone().map_or(Unique::No, Unique::Key);
        self.chains.insert(target, ChainRow { chain, unique, owed: record.owed });
        let state = match record.chain.state {
            ChainState::Ended => ImportState::Copied,
            ChainState::Active | ChainState::Paused => ImportState::Held,
        };
        let imported = Imported { source, target, state };
        journal.chains.insert(source, (imported, record.chain.state));
        imported
    }

    fn import_action(
        &mut self,
        journal: &mut Journal,
        record: ActionRecord,
        now: Timestamp,
    ) -> Imported<ActionId> {
        let source = record.action.id;
        let is_pending = record.action.status == Status::Pending;
        let mut target = source;
        match journal.actions.get(&source) {
            Some(imported) if imported.state == ImportState::Admitted => return *imported,
            Some(Imported { target: known, state, .. }) => {
                let row = self.actions.get(known);
                if *state == ImportState::Copied && row.is_some_and(Row::is_live) {
                    // Someone put it back into the queue.
                    let imported =
                        Imported { source, target: *known, state: ImportState::Admitted };
                    journal.actions.insert(source, imported);
                    return imported;
                }
                if *state == ImportState::Copied && row.is_none() && !is_pending {
                    return Imported { source, target: *known, state: *state };
                }
                target = *known;
                self.delete_one(target);
            }
            None if self.actions.contains_key(&source) => {
                target = ActionId::new(self.new_id()).unwrap_or(source);
            }
            None => {}
        }
        self.raise_ids(target.get());
        let chain = record.action.chain.and_then(|chain| journal.chains.get(&chain));
        let mut action = record.action;
        action.id = target;
        action.claim = None;
        action.chain = chain.map(|(imported, _)| imported.target);
        if action.chain.is_none() && matches!(action.schedule, Schedule::Recurring(_)) {
            action.schedule = Schedule::Single(action.scheduled_at);
        }
        if is_pending {
            (action.status, action.finished_at) = (Status::Canceled, Some(whole_micros(now)));
        }
        self.hooks.insert(action.hook.clone());
        let unique = record.key.map_or(Unique::No, Unique::Key);
        self.actions.insert(target, Row { action, unique, timed_out: false });
        let place = |(place, entry)| LogEntry { action: target, seq: place, ..entry };
        self.logs.insert(target, (1..).zip(record.log).map(place).collect());
        let state = if is_pending { ImportState::Held } else { ImportState::Copied };
        let imported = Imported { source, target, state };
        journal.actions.insert(source, imported);
        imported
    }

    pub(super) fn admit(
        &mut self,
        origin: &Origin,
        admission: &Admission,
        context: &Context,
        now: Timestamp,
    ) -> Imports {
        let Some(mut journal) = self.journals.remove(&origin.id) else { return Imports::default() };
        let mut imports = Imports::default();
        for source in &admission.actions {
            let Some(imported) = journal.actions.get_mut(source) else { continue };
            if imported.state == ImportState::Held
                && let Some(row) = self.actions.get_mut(&imported.target)
            {
                imported.state = ImportState::Admitted;
                (row.action.status, row.action.finished_at) = (Status::Pending, None);
                let chain = row.action.chain;
                let note = origin.note(*source);
                self.log(imported.target, Step::Note, Some(note), None, Some(context), now);
                self.wakes += 1;
                let is_its_own = |(held, becomes): &&mut (Imported<ChainId>, ChainState)| {
                    Some(held.target) == chain && *becomes == ChainState::Active
                };
                if let Some((held, becomes)) = journal.chains.values_mut().find(is_its_own)
                    && self
                        .chains
                        .get(&held.target)
                        .is_some_and(|row| row.chain.head == Some(imported.target))
                {
                    self.admit_chain(held, *becomes);
                }
            }
            imports.actions.push(*imported);
        }
        for source in &admission.chains {
            let Some((imported, becomes)) = journal.chains.get_mut(source) else { continue };
            self.admit_chain(imported, *becomes);
            imports.chains.push(*imported);
        }
        self.journals.insert(origin.id.clone(), journal);
        imports
    }

    fn admit_chain(&mut self, imported: &mut Imported<ChainId>, becomes: ChainState) {
        if imported.state == ImportState::Held
            && let Some(row) = self.chains.get_mut(&imported.target)
        {
            imported.state = ImportState::Admitted;
            row.chain.state = becomes;
        }
    }

    pub(super) fn imports(&self, origin: &StoreId, query: ImportsQuery) -> Imports {
        let Some(journal) = self.journals.get(origin) else { return Imports::default() };
        let is_wanted = |state| query.state.is_none_or(|wanted| wanted == state);
        let limit = query.limit as usize;
        match query.of {
            ImportsOf::Actions { after } => {
                let rows = journal.actions.values().copied();
                let rows = rows.filter(|row| after.is_none_or(|after| row.source > after));
                let actions = rows.filter(|row| is_wanted(row.state)).take(limit).collect();
                Imports { actions, ..Imports::default() }
            }
            ImportsOf::Chains { after } => {
                let rows = journal.chains.values().map(|(imported, _)| *imported);
                let rows = rows.filter(|row| after.is_none_or(|after| row.source > after));
                let chains = rows.filter(|row| is_wanted(row.state)).take(limit).collect();
                Imports { chains, ..Imports::default() }
            }
        }
    }

    pub(super) fn forget_imports(&mut self, origin: &StoreId, limit: u32) -> u64 {
        let Some(journal) = self.journals.get_mut(origin) else { return 0 };
        let mut left = u64::from(limit);
        let mut is_kept = |state| {
            let goes = state != ImportState::Held && left > 0;
            left -= u64::from(goes);
            !goes
        };
        journal.actions.retain(|_, row| is_kept(row.state));
        journal.chains.retain(|_, (row, _)| is_kept(row.state));
        u64::from(limit) - left
    }

    /// Whether a move holds this action: nothing else changes it then.
    pub(super) fn is_held(&self, id: ActionId) -> bool {
        let rows = self.journals.values().flat_map(|journal| journal.actions.values());
        rows.into_iter().any(|row| row.target == id && row.state == ImportState::Held)
    }

    /// Whether a move holds this chain.
    pub(super) fn is_held_chain(&self, id: ChainId) -> bool {
        let rows = self.journals.values().flat_map(|journal| journal.chains.values());
        rows.into_iter().any(|(row, _)| row.target == id && row.state == ImportState::Held)
    }
}
