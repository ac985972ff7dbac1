//! Taking in what another store exported, and letting it go.

use std::collections::{HashMap, HashSet};
use std::slice::Iter;

use tokio_postgres::Row;

use super::PostgresStore;
use super::call::Call;
use super::insert::kind;
use super::journal::imported;
use super::names::Names;
use super::rounds::{Placed, rounds};
use super::row::{self, Read};
use super::text::stored;
use crate::action::{ActionId, ChainId, Group, Hook};
use crate::error::Result;
use crate::log::{Context, LogEntry};
use crate::store::native::args::text_hash;
use crate::store::native::codes::{state_code, status_code};
use crate::store::native::recurrence::RecurrenceValues;
use crate::store::{
    ActionRecord, Admission, ChainRecord, ImportBatch, ImportState, Imported, Imports, Origin,
};

impl PostgresStore {
    pub(super) async fn import_batch(
        &self,
        origin: &Origin,
        batch: &ImportBatch,
    ) -> Result<Imports> {
        batch.check()?;
        let doing = "importing";
        // What is named twice becomes what is given last.
        let chain_rounds = rounds(&batch.chains, |record| [Some(record.chain.id.get())]);
        let action_rounds = rounds(&batch.actions, |record| [Some(record.action.id.get())]);
        let names = &self.database.opener.names;
        loop {
            let forgotten = names.forgotten();
            let hooks = batch.actions.iter().map(|record| &record.action.hook);
            let hooks = hooks.chain(batch.chains.iter().map(|record| &record.chain.hook));
            names.hooks.add(&self.database, hooks).await?;
            let groups = batch.actions.iter().map(|record| &record.action.group);
            let groups = groups.chain(batch.chains.iter().map(|record| &record.chain.group));
            names.groups.add(&self.database, groups).await?;

            let mut calls = vec![self.begin_call(origin, batch)];
            calls.extend(chain_rounds.iter().map(|round| self.chains_call(origin, batch, round)));
            calls.extend(action_rounds.iter().map(|round| self.actions_call_of(origin, round)));
            calls.push(self.heads_call(origin, &batch.chains));
            let answers = self.database.write_names(doing, &calls, forgotten).await?;
            let Some(answers) = answers else { continue };
            let mut answers = answers.iter();
            // The first gives nothing.
            answers.next();
            let chains = self.answered(&chain_rounds, &mut answers, row::chain_id)?;
            let actions = self.answered(&action_rounds, &mut answers, row::action_id)?;
            return Ok(Imports { actions, chains });
        }
    }

    fn begin_call(&self, origin: &Origin, batch: &ImportBatch) -> Call {
        // All that may keep its id, too, has to be below what is given out later.
        let actions = batch.actions.iter().map(|record| record.action.id.get());
        let chains = batch.chains.iter().map(|record| record.chain.id.get());
        let above = batch.new_ids_above.map(ActionId::get).into_iter();
        self.database
            .function("begin_import")
            .with(self.import_lock())
            .with(origin.id.as_str().to_owned())
            .with(actions.chain(chains).chain(above).max().unwrap_or_default())
    }

    fn chains_call(
        &self,
        origin: &Origin,
        batch: &ImportBatch,
        round: &[Placed<'_, ChainRecord>],
    ) -> Call {
        let names = &self.database.opener.names;
        let records = || round.iter().map(|(_, record)| record);
        let chains = || records().map(|record| &record.chain);
        let given: Vec<i64> = batch.actions.iter().map(|record| record.action.id.get()).collect();
        let all: Vec<RecurrenceValues<String>> =
            chains().map(|chain| (&chain.recurring).into()).collect();
        let texts = |text: fn(&RecurrenceValues<String>) -> &Option<String>| {
            all.iter().map(|values| text(values).clone()).collect::<Vec<_>>()
        };
        self.database
            .function("import_chains")
            .with(origin.id.as_str().to_owned())
            .with(given)
            .with(chains().map(|c| c.id.get()).collect::<Vec<_>>())
            .with(chains().map(|c| small(state_code(c.state))).collect::<Vec<_>>())
            .with(hooks(names, chains().map(|c| &c.hook)))
            .with(groups(names, chains().map(|c| &c.group)))
            .with(chains().map(|c| i16::from(c.priority.0)).collect::<Vec<_>>())
            .with(chains().map(|c| written(c.key.as_deref())).collect::<Vec<_>>())
            .with(chains().map(|c| c.args.to_string()).collect::<Vec<_>>())
            .with(chains().map(|c| text_hash(c.args.as_str())).collect::<Vec<_>>())
            .with(all.iter().map(|values| values.first).collect::<Vec<_>>())
            .with(all.iter().map(|values| values.every).collect::<Vec<_>>())
            .with(texts(|values| &values.cron))
            .with(texts(|values| &values.dialect))
            .with(texts(|values| &values.zone))
            .with(all.iter().map(|values| values.fixed_rate).collect::<Vec<_>>())
            .with(all.iter().map(|values| values.catch_up.map(i64::from)).collect::<Vec<_>>())
            .with(chains().map(|c| written(c.reason.as_deref())).collect::<Vec<_>>())
            .with(
                chains().map(|c| i32::try_from(c.failures).unwrap_or(i32::MAX)).collect::<Vec<_>>(),
            )
            .with(records().map(|r| r.owed.map(|date| date.as_microsecond())).collect::<Vec<_>>())
            .with(chains().map(|c| c.created_at.as_microsecond()).collect::<Vec<_>>())
    }

    fn actions_call_of(&self, origin: &Origin, round: &[Placed<'_, ActionRecord>]) -> Call {
        let names = &self.database.opener.names;
        let records = || round.iter().map(|(_, record)| record);
        let actions = || records().map(|record| &record.action);
        let entries: Vec<(i32, i32, &LogEntry)> = (1..)
            .zip(records())
            .flat_map(|(place, record)| {
                (1..).zip(&record.log).map(move |(seq, entry)| (place, seq, entry))
            })
            .collect();
        let log = || entries.iter().map(|(_, _, entry)| entry);
        self.database
            .function("import_actions")
            .with(origin.id.as_str().to_owned())
            .with(actions().map(|a| a.id.get()).collect::<Vec<_>>())
            .with(actions().map(|a| small(status_code(a.status))).collect::<Vec<_>>())
            .with(hooks(names, actions().map(|a| &a.hook)))
            .with(groups(names, actions().map(|a| &a.group)))
            .with(actions().map(|a| i16::from(a.priority.0)).collect::<Vec<_>>())
            .with(actions().map(|a| a.attempts.0.cast_signed()).collect::<Vec<_>>())
            .with(actions().map(|a| kind(&a.schedule)).collect::<Vec<_>>())
            .with(actions().map(|a| a.scheduled_at.as_microsecond()).collect::<Vec<_>>())
            .with(actions().map(|a| a.created_at.as_microsecond()).collect::<Vec<_>>())
            .with(
                actions()
                    .map(|a| a.started_at.map(|date| date.as_microsecond()))
                    .collect::<Vec<_>>(),
            )
            .with(
                actions()
                    .map(|a| a.finished_at.map(|date| date.as_microsecond()))
                    .collect::<Vec<_>>(),
            )
            .with(actions().map(|a| a.chain.map(ChainId::get)).collect::<Vec<_>>())
            .with(records().map(|r| written(r.key.as_deref())).collect::<Vec<_>>())
            .with(actions().map(|a| a.args.to_string()).collect::<Vec<_>>())
            .with(actions().map(|a| text_hash(a.args.as_str())).collect::<Vec<_>>())
            .with(
                records()
                    .map(|r| i32::try_from(r.log.len()).unwrap_or(i32::MAX))
                    .collect::<Vec<_>>(),
            )
            .with(entries.iter().map(|(place, _, _)| *place).collect::<Vec<_>>())
            .with(entries.iter().map(|(_, seq, _)| *seq).collect::<Vec<_>>())
            .with(log().map(|entry| entry.at.as_microsecond()).collect::<Vec<_>>())
            .with(log().map(|entry| i16::from(entry.step.code())).collect::<Vec<_>>())
            .with(
                log()
                    .map(|entry| entry.attempt.map(|attempt| attempt.0.cast_signed()))
                    .collect::<Vec<_>>(),
            )
            .with(
                log()
                    .map(|entry| entry.context.as_ref().map(|by| by.as_str().to_owned()))
                    .collect::<Vec<_>>(),
            )
            .with(log().map(|entry| written(entry.message.as_deref())).collect::<Vec<_>>())
            .with(self.clock.now().as_microsecond())
    }

    fn heads_call(&self, origin: &Origin, chains: &[ChainRecord]) -> Call {
        let heads: HashMap<i64, i64> = chains
            .iter()
            .filter_map(|record| Some((record.chain.id.get(), record.chain.head?.get())))
            .collect();
        let (chains, heads): (Vec<i64>, Vec<i64>) = heads.into_iter().unzip();
        self.database
            .function("import_heads")
            .with(origin.id.as_str().to_owned())
            .with(chains)
            .with(heads)
    }

    /// What became of the items of some rounds, in the order they were given in.
    fn answered<T, Id>(
        &self,
        rounds: &[Vec<Placed<'_, T>>],
        answers: &mut Iter<'_, Vec<Row>>,
        id: fn(&Row, usize) -> Read<Id>,
    ) -> Result<Vec<Imported<Id>>> {
        let mut placed = Vec::new();
        for (round, rows) in rounds.iter().zip(answers) {
            for ((place, _), row) in round.iter().zip(rows) {
                placed.push((*place, self.read("importing", imported(row, id))?));
            }
        }
        placed.sort_unstable_by_key(|(place, _)| *place);
        Ok(placed.into_iter().map(|(_, imported)| imported).collect())
    }

    pub(super) async fn admit_held(
        &self,
        origin: &Origin,
        admission: &Admission,
        context: &Context,
    ) -> Result<Imports> {
        let doing = "admitting";
        let actions: HashSet<ActionId> = admission.actions.iter().copied().collect();
        let chains: HashSet<i64> = admission.chains.iter().map(|id| id.get()).collect();
        let call = self
            .database
            .function("admit_imports")
            .with(self.import_lock())
            .with(origin.id.as_str().to_owned())
            .with(actions.iter().map(|id| id.get()).collect::<Vec<_>>())
            .with(
                actions
                    .iter()
                    .map(|id| stored(&origin.note(*id)).into_owned())
                    .collect::<Vec<String>>(),
            )
            .with(chains.into_iter().collect::<Vec<_>>())
            .with(self.clock.now().as_microsecond())
            .with(context.as_str().to_owned());
        let answers = self.database.write_slowly(doing, &[call]).await?;
        let mut known_actions = HashMap::new();
        let mut known_chains = HashMap::new();
        for row in answers.iter().flatten() {
            if self.read(doing, row::get(row, 3))? {
                let imported = self.read(doing, imported(row, row::chain_id))?;
                known_chains.insert(imported.source, imported);
            } else {
                let imported = self.read(doing, imported(row, row::action_id))?;
                known_actions.insert(imported.source, imported);
            }
        }
        if known_actions.values().any(|imported| imported.state == ImportState::Admitted) {
            self.come_back();
            self.wakes.wake();
        }
        let known = |id| known_actions.get(id).copied();
        let known_chain = |id| known_chains.get(id).copied();
        Ok(Imports {
            actions: admission.actions.iter().filter_map(known).collect(),
            chains: admission.chains.iter().filter_map(known_chain).collect(),
        })
    }
}

/// A code as it is stored; there are but a few.
fn small(code: i64) -> i16 {
    i16::try_from(code).unwrap_or(i16::MAX)
}

/// Names that are forgotten just now are noticed before this is sent.
const FORGOTTEN: i32 = -1;

fn hooks<'a>(names: &Names, hooks: impl Iterator<Item = &'a Hook>) -> Vec<i32> {
    hooks.map(|hook| names.hooks.number(hook).unwrap_or(FORGOTTEN)).collect()
}

fn groups<'a>(names: &Names, groups: impl Iterator<Item = &'a Group>) -> Vec<i32> {
    groups.map(|group| names.groups.number(group).unwrap_or(FORGOTTEN)).collect()
}

fn written(text: Option<&str>) -> Option<String> {
    text.map(|text| stored(text).into_owned())
}
