//! Giving actions and chains with all that belongs to them.

use std::collections::BTreeMap;

use tokio_postgres::Row;

use super::PostgresStore;
use super::call::Call;
use super::claim::numbers;
use super::names::Names;
use super::row::{self, ACTION_COLUMNS, ACTION_WIDTH, CHAIN_COLUMNS, CHAIN_WIDTH, Entry, Read};
use crate::action::{ActionId, ChainId, Status};
use crate::error::Result;
use crate::log::LogEntry;
use crate::store::native::codes::{status_code, status_of};
use crate::store::native::recurrence::{RECURRENCE_COLUMNS, RECURRENCE_WIDTH};
use crate::store::{ActionRecord, ChainRecord, Export, Exported, StoreId, Subject, Unreadable};

const DOING: &str = "exporting";

/// The columns of a log, each a list in the order of its entries.
const LOG_COLUMNS: &str =
    "told.seqs, told.ats, told.steps, told.attempts, told.contexts, told.messages";

/// Where the parts of a row stand: the action with its recurrence, its key, its log, its chain.
const KEY: usize = ACTION_WIDTH + RECURRENCE_WIDTH;
const LOG: usize = KEY + 1;
const CHAIN: usize = LOG + 6;

impl PostgresStore {
    pub(super) async fn read_identity(&self) -> Result<StoreId> {
        let doing = "reading the identity of the store";
        let sql = format!("SELECT id FROM {}.identity", self.database.schema);
        let rows = self.database.read(doing, Call::statement(sql)).await?;
        let row = rows.first().ok_or_else(|| "there is none".to_owned());
        Ok(StoreId::new(self.read(doing, row.and_then(|row| row::get::<String>(row, 0)))?))
    }

    pub(super) async fn export_page(&self, export: &Export) -> Result<Exported> {
        match export {
            Export::Actions { after, statuses, limit } => {
                // By primary key: whatever the statuses, the table is walked once for all pages together. When little has
                // not ended, that is found by actions_by_phase, and sorted.
                let mut page = "id > $1 AND (cardinality($2) = 0 OR status = ANY ($2))".to_owned();
                if !statuses.is_empty() && !statuses.iter().any(|status| status.is_finished()) {
                    page.push_str(" AND phase = 0");
                }
                page.push_str(" ORDER BY id LIMIT $3");
                let call = self
                    .actions_call(&page)
                    .with(after.map_or(0, ActionId::get))
                    .with(statuses.iter().map(|status| code(*status)).collect::<Vec<_>>())
                    .with(i64::from(*limit));
                let rows = self.database.read(DOING, call).await?;
                let mut exported = self.exported_actions(&rows).await?;
                let next = rows.last().filter(|_| rows.len() as u64 == u64::from(*limit));
                let last = next.map(|row| self.read(DOING, row::action_id(row, 0))).transpose()?;
                exported.next = last.map(|last| Export::Actions {
                    after: Some(last),
                    statuses: statuses.clone(),
                    limit: *limit,
                });
                Ok(exported)
            }
            Export::Ids(ids) => {
                let call = self.actions_call("id = ANY ($1)").with(numbers(ids));
                let rows = self.database.read(DOING, call).await?;
                self.exported_actions(&rows).await
            }
            Export::Chains { after, limit } => self.export_chains(*after, *limit).await,
        }
    }

    /// One statement, and so one snapshot: actions with their logs, and with the chains they are instances of.
    fn actions_call(&self, page: &str) -> Call {
        let schema = &self.database.schema;
        Call::statement(format!(
            "SELECT {ACTION_COLUMNS}, {RECURRENCE_COLUMNS}, actions.unique_key, {LOG_COLUMNS}, {} \
             FROM (SELECT * FROM {schema}.actions WHERE {page}) AS actions \
             LEFT JOIN {schema}.chains ON chains.id = actions.chain \
             LEFT JOIN {schema}.actions AS heads ON heads.id = chains.head \
             CROSS JOIN LATERAL (SELECT array_agg(seq) AS seqs, array_agg(at) AS ats, array_agg(step) AS steps, \
             array_agg(attempt) AS attempts, array_agg(context) AS contexts, array_agg(message) AS messages \
             FROM (SELECT * FROM {schema}.log_entries WHERE log_entries.action = actions.id ORDER BY seq) AS entries) AS told \
             ORDER BY actions.id",
            chain_columns()
        ))
    }

    async fn exported_actions(&self, rows: &[Row]) -> Result<Exported> {
        row::load_names(&self.database, rows, 1, 2).await?;
        row::load_names(&self.database, rows, CHAIN + 1, CHAIN + 2).await?;
        let names = &self.database.opener.names;
        let mut exported = Exported::default();
        let mut chains: BTreeMap<ChainId, Read<ChainRecord>> = BTreeMap::new();
        for row in rows {
            let id = self.read(DOING, row::action_id(row, 0))?;
            match action(names, row) {
                Ok(record) => {
                    // The chain may be no more.
                    let stored: Option<i64> = self.read(DOING, row::get(row, CHAIN))?;
                    if let Some(chain_id) = stored.and_then(ChainId::new) {
                        chains.entry(chain_id).or_insert_with(|| chain(names, row, CHAIN));
                    }
                    exported.actions.push(record);
                }
                Err(reason) => {
                    exported.unreadable.push(Unreadable { what: Subject::Action(id), reason });
                }
            }
        }
        for (id, record) in chains {
            add_chain(&mut exported, id, record);
        }
        Ok(exported)
    }

    async fn export_chains(&self, after: Option<ChainId>, limit: u32) -> Result<Exported> {
        // By primary key.
        let schema = &self.database.schema;
        let sql = format!(
            "SELECT {} FROM {schema}.chains LEFT JOIN {schema}.actions AS heads ON heads.id = chains.head \
             WHERE chains.id > $1 ORDER BY chains.id LIMIT $2",
            chain_columns()
        );
        let call = Call::statement(sql).with(after.map_or(0, ChainId::get)).with(i64::from(limit));
        let rows = self.database.read(DOING, call).await?;
        row::load_names(&self.database, &rows, 1, 2).await?;
        let mut exported = Exported::default();
        let mut last = None;
        for row in &rows {
            let id = self.read(DOING, row::chain_id(row, 0))?;
            add_chain(&mut exported, id, chain(&self.database.opener.names, row, 0));
            last = Some(id);
        }
        let next = last.filter(|_| rows.len() as u64 == u64::from(limit));
        exported.next = next.map(|last| Export::Chains { after: Some(last), limit });
        Ok(exported)
    }
}

fn code(status: Status) -> i16 {
    // There are five.
    i16::try_from(status_code(status)).unwrap_or(i16::MAX)
}

/// The columns of a chain, with the date it owes and the status of its head.
fn chain_columns() -> String {
    format!("{CHAIN_COLUMNS}, {RECURRENCE_COLUMNS}, chains.owed_at, heads.status")
}

fn action(names: &Names, row: &Row) -> Read<ActionRecord> {
    let action = row::action(names, row)?;
    Ok(ActionRecord { log: log(action.id, row)?, key: row::written(row, KEY)?, action })
}

/// Reads [`LOG_COLUMNS`]; all are NULL when there are no entries.
fn log(action: ActionId, row: &Row) -> Read<Vec<LogEntry>> {
    let Some(seqs) = row::get::<Option<Vec<i32>>>(row, LOG)? else { return Ok(Vec::new()) };
    let ats: Vec<i64> = row::get(row, LOG + 1)?;
    let steps: Vec<i16> = row::get(row, LOG + 2)?;
    let attempts: Vec<Option<i32>> = row::get(row, LOG + 3)?;
    let contexts: Vec<Option<&str>> = row::get(row, LOG + 4)?;
    let messages: Vec<Option<String>> = row::get(row, LOG + 5)?;
    let times = seqs.into_iter().zip(ats).zip(steps);
    let texts = attempts.into_iter().zip(contexts).zip(messages);
    times
        .zip(texts)
        .map(|(((seq, at), step), ((attempt, context), message))| {
            Entry { seq, at, step, attempt, context, message }.read(action)
        })
        .collect()
}

fn chain(names: &Names, row: &Row, from: usize) -> Read<ChainRecord> {
    let owed = from + CHAIN_WIDTH + RECURRENCE_WIDTH;
    let status: Option<i16> = row::get(row, owed + 1)?;
    Ok(ChainRecord {
        chain: row::chain(names, row, from)?,
        owed: row::optional_time(row, owed)?,
        head_status: status.and_then(|status| status_of(status.into())),
    })
}

/// Sets aside what cannot be read.
fn add_chain(exported: &mut Exported, id: ChainId, record: Read<ChainRecord>) {
    match record {
        Ok(record) => exported.chains.push(record),
        Err(reason) => {
            exported.unreadable.push(Unreadable { what: Subject::Chain(id), reason });
        }
    }
}
