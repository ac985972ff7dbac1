//! A [`Query`] as SQL.

use std::fmt::Write as _;

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension};

use super::error::wrap;
use super::names::Names;
use super::row;
use crate::action::{Action, ActionId, Status};
use crate::error::Result;
use crate::query::{ArgsMatch, Claimed, CursorKey, Order, OrderBy, Query};

/// A condition with its parameters.
struct Conditions {
    sql: String,
    parameters: Vec<Value>,
}

impl Conditions {
    /// Adds `AND text`, in which each `?` stands for one of the values.
    fn and(&mut self, text: &str, values: impl IntoIterator<Item = Value>) {
        self.sql.push_str(" AND ");
        self.sql.push_str(text);
        self.parameters.extend(values);
    }
}

/// The columns that rows are sorted by, without the id that decides between equals.
fn sort_column(order_by: OrderBy) -> Option<&'static str> {
    match order_by {
        OrderBy::Date => Some("actions.scheduled_at"),
        OrderBy::Modified => Some(MODIFIED_AT),
        OrderBy::Hook => Some("(SELECT name FROM hooks WHERE hooks.id = actions.hook)"),
        OrderBy::Group => Some("(SELECT name FROM groups WHERE groups.id = actions.grp)"),
        OrderBy::Id | OrderBy::None => None,
    }
}

const MODIFIED_AT: &str = "coalesce(actions.finished_at, actions.started_at, actions.created_at)";

/// Whether no row can match, because a name that is asked for was never stored.
enum Possible {
    Yes(Conditions),
    No,
}

/// All conditions of a query but its statuses.
fn conditions(
    connection: &Connection,
    names: &mut Names,
    query: &Query,
) -> rusqlite::Result<Possible> {
    let mut all = Conditions { sql: String::from("1"), parameters: Vec::new() };
    if let Some(ids) = &query.ids {
        let ids: Vec<i64> = ids.iter().map(|id| id.get()).collect();
        all.and(
            "actions.id IN (SELECT value FROM json_each(?))",
            [super::lists::json_array(ids).into()],
        );
    }
    if let Some(hook) = &query.hook {
        match names.hooks.find(connection, hook)? {
            Some(number) => all.and("actions.hook = ?", [number.into()]),
            None => return Ok(Possible::No),
        }
    }
    if let Some(group) = &query.group {
        match names.groups.find(connection, group)? {
            Some(number) => all.and("actions.grp = ?", [number.into()]),
            None => return Ok(Possible::No),
        }
    }
    match &query.args {
        Some(ArgsMatch::Exact(args)) => {
            // The first two are what actions_live_args holds.
            let text = args.as_str();
            let hash = row::args_hash(text).map_or(Value::Null, Value::Integer);
            all.and("substr(actions.args, 1, 64) = substr(?, 1, 64)", [text.to_owned().into()]);
            all.and("actions.args_hash IS ?", [hash]);
            all.and("actions.args = ?", [text.to_owned().into()]);
        }
        Some(ArgsMatch::ContainsText(text)) => {
            all.and("instr(actions.args, ?) > 0", [text.clone().into()])
        }
        Some(ArgsMatch::ContainsJson(args)) => {
            all.and("args_contain(actions.args, ?)", [args.as_str().to_owned().into()]);
        }
        None => {}
    }
    for (comparator, date) in &query.scheduled {
        let text = format!("actions.scheduled_at {} ?", comparator.as_str());
        all.and(&text, [date.as_microsecond().into()]);
    }
    for (comparator, date) in &query.modified {
        let text = format!("{MODIFIED_AT} {} ?", comparator.as_str());
        all.and(&text, [date.as_microsecond().into()]);
    }
    match query.claimed {
        Some(Claimed::Any) => all.and("actions.claim IS NOT NULL", []),
        Some(Claimed::None) => all.and("actions.claim IS NULL", []),
        Some(Claimed::By(claim)) => all.and("actions.claim = ?", [claim.get().into()]),
        None => {}
    }
    if let Some(chain) = query.chain {
        all.and("actions.chain = ?", [chain.get().into()]);
    }
    if let Some(text) = &query.search {
        let number = text.trim().parse::<i64>().map_or(Value::Null, Value::Integer);
        let like =
            format!("%{}%", text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_"));
        all.and(
            "(actions.id = ? OR actions.claim = ? OR actions.args LIKE ? ESCAPE '\\' \
             OR actions.hook IN (SELECT id FROM hooks WHERE name LIKE ? ESCAPE '\\'))",
            [number.clone(), number, like.clone().into(), like.into()],
        );
    }
    Ok(Possible::Yes(all))
}

/// The condition for some statuses of one phase. Pages are sorted within a phase by an index, and phases are merged.
fn phases(statuses: &[Status]) -> Vec<String> {
    let wanted = |status: &Status| statuses.is_empty() || statuses.contains(status);
    let mut phases: Vec<String> = Vec::new();
    match (wanted(&Status::Pending), wanted(&Status::InProgress)) {
        (true, true) => phases.push("actions.phase = 0".into()),
        (true, false) => phases.push("actions.phase = 0 AND actions.status = 0".into()),
        (false, true) => phases.push(IN_PROGRESS.into()),
        (false, false) => {}
    }
    for status in
        [Status::Complete, Status::Failed, Status::Canceled].iter().filter(|status| wanted(status))
    {
        phases.push(format!("actions.phase = {}", row::phase_code(*status)));
    }
    phases
}

/// What is in-progress has a claim: actions_claimed holds it, among the little else that is claimed.
const IN_PROGRESS: &str = "actions.phase = 0 AND actions.status = 1 AND actions.claim IS NOT NULL";

/// A group's index does not know phases: a page of all its actions is taken from it whole.
const ANY_OF_GROUP: &str = "actions.phase >= 0";

/// The table for a condition of [`phases`]. SQLite would rather read through all that is pending.
fn table(phase: &str) -> &'static str {
    match phase {
        IN_PROGRESS => "actions INDEXED BY actions_claimed",
        ANY_OF_GROUP => "actions INDEXED BY actions_by_group",
        _ => "actions",
    }
}

/// A query that is ready to be run, or `None` when nothing can match.
fn build(
    connection: &Connection,
    names: &mut Names,
    query: &Query,
) -> rusqlite::Result<Option<(String, Vec<Value>)>> {
    let Possible::Yes(mut all) = conditions(connection, names, query)? else { return Ok(None) };
    let (direction, beyond) = match query.order {
        Order::Ascending => ("ASC", ">"),
        Order::Descending => ("DESC", "<"),
    };
    let sort = sort_column(query.order_by);
    if let Some(cursor) = &query.after {
        let id = Value::from(cursor.id.get());
        let key = match &cursor.key {
            CursorKey::Time(date) => Some(Value::from(date.as_microsecond())),
            CursorKey::Text(text) => Some(Value::from(text.clone())),
            CursorKey::Id => None,
        };
        match (sort, key) {
            (Some(column), Some(key)) => {
                all.and(&format!("({column}, actions.id) {beyond} (?, ?)"), [key, id]);
            }
            _ => all.and(&format!("actions.id {beyond} ?"), [id]),
        }
    }
    let order = match sort {
        Some(_) => format!("key {direction}, id {direction}"),
        None => format!("id {direction}"),
    };
    let limit = query.limit.map(|limit| i64::from(limit) + i64::from(query.offset));
    let mut sql = String::new();
    let mut parameters = Vec::new();
    // By id alone the table itself is in order, whatever the phase.
    let by_group = query.group.is_some() && query.hook.is_none() && query.statuses.is_empty();
    let phases = match sort {
        Some(_) if by_group && query.order_by == OrderBy::Date => vec![ANY_OF_GROUP.to_owned()],
        Some(_) => phases(&query.statuses),
        None => vec![format!("({})", phases(&query.statuses).join(" OR "))],
    };
    for phase in &phases {
        if !sql.is_empty() {
            sql.push_str(" UNION ALL ");
        }
        // Writing to a String cannot fail.
        let _ = write!(
            sql,
            "SELECT * FROM (SELECT actions.id AS id, {} AS key FROM {} WHERE {phase} AND {} ORDER BY {order}",
            sort.unwrap_or("0"),
            table(phase),
            all.sql
        );
        parameters.extend(all.parameters.iter().cloned());
        if let Some(limit) = limit {
            let _ = write!(sql, " LIMIT {limit}");
        }
        sql.push(')');
    }
    let page = match (query.limit, query.offset) {
        (Some(limit), offset) => format!(" LIMIT {limit} OFFSET {offset}"),
        (None, 0) => String::new(),
        (None, offset) => format!(" LIMIT -1 OFFSET {offset}"),
    };
    let sql = format!("SELECT id FROM ({sql}) ORDER BY {order}{page}");
    Ok(Some((sql, parameters)))
}

/// The ids that a query asks for, in its order.
pub(super) fn ids(
    connection: &Connection,
    names: &mut Names,
    query: &Query,
) -> rusqlite::Result<Vec<i64>> {
    let Some((sql, parameters)) = build(connection, names, query)? else { return Ok(Vec::new()) };
    connection
        .prepare_cached(&sql)?
        .query_map(rusqlite::params_from_iter(parameters), |row| row.get(0))?
        .collect()
}

pub(super) fn query(
    connection: &Connection,
    names: &mut Names,
    query: &Query,
) -> Result<Vec<Action>> {
    query.check()?;
    let mut find = || {
        let ids = ids(connection, names, query)?;
        read(connection, names, &ids)
    };
    find().map_err(|error| wrap("looking for actions")(error).into())
}

pub(super) fn fetch(
    connection: &Connection,
    names: &mut Names,
    ids: &[ActionId],
) -> Result<Vec<Action>> {
    let ids: Vec<i64> = ids.iter().map(|id| id.get()).collect();
    read(connection, names, &ids).map_err(|error| wrap("reading actions")(error).into())
}

fn read(connection: &Connection, names: &mut Names, ids: &[i64]) -> rusqlite::Result<Vec<Action>> {
    // By primary key.
    let sql = format!(
        "SELECT {}, {} FROM actions LEFT JOIN chains ON chains.id = actions.chain WHERE actions.id = ?1",
        row::ACTION_COLUMNS,
        row::RECURRENCE_COLUMNS
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let mut actions = Vec::with_capacity(ids.len());
    for id in ids {
        actions.extend(
            statement.query_row([id], |row| row::action(connection, names, row)).optional()?,
        );
    }
    Ok(actions)
}

pub(super) fn count(connection: &Connection, names: &mut Names, query: &Query) -> Result<u64> {
    let mut count = || {
        let everything = Query { statuses: query.statuses.clone(), ..Query::default() };
        let asked = Query {
            limit: everything.limit,
            offset: 0,
            after: None,
            order_by: everything.order_by,
            order: everything.order,
            ..query.clone()
        };
        if asked == everything {
            return kept_count(connection, &query.statuses);
        }
        let Possible::Yes(all) = conditions(connection, names, query)? else { return Ok(0) };
        let mut total = 0;
        for phase in phases(&query.statuses) {
            let sql =
                format!("SELECT count(*) FROM {} WHERE {phase} AND {}", table(&phase), all.sql);
            total += connection
                .prepare_cached(&sql)?
                .query_row(rusqlite::params_from_iter(&all.parameters), |row| {
                    row.get::<_, u64>(0)
                })?;
        }
        Ok(total)
    };
    count().map_err(|error: rusqlite::Error| wrap("counting actions")(error).into())
}

/// The count by status alone is kept up to date by whatever changes a status.
fn kept_count(connection: &Connection, statuses: &[Status]) -> rusqlite::Result<u64> {
    let mut total = 0;
    let mut statement = connection.prepare_cached("SELECT n FROM counts WHERE status = ?1")?;
    for status in
        Status::ALL.iter().filter(|status| statuses.is_empty() || statuses.contains(status))
    {
        total += statement.query_row([row::status_code(*status)], |row| row.get::<_, u64>(0))?;
    }
    Ok(total)
}
