//! Giving actions and chains with all that belongs to them.

use std::collections::{BTreeSet, HashMap};

use mysql_async::Row;

use super::error::{Outcome, Trouble};
use super::journal::CHUNK;
use super::log;
use super::row::{
    self, CHAIN_COLUMNS, CHAIN_WIDTH, ChainRow, Columns, OWN_WIDTH, PLUGIN_WIDTH, PluginRow,
    RECURRENCE_COLUMNS, RECURRENCE_WIDTH,
};
use super::select;
use super::sql::{List, Text};
use super::transaction::Ask;
use crate::action::{ActionId, ChainId, Status};
use crate::log::LogEntry;
use crate::store::{ActionRecord, ChainRecord, Export, Exported, Subject, Unreadable};

/// What was found, and what is to be seen to before it can be given.
pub(super) struct Found {
    pub(super) exported: Exported,
    /// The plugin's recurring actions that have no chain yet.
    pub(super) alone: Vec<ActionId>,
}

pub(super) async fn export(source: &mut impl Ask, export: &Export) -> Outcome<Found> {
    let mut found = Found { exported: Exported::default(), alone: Vec::new() };
    match export {
        Export::Actions { after, statuses, limit } => {
            let ids = page(source, *after, statuses, *limit).await?;
            let next = ids.last().filter(|_| ids.len() as u64 == u64::from(*limit));
            found.exported.next = next.map(|last| Export::Actions {
                after: Some(*last),
                statuses: statuses.clone(),
                limit: *limit,
            });
            actions(source, &ids, &mut found).await?;
        }
        Export::Ids(ids) => {
            let ids: BTreeSet<ActionId> = ids.iter().copied().collect();
            actions(source, &ids.into_iter().collect::<Vec<_>>(), &mut found).await?;
        }
        Export::Chains { after, limit } => {
            // By primary key.
            let sql = format!(
                "SELECT chain_id FROM {} WHERE chain_id > {} ORDER BY chain_id LIMIT {limit}",
                source.tables().chains,
                after.map_or(0, ChainId::get)
            );
            let rows = source.rows(&sql).await?;
            let ids = rows.iter().map(|row| row.chain_id(0)).collect::<Outcome<Vec<_>>>()?;
            let next = ids.last().filter(|_| ids.len() as u64 == u64::from(*limit));
            found.exported.next =
                next.map(|last| Export::Chains { after: Some(*last), limit: *limit });
            chains(source, &ids, &mut found.exported).await?;
        }
    }
    Ok(found)
}

/// The ids of a page. By primary key: whatever the statuses, the table is walked once for all pages together. What is
/// little and has not ended is found by the key on the status, and sorted.
async fn page(
    source: &mut impl Ask,
    after: Option<ActionId>,
    statuses: &[Status],
    limit: u32,
) -> Outcome<Vec<ActionId>> {
    let list = List(statuses.iter().map(|status| Text(status.as_str()))).to_string();
    let (key, condition) = match statuses {
        [] => ("PRIMARY", String::new()),
        _ => {
            let key = match is_small_part(source, statuses, &list, limit).await? {
                true => "status_scheduled_date_gmt",
                false => "PRIMARY",
            };
            (key, format!(" AND status IN {list}"))
        }
    };
    let sql = format!(
        "SELECT action_id FROM {} FORCE INDEX ({key}) WHERE action_id > {}{condition} \
         ORDER BY action_id LIMIT {limit}",
        source.tables().actions,
        after.map_or(0, ActionId::get)
    );
    source.rows(&sql).await?.iter().map(|row| row.action_id(0)).collect()
}

/// Whether only actions that have not ended are asked for, and there are but a few pages of them.
async fn is_small_part(
    source: &mut impl Ask,
    statuses: &[Status],
    list: &str,
    limit: u32,
) -> Outcome<bool> {
    if statuses.iter().any(|status| status.is_finished()) {
        return Ok(false);
    }
    let most = 20 * u64::from(limit);
    let sql = format!(
        "SELECT COUNT(*) FROM (SELECT 1 FROM {} WHERE status IN {list} LIMIT {}) some",
        source.tables().actions,
        most + 1
    );
    let rows = source.rows(&sql).await?;
    let live: u64 = rows.first().map(|row| row.number(0)).transpose()?.unwrap_or_default();
    Ok(live <= most)
}

/// Reads the actions with these ids, their logs, and the chains they are instances of.
async fn actions(source: &mut impl Ask, ids: &[ActionId], found: &mut Found) -> Outcome<()> {
    let mut instances_of = BTreeSet::new();
    for chunk in ids.chunks(CHUNK) {
        let rows = select::rows(source, chunk).await?;
        let logged = select::logged(source, &rows).await?;
        let mut logs = logs(source, chunk).await?;
        for row in &rows {
            let id = row.action_id(0)?;
            let log = logs.remove(&id).unwrap_or(Ok(Vec::new()));
            let read = action(row, logged.get(&id).copied(), log);
            let Some(read) = readable(read, Subject::Action(id), &mut found.exported)? else {
                continue;
            };
            if read.is_alone {
                found.alone.push(id);
            }
            instances_of.extend(read.record.action.chain);
            found.exported.actions.push(read.record);
        }
    }
    let ids: Vec<ChainId> = instances_of.into_iter().collect();
    chains(source, &ids, &mut found.exported).await
}

/// The logs of actions; what is wrong with one that cannot be read.
async fn logs(
    source: &mut impl Ask,
    ids: &[ActionId],
) -> Outcome<HashMap<ActionId, Outcome<Vec<LogEntry>>>> {
    let mut logs: HashMap<ActionId, Outcome<Vec<LogEntry>>> = HashMap::with_capacity(ids.len());
    for row in log::rows(source, ids).await? {
        let log = logs.entry(row.action_id(0)?).or_insert_with(|| Ok(Vec::new()));
        let Ok(entries) = log else { continue };
        match log::entry(&row, entries.last()) {
            Ok(entry) => entries.push(entry),
            Err(trouble) => *log = Err(trouble),
        }
    }
    Ok(logs)
}

struct ReadAction {
    record: ActionRecord,
    /// Whether it is one of the plugin's recurring actions that has no chain yet.
    is_alone: bool,
}

fn action(
    row: &Row,
    logged: Option<(jiff::Timestamp, jiff::Timestamp)>,
    log: Outcome<Vec<LogEntry>>,
) -> Outcome<ReadAction> {
    let plain = PluginRow::read(row)?;
    let has_chain = row.bytes(PLUGIN_WIDTH + OWN_WIDTH).is_some();
    let is_instance = row.bytes(PLUGIN_WIDTH + OWN_WIDTH - 1).is_some();
    let status = row.text(2)?;
    if status.parse::<Status>().is_err() {
        let expected = "expected pending, in-progress, complete, failed or canceled";
        return Err(refuse(format!("its status {status:?} cannot be read: {expected}")));
    }
    if let Some(problem) = plain.problem() {
        // An instance of a chain of ours does not go by what stands in the plugin's column.
        let is_schedule_alone = plain.args.is_ok() && plain.scheduled_at.is_ok();
        if !(has_chain && is_schedule_alone) {
            return Err(refuse(problem));
        }
    }
    if has_chain {
        row::recurring(row, PLUGIN_WIDTH + OWN_WIDTH)
            .map_err(|problem| refuse(format!("its chain cannot be read: {problem}")))?;
    }
    let is_alone = !is_instance && plain.recurs();
    let log = log?;
    let mut action = row::whole_action(plain, row, select::group(row)?, logged)?;
    action.log_entries = u32::try_from(log.len()).unwrap_or(u32::MAX);
    let record = ActionRecord { key: select::key(row)?.map(str::to_owned), log, action };
    Ok(ReadAction { record, is_alone })
}

/// Reads the chains with these ids that exist.
async fn chains(source: &mut impl Ask, ids: &[ChainId], exported: &mut Exported) -> Outcome<()> {
    const OWED: usize = CHAIN_WIDTH + RECURRENCE_WIDTH;
    for chunk in ids.chunks(CHUNK) {
        let tables = source.tables();
        // By primary keys.
        let sql = format!(
            "SELECT {CHAIN_COLUMNS}, {RECURRENCE_COLUMNS}, c.owed_at, a.status FROM {} c \
             LEFT JOIN {} a ON a.action_id = c.head WHERE c.chain_id IN {} ORDER BY c.chain_id",
            tables.chains,
            tables.actions,
            List(chunk.iter())
        );
        for row in source.rows(&sql).await? {
            let read = || {
                Ok(ChainRecord {
                    chain: ChainRow::read(&row)?.into_chain().map_err(refuse)?,
                    owed: row.date(OWED),
                    head_status: row.optional_text(OWED + 1)?.map(row::status),
                })
            };
            let id = row.chain_id(0)?;
            let record = readable(read(), Subject::Chain(id), exported)?;
            exported.chains.extend(record);
        }
    }
    Ok(())
}

fn refuse(problem: String) -> Trouble {
    use crate::error::{StoreError, StoreErrorKind};
    Trouble::Refused(StoreError::new(StoreErrorKind::Corrupt, problem).into())
}

/// Sets aside what is wrong with a row; trouble with the database itself remains trouble.
fn readable<T>(read: Outcome<T>, what: Subject, exported: &mut Exported) -> Outcome<Option<T>> {
    match read {
        Ok(read) => Ok(Some(read)),
        Err(Trouble::Refused(error)) => {
            exported.unreadable.push(Unreadable { what, reason: error.to_string() });
            Ok(None)
        }
        Err(trouble) => Err(trouble),
    }
}
