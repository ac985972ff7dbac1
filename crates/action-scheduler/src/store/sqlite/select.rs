//! Looking for actions: a [`Query`] in SQLite's words.

use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Connection, OptionalExtension};

use super::error::wrap;
use super::names::Names;
use super::row;
use crate::action::{Action, ActionId};
use crate::args::Args;
use crate::error::Result;
use crate::query::Query;
use crate::store::native::select::{self, Dialect, Numbers, Parameters, Part, Value, Way};

/// The words of SQLite.
struct Words;

impl Dialect for Words {
    const SIGN: char = '?';
    const NO_LIMIT: &'static str = "LIMIT -1";

    fn table(&self, name: &str) -> String {
        name.to_owned()
    }

    fn actions(&self, part: Part, way: Way) -> String {
        // Left to itself, SQLite would rather read through all that is pending, or of a status.
        let index = match (part, way) {
            (_, Way::Given) => " NOT INDEXED",
            (Part::InProgress, _) => " INDEXED BY actions_claimed",
            (Part::ById, _) => "",
            (_, Way::OfChain) => " INDEXED BY actions_by_chain",
            (_, Way::OfGroup) => " INDEXED BY actions_by_group",
            (_, Way::Open) => "",
        };
        format!("actions{index}")
    }

    fn in_progress(&self) -> String {
        // What is in-progress has a claim: actions_claimed holds it, among the little else that is claimed.
        "actions.phase = 0 AND actions.status = 1 AND actions.claim IS NOT NULL".to_owned()
    }

    fn one_of(&self, column: &str, parameter: usize) -> String {
        format!("{column} IN (SELECT value FROM json_each(?{parameter}))")
    }

    fn id_in(&self, ids: &str) -> String {
        format!("actions.id IN ({ids})")
    }

    fn held_by(&self, claim: usize) -> String {
        format!(
            "SELECT actions.id FROM actions INDEXED BY actions_claimed WHERE actions.claim = ?{claim} \
             AND actions.claim IS NOT NULL AND actions.phase = 0"
        )
    }

    fn log_entries(&self) -> String {
        "(SELECT count(*) FROM logs WHERE logs.action = actions.id)".to_owned()
    }

    fn same_args(&self, args: &Args, parameters: &mut Parameters) -> String {
        let text = parameters.add(Value::Text(args.as_str().to_owned()));
        // The first two are what actions_live_args holds.
        let hash = match row::args_hash(args.as_str()) {
            Some(hash) => format!("= {hash}"),
            None => "IS NULL".to_owned(),
        };
        format!(
            "substr(actions.args, 1, 64) = substr(?{text}, 1, 64) AND actions.args_hash {hash} \
             AND actions.args = ?{text}"
        )
    }

    fn args_contain_text(&self, parameter: usize) -> String {
        format!("instr(actions.args, ?{parameter}) > 0")
    }

    fn args_contain_json(&self, args: &Args, parameters: &mut Parameters) -> String {
        let wanted = parameters.add(Value::Text(args.as_str().to_owned()));
        format!("args_contain(actions.args, ?{wanted})")
    }

    fn search(&self, text: &str, parameters: &mut Parameters) -> String {
        let like =
            format!("%{}%", text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_"));
        let like = parameters.add(Value::Text(like));
        format!(
            "actions.args LIKE ?{like} ESCAPE '\\' \
             OR actions.hook IN (SELECT id FROM hooks WHERE name LIKE ?{like} ESCAPE '\\')"
        )
    }
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Value::Integer(number) => ToSqlOutput::Borrowed(ValueRef::Integer(*number)),
            Value::Integers(numbers) => {
                ToSqlOutput::from(super::lists::json_array(numbers.iter().copied()))
            }
            Value::Text(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
        })
    }
}

/// The numbers of the names in a query; `None` when one that is asked for was never stored, so that no row can match.
fn numbers(
    connection: &Connection,
    names: &mut Names,
    query: &Query,
) -> rusqlite::Result<Option<Numbers>> {
    let mut numbers = Numbers::default();
    if let Some(hook) = &query.hook {
        numbers.hook = names.hooks.find(connection, hook)?;
    }
    if let Some(group) = &query.group {
        numbers.group = names.groups.find(connection, group)?;
    }
    let is_possible = numbers.hook.is_some() >= query.hook.is_some()
        && numbers.group.is_some() >= query.group.is_some();
    Ok(is_possible.then_some(numbers))
}

/// The ids that a query asks for, in its order.
pub(super) fn ids(
    connection: &Connection,
    names: &mut Names,
    query: &Query,
) -> rusqlite::Result<Vec<i64>> {
    let Some(numbers) = numbers(connection, names, query)? else { return Ok(Vec::new()) };
    let (sql, parameters) = select::ids(&Words, query, numbers);
    connection
        .prepare_cached(&sql)?
        .query_map(rusqlite::params_from_iter(parameters.0), |row| row.get(0))?
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
        if let Some(statuses) = select::statuses_alone(query) {
            // Kept up to date by whatever changes a status.
            let mut statement =
                connection.prepare_cached("SELECT n FROM counts WHERE status = ?1")?;
            let count: rusqlite::Result<u64> = statuses
                .into_iter()
                .map(|status| {
                    statement.query_row([row::status_code(status)], |row| row.get::<_, u64>(0))
                })
                .sum();
            return Ok(select::capped(count?, query));
        }
        let Some(numbers) = numbers(connection, names, query)? else { return Ok(0) };
        let (sql, parameters) = select::count(&Words, query, numbers);
        connection
            .prepare_cached(&sql)?
            .query_row(rusqlite::params_from_iter(parameters.0), |row| row.get(0))
    };
    count().map_err(|error: rusqlite::Error| wrap("counting actions")(error).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::{Order, OrderBy};
    use crate::store::sqlite::schema;

    fn plan(query: &Query) -> String {
        let mut connection = Connection::open_in_memory().unwrap();
        schema::migrate(&mut connection, "in memory").unwrap();
        let (sql, parameters) = select::ids(&Words, query, Numbers::default());
        let mut explain = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let steps = explain
            .query_map(rusqlite::params_from_iter(parameters.0), |row| row.get::<_, String>(3))
            .unwrap();
        steps.collect::<rusqlite::Result<Vec<_>>>().unwrap().join("\n")
    }

    #[test]
    fn a_page_of_all_by_id_reads_no_more_of_the_table_than_it_shows() {
        for order in [Order::Ascending, Order::Descending] {
            let plan = plan(&Query::new().order(OrderBy::Id, order).limit(50));
            assert!(plan.contains("SEARCH actions USING INTEGER PRIMARY KEY"), "{plan}");
            assert!(!plan.contains("MULTI-INDEX"), "{plan}");
        }
    }
}
