//! Looking for actions: a [`Query`] in PostgreSQL's words.

use std::collections::HashMap;

use super::PostgresStore;
use super::call::Call;
use super::change::PlaceOfIds;
use super::claim::numbers;
use super::row;
use super::text::stored;
use crate::action::{Action, ActionId};
use crate::args::Args;
use crate::error::Result;
use crate::log::LogEntry;
use crate::query::{ArgsMatch, Query};
use crate::store::native::args::{self, text_hash};
use crate::store::native::codes::status_code;
use crate::store::native::recurrence::RECURRENCE_COLUMNS;
use crate::store::native::select::{self, Dialect, Numbers, Parameters, Part, Value, Way};

/// The words of PostgreSQL, in a schema.
struct Words<'a>(&'a str);

impl Dialect for Words<'_> {
    const SIGN: char = '$';
    const NO_LIMIT: &'static str = "";

    fn table(&self, name: &str) -> String {
        format!("{}.{name}", self.0)
    }

    fn actions(&self, _: Part, _: Way) -> String {
        self.table("actions")
    }

    fn in_progress(&self) -> String {
        // What is in-progress is among what claims hold: a few, however much is pending.
        format!(
            "actions.id = ANY (ARRAY(SELECT unnest(held.actions) FROM {}.claims AS held)) AND actions.status = 1",
            self.0
        )
    }

    fn one_of(&self, column: &str, parameter: usize) -> String {
        format!("{column} = ANY (${parameter})")
    }

    fn id_in(&self, ids: &str) -> String {
        format!("actions.id = ANY (ARRAY({ids}))")
    }

    fn held_by(&self, claim: usize) -> String {
        // What is pending or in-progress is held by a claim that is open: by its primary key.
        format!(
            "SELECT held.id FROM {0}.claims, unnest(claims.actions) AS held (id) \
             JOIN {0}.actions ON actions.id = held.id AND actions.claim = ${claim} AND actions.phase = 0 \
             WHERE claims.id = ${claim}",
            self.0
        )
    }

    fn log_entries(&self) -> String {
        "actions.logged::bigint".to_owned()
    }

    fn same_args(&self, args: &Args, parameters: &mut Parameters) -> String {
        let text = parameters.add(Value::Text(args.as_str().to_owned()));
        let hash = parameters.add(Value::Integer(text_hash(args.as_str())));
        format!("actions.args_hash = ${hash} AND actions.args = ${text}")
    }

    fn args_contain_text(&self, parameter: usize) -> String {
        format!("strpos(actions.args, ${parameter}) > 0")
    }

    fn args_contain_json(&self, _: &Args, _: &mut Parameters) -> String {
        // What PostgreSQL takes for equal is not quite what the engine does; see `find`.
        "true".to_owned()
    }

    fn search(&self, text: &str, parameters: &mut Parameters) -> String {
        // In the collation "C" only ASCII letters have a case.
        let text = parameters.add(Value::Text(text.to_ascii_lowercase()));
        format!(
            "strpos(lower(actions.args COLLATE \"C\"), ${text}) > 0 OR actions.hook IN \
             (SELECT hooks.id FROM {}.hooks WHERE strpos(lower(hooks.name), ${text}) > 0)",
            self.0
        )
    }
}

/// A statement with its parameters, to be completed.
pub(super) struct Selection {
    pub(super) sql: String,
    parameters: Parameters,
    schema: String,
}

impl Selection {
    fn call(self) -> Call {
        with_all(Call::statement(self.sql), self.parameters)
    }

    /// For a function that is given what the statement selects.
    pub(super) fn into_call_in(self, ids: String) -> PlaceOfIds {
        PlaceOfIds::Selected { call: self, ids }
    }

    /// A call of this function, with these ids before its other parameters.
    pub(super) fn into_function_of(self, name: &'static str, ids: String) -> Call {
        with_all(Call::statement(String::new()), self.parameters).into_function_of(
            &self.schema,
            name,
            ids,
        )
    }
}

fn with_all(call: Call, parameters: Parameters) -> Call {
    parameters.0.into_iter().fold(call, |call, value| match value {
        Value::Integer(number) => call.with(number),
        Value::Integers(numbers) => call.with(numbers),
        Value::Text(text) => call.with(stored(&text).into_owned()),
    })
}

/// How the ids are come by that a query asks for.
pub(super) enum Found {
    Nothing,
    Statement(Selection),
    Ids(Vec<i64>),
}

/// How many args are looked at together by a query for JSON in them.
const LOOKED_AT: usize = 1000;

impl PostgresStore {
    /// The numbers of the names in a query; `None` when one that is asked for was never stored.
    async fn numbers(&self, query: &Query) -> Result<Option<Numbers>> {
        let names = &self.database.opener.names;
        names.hooks.look_for(&self.database, query.hook.iter()).await?;
        names.groups.look_for(&self.database, query.group.iter()).await?;
        let mut numbers = Numbers::default();
        if let Some(hook) = &query.hook {
            let Some(number) = names.hooks.number(hook) else { return Ok(None) };
            numbers.hook = Some(number.into());
        }
        if let Some(group) = &query.group {
            let Some(number) = names.groups.number(group) else { return Ok(None) };
            numbers.group = Some(number.into());
        }
        Ok(Some(numbers))
    }

    /// How to come by the ids that a query asks for.
    pub(super) async fn find(&self, query: &Query) -> Result<Found> {
        let Some(numbers) = self.numbers(query).await? else { return Ok(Found::Nothing) };
        let Some(ArgsMatch::ContainsJson(wanted)) = &query.args else {
            let (sql, parameters) = select::ids(&Words(&self.database.schema), query, numbers);
            let schema = self.database.schema.clone();
            return Ok(Found::Statement(Selection { sql, parameters, schema }));
        };
        // All that match otherwise are looked at here, in their order.
        let all = Query { limit: None, offset: 0, ..query.clone() };
        let (sql, parameters) = select::ids(&Words(&self.database.schema), &all, numbers);
        let ids = self.ids_of(with_all(Call::statement(sql), parameters)).await?;
        let limit = query.limit.map_or(usize::MAX, |limit| limit as usize);
        let offset = query.offset as usize;
        let mut found = Vec::new();
        for part in ids.chunks(LOOKED_AT) {
            if found.len() >= limit.saturating_add(offset) {
                break;
            }
            let matching = self.containing(part, wanted).await?;
            found.extend(part.iter().copied().filter(|id| matching.contains(id)));
        }
        Ok(Found::Ids(found.into_iter().skip(offset).take(limit).collect()))
    }

    /// Those of some actions whose args contain others.
    async fn containing(&self, ids: &[i64], wanted: &Args) -> Result<Vec<i64>> {
        let doing = "looking for actions";
        let sql =
            format!("SELECT id, args FROM {}.actions WHERE id = ANY ($1)", self.database.schema);
        let rows = self.database.read(doing, Call::statement(sql).with(ids.to_vec())).await?;
        let mut found = Vec::new();
        for row in &rows {
            if args::contain(self.read(doing, row::get(row, 1))?, wanted.as_str()) {
                found.push(self.read(doing, row::get(row, 0))?);
            }
        }
        Ok(found)
    }

    async fn ids_of(&self, call: Call) -> Result<Vec<i64>> {
        let doing = "looking for actions";
        let rows = self.database.read(doing, call).await?;
        rows.iter().map(|row| Ok(self.read(doing, row::get(row, 0))?)).collect()
    }

    pub(super) async fn query_actions(&self, query: &Query) -> Result<Vec<Action>> {
        query.check()?;
        let ids = match self.find(query).await? {
            Found::Nothing => return Ok(Vec::new()),
            Found::Ids(ids) => ids,
            Found::Statement(selection) => self.ids_of(selection.call()).await?,
        };
        self.read_actions(ids).await
    }

    pub(super) async fn fetch_actions(&self, ids: &[ActionId]) -> Result<Vec<Action>> {
        self.read_actions(numbers(ids)).await
    }

    /// The actions that exist, in the order of their ids here.
    async fn read_actions(&self, ids: Vec<i64>) -> Result<Vec<Action>> {
        let doing = "reading actions";
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        // By primary key.
        let schema = &self.database.schema;
        let sql = format!(
            "SELECT {}, {RECURRENCE_COLUMNS} FROM {schema}.actions \
             LEFT JOIN {schema}.chains ON chains.id = actions.chain WHERE actions.id = ANY ($1)",
            row::ACTION_COLUMNS
        );
        let rows = self.database.read(doing, Call::statement(sql).with(ids.clone())).await?;
        row::load_names(&self.database, &rows, 1, 2).await?;
        let mut found = HashMap::with_capacity(rows.len());
        for row in &rows {
            let action = self.read(doing, row::action(&self.database.opener.names, row))?;
            found.insert(action.id.get(), action);
        }
        Ok(ids.iter().filter_map(|id| found.get(id).cloned()).collect())
    }

    pub(super) async fn count_actions(&self, query: &Query) -> Result<u64> {
        if let Some(statuses) = select::statuses_alone(query) {
            let counts = self.status_counts().await?;
            let of = |status| {
                let place = usize::try_from(status_code(status)).unwrap_or_default();
                counts.get(place).copied().unwrap_or_default()
            };
            return Ok(select::capped(statuses.into_iter().map(of).sum(), query));
        }
        if let Some(ArgsMatch::ContainsJson(_)) = &query.args {
            let all = Query { limit: None, offset: 0, after: None, ..query.clone() };
            return Ok(match self.find(&all).await? {
                Found::Ids(ids) => ids.len() as u64,
                Found::Nothing | Found::Statement(_) => 0,
            });
        }
        let Some(numbers) = self.numbers(query).await? else { return Ok(0) };
        let (sql, parameters) = select::count(&Words(&self.database.schema), query, numbers);
        let count = self.ids_of(with_all(Call::statement(sql), parameters)).await?;
        Ok(count.first().map_or(0, |count| count.unsigned_abs()))
    }

    pub(super) async fn read_logs(&self, ids: &[ActionId]) -> Result<Vec<LogEntry>> {
        let doing = "reading the log";
        // By primary keys.
        let sql = format!(
            "SELECT action, seq, at, step, attempt, context, message FROM {}.log_entries WHERE action = ANY ($1) \
             ORDER BY action, seq",
            self.database.schema
        );
        let rows = self.database.read(doing, Call::statement(sql).with(numbers(ids))).await?;
        rows.iter().map(|row| Ok(self.read(doing, log_entry(row))?)).collect()
    }
}

fn log_entry(row: &tokio_postgres::Row) -> row::Read<LogEntry> {
    let entry = row::Entry {
        seq: row::get(row, 1)?,
        at: row::get(row, 2)?,
        step: row::get(row, 3)?,
        attempt: row::get(row, 4)?,
        context: row::get(row, 5)?,
        message: row::get(row, 6)?,
    };
    entry.read(row::action_id(row, 0)?)
}
