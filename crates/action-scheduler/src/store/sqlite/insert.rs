//! Storing actions: one path for the store itself and for the statements handed out to a caller's own transaction.

use jiff::Timestamp;
use rusqlite::Connection;
use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};

use super::row::args_hash;
use super::writer::Write;
use crate::action::{ActionId, Unique};
use crate::error::Result;
use crate::log::Step;
use crate::schedule::Schedule;
use crate::store::native::recurrence::RecurrenceValues;
use crate::store::{Insert, Parameter, Statement};

// The statements of one action, in order. Each but the first acts only if the one before it did, which `changes()`
// tells; the id of the new action stays the `last_insert_rowid()` throughout, as the chain has the id of its first
// action and the log has no rowid. By primary key all of them, once for each new action.

const HOOK: &str = "INSERT INTO hooks (name) VALUES (?1) ON CONFLICT DO NOTHING";

const GROUP: &str = "INSERT INTO groups (name) VALUES (?1) ON CONFLICT DO NOTHING";

macro_rules! insert_action {
    ($condition:literal) => {
        concat!(
            "INSERT INTO actions (hook, grp, priority, kind, scheduled_at, created_at, unique_key, args, args_hash) \
             SELECT hooks.id, groups.id, ?3, ?4, ?5, ?6, ?7, ?8, ?9 FROM hooks, groups \
             WHERE hooks.name = ?1 AND groups.name = ?2",
            $condition
        )
    };
}

const ACTION: &str = insert_action!("");

// Served by actions_live_args.
const ACTION_UNLESS_SAME_ARGS: &str = insert_action!(
    " AND NOT EXISTS (SELECT 1 FROM actions AS other WHERE other.hook = hooks.id AND other.phase = 0 \
     AND substr(other.args, 1, 64) = substr(?8, 1, 64) AND other.args_hash IS ?9 AND other.args = ?8 \
     AND other.grp = groups.id)"
);

// Served by actions_by_hook.
const ACTION_UNLESS_SAME_HOOK: &str = insert_action!(
    " AND NOT EXISTS (SELECT 1 FROM actions AS other INDEXED BY actions_by_hook WHERE other.hook = hooks.id \
     AND other.phase = 0 AND other.grp = groups.id)"
);

// Served by actions_live_key.
const ACTION_UNLESS_SAME_KEY: &str = insert_action!(
    " AND NOT EXISTS (SELECT 1 FROM actions AS other WHERE other.unique_key = ?7 AND other.phase = 0)"
);

const JOIN_CHAIN: &str =
    "UPDATE actions SET chain = id WHERE id = last_insert_rowid() AND changes() = 1";

const CHAIN: &str = "INSERT INTO chains (id, hook, grp, priority, unique_key, args, args_hash, head, created_at, \
     first_at, every, cron, dialect, zone, fixed_rate, catch_up) \
     SELECT id, hook, grp, priority, unique_key, args, args_hash, id, created_at, ?1, ?2, ?3, ?4, ?5, ?6, ?7 \
     FROM actions WHERE id = last_insert_rowid() AND changes() = 1";

const LOG: &str = "INSERT INTO logs (action, seq, at, step) SELECT last_insert_rowid(), 1, ?1, ?2 WHERE changes() = 1";

const COUNT: &str = "UPDATE counts SET n = n + 1 WHERE status = 0 AND changes() = 1";

const ID: &str = "SELECT last_insert_rowid() WHERE changes() = 1";

impl ToSql for Parameter {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Parameter::Null => ValueRef::Null,
            Parameter::Integer(number) => ValueRef::Integer(*number),
            Parameter::Text(text) => ValueRef::Text(text.as_bytes()),
        }))
    }
}

/// The statements that store an action, of which the last gives its id. `count` says whether the caller counts the
/// action itself.
fn statements(insert: &Insert, now: Timestamp, names: Names, count: Count) -> Vec<Statement> {
    let action = &insert.action;
    let created_at = now.as_microsecond();
    let mut list = Vec::with_capacity(7);
    let mut add =
        |sql: &'static str, parameters| list.push(Statement { sql: sql.into(), parameters });
    if names == Names::Add {
        add(HOOK, vec![Parameter::Text(action.hook.as_str().to_owned())]);
        add(GROUP, vec![Parameter::Text(action.group.as_str().to_owned())]);
    }
    let (sql, key) = match &action.unique {
        Unique::No => (ACTION, None),
        Unique::Args => (ACTION_UNLESS_SAME_ARGS, None),
        Unique::Hook => (ACTION_UNLESS_SAME_HOOK, None),
        Unique::Key(key) => (ACTION_UNLESS_SAME_KEY, Some(key.clone())),
    };
    let kind = match &action.schedule {
        Schedule::Async => 0,
        Schedule::Single(_) => 1,
        Schedule::Recurring(_) => 2,
    };
    add(
        sql,
        vec![
            Parameter::Text(action.hook.as_str().to_owned()),
            Parameter::Text(action.group.as_str().to_owned()),
            Parameter::Integer(action.priority.0.into()),
            Parameter::Integer(kind),
            Parameter::Integer(action.schedule.first_date(now).as_microsecond()),
            Parameter::Integer(created_at),
            key.into(),
            Parameter::Text(action.args.as_str().to_owned()),
            args_hash(action.args.as_str()).into(),
        ],
    );
    if let Schedule::Recurring(recurring) = &action.schedule {
        let values = RecurrenceValues::from(recurring);
        add(JOIN_CHAIN, Vec::new());
        add(
            CHAIN,
            vec![
                Parameter::Integer(values.first),
                values.every.into(),
                values.cron.into(),
                values.dialect.into(),
                values.zone.into(),
                Parameter::Integer(values.fixed_rate.into()),
                values.catch_up.map(i64::from).into(),
            ],
        );
    }
    if insert.log_created {
        add(
            LOG,
            vec![Parameter::Integer(created_at), Parameter::Integer(Step::Created.code().into())],
        );
    }
    if count == Count::Here {
        add(COUNT, Vec::new());
        add(ID, Vec::new());
    }
    list
}

/// Whether the names of hook and group may have to be stored first.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Names {
    Add,
    Stored,
}

/// Who keeps the counts by status.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Count {
    Here,
    Caller,
}

/// The statements for a transaction of the caller's own.
pub(super) fn statements_for_caller(insert: &Insert, now: Timestamp) -> Vec<Statement> {
    statements(insert, now, Names::Add, Count::Here)
}

/// Stores actions within a transaction; the new ids, or `None` for those that were refused.
pub(super) fn insert(write: &mut Write<'_>, inserts: &[Insert]) -> Result<Vec<Option<ActionId>>> {
    let ids = insert_rows(write, inserts).map_err(super::error::wrap("storing actions"))?;
    write.wakes = true;
    Ok(ids)
}

fn insert_rows(
    write: &mut Write<'_>,
    inserts: &[Insert],
) -> rusqlite::Result<Vec<Option<ActionId>>> {
    let connection = write.connection;
    let mut ids = Vec::with_capacity(inserts.len());
    for insert in inserts {
        write.names.hooks.number(connection, &insert.action.hook)?;
        write.names.groups.number(connection, &insert.action.group)?;
        ids.push(insert_row(connection, insert, write.now)?);
    }
    let stored = ids.iter().flatten().count();
    connection
        .prepare_cached("UPDATE counts SET n = n + ?1 WHERE status = 0")?
        .execute([stored])?;
    Ok(ids)
}

fn insert_row(
    connection: &Connection,
    insert: &Insert,
    now: Timestamp,
) -> rusqlite::Result<Option<ActionId>> {
    for statement in statements(insert, now, Names::Stored, Count::Caller) {
        let parameters = rusqlite::params_from_iter(&statement.parameters);
        if connection.prepare_cached(&statement.sql)?.execute(parameters)? == 0 {
            return Ok(None);
        }
    }
    Ok(ActionId::new(connection.last_insert_rowid()))
}
