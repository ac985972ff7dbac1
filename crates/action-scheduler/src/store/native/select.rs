//! A [`Query`] as SQL: which parts it is made of, and how they are put together. What a database words in its own way
//! is its [`Dialect`].

use std::fmt::Write as _;

use super::codes::phase_code;
use crate::action::Status;
use crate::args::Args;
use crate::query::{ArgsMatch, Claimed, CursorKey, Order, OrderBy, Query};

/// A parameter of a query.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::store) enum Value {
    Integer(i64),
    Integers(Vec<i64>),
    Text(String),
}

/// The parameters of a query, which stand in it by their number.
#[derive(Default)]
pub(in crate::store) struct Parameters(pub Vec<Value>);

impl Parameters {
    /// Adds a parameter; its number.
    pub(in crate::store) fn add(&mut self, value: Value) -> usize {
        self.0.push(value);
        self.0.len()
    }
}

/// What a database words in its own way. Placeholders are `{sign}{number}`.
pub(in crate::store) trait Dialect {
    /// What stands before the number of a parameter.
    const SIGN: char;
    /// The clause for a page that has no end.
    const NO_LIMIT: &'static str;

    /// A table of the store, to be read under its own name.
    fn table(&self, name: &str) -> String;

    /// The table `actions` for rows of a part.
    fn actions(&self, part: Part) -> String;

    /// The condition for what is in-progress.
    fn in_progress(&self) -> String;

    /// Whether a column is one of the numbers of a parameter.
    fn one_of(&self, column: &str, parameter: usize) -> String;

    /// Whether the args are these; served by the index of live args where it can be.
    fn same_args(&self, args: &Args, parameters: &mut Parameters) -> String;

    /// Whether the args contain the text of a parameter.
    fn args_contain_text(&self, parameter: usize) -> String;

    /// Whether the args contain the JSON of a parameter.
    fn args_contain_json(&self, args: &Args, parameters: &mut Parameters) -> String;

    /// Whether the text is found in hook or args, whatever the case of its ASCII letters.
    fn search(&self, text: &str, parameters: &mut Parameters) -> String;
}

/// A part of the table that has its own way to be read in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) enum Part {
    /// All that has not ended.
    Live,
    Pending,
    InProgress,
    /// What has ended with this status.
    Ended(Status),
    /// Everything of one group, by its own index.
    OfGroup,
    /// Everything that has one of these statuses, by id.
    ById,
}

/// The numbers that the names of a query are stored under.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::store) struct Numbers {
    pub hook: Option<i64>,
    pub group: Option<i64>,
}

/// The columns that rows are sorted by, without the id that decides between equals.
fn sort_column<D: Dialect>(dialect: &D, order_by: OrderBy) -> Option<String> {
    let name = |table: &str, column: &str| {
        format!(
            "(SELECT {table}.name FROM {} WHERE {table}.id = actions.{column})",
            dialect.table(table)
        )
    };
    match order_by {
        OrderBy::Date => Some("actions.scheduled_at".to_owned()),
        OrderBy::Modified => Some(MODIFIED_AT.to_owned()),
        OrderBy::Hook => Some(name("hooks", "hook")),
        OrderBy::Group => Some(name("groups", "grp")),
        OrderBy::Id | OrderBy::None => None,
    }
}

const MODIFIED_AT: &str = "coalesce(actions.finished_at, actions.started_at, actions.created_at)";

/// All conditions of a query but its statuses, each after an `AND`.
fn conditions<D: Dialect>(
    dialect: &D,
    query: &Query,
    numbers: Numbers,
    parameters: &mut Parameters,
) -> String {
    let mut all = Vec::new();
    let sign = D::SIGN;
    if let Some(ids) = &query.ids {
        let ids = parameters.add(Value::Integers(ids.iter().map(|id| id.get()).collect()));
        all.push(dialect.one_of("actions.id", ids));
    }
    if let Some(number) = numbers.hook.filter(|_| query.hook.is_some()) {
        all.push(format!("actions.hook = {sign}{}", parameters.add(Value::Integer(number))));
    }
    if let Some(number) = numbers.group.filter(|_| query.group.is_some()) {
        all.push(format!("actions.grp = {sign}{}", parameters.add(Value::Integer(number))));
    }
    match &query.args {
        Some(ArgsMatch::Exact(args)) => all.push(dialect.same_args(args, parameters)),
        Some(ArgsMatch::ContainsText(text)) => {
            let text = parameters.add(Value::Text(text.clone()));
            all.push(dialect.args_contain_text(text));
        }
        Some(ArgsMatch::ContainsJson(args)) => {
            all.push(dialect.args_contain_json(args, parameters));
        }
        None => {}
    }
    for (comparator, date) in &query.scheduled {
        let date = parameters.add(Value::Integer(date.as_microsecond()));
        all.push(format!("actions.scheduled_at {} {sign}{date}", comparator.as_str()));
    }
    for (comparator, date) in &query.modified {
        let date = parameters.add(Value::Integer(date.as_microsecond()));
        all.push(format!("{MODIFIED_AT} {} {sign}{date}", comparator.as_str()));
    }
    match query.claimed {
        Some(Claimed::Any) => all.push("actions.claim IS NOT NULL".to_owned()),
        Some(Claimed::None) => all.push("actions.claim IS NULL".to_owned()),
        Some(Claimed::By(claim)) => {
            let claim = parameters.add(Value::Integer(claim.get()));
            all.push(format!("actions.claim = {sign}{claim}"));
        }
        None => {}
    }
    if let Some(chain) = query.chain {
        let chain = parameters.add(Value::Integer(chain.get()));
        all.push(format!("actions.chain = {sign}{chain}"));
    }
    if let Some(text) = &query.search {
        let found = dialect.search(text, parameters);
        all.push(match text.trim().parse::<i64>() {
            Ok(number) => {
                let number = parameters.add(Value::Integer(number));
                format!(
                    "(actions.id = {sign}{number} OR actions.claim = {sign}{number} OR {found})"
                )
            }
            Err(_) => format!("({found})"),
        });
    }
    all.iter().fold(String::new(), |text, condition| text + " AND " + condition)
}

/// The parts that hold some statuses. Pages are sorted within a part by an index, and parts are merged.
fn parts(statuses: &[Status]) -> Vec<Part> {
    let wanted = |status: &Status| statuses.is_empty() || statuses.contains(status);
    let live = match (wanted(&Status::Pending), wanted(&Status::InProgress)) {
        (true, true) => Some(Part::Live),
        (true, false) => Some(Part::Pending),
        (false, true) => Some(Part::InProgress),
        (false, false) => None,
    };
    let ended = Status::ALL.into_iter().filter(|status| status.is_finished() && wanted(status));
    live.into_iter().chain(ended.map(Part::Ended)).collect()
}

/// The condition that holds for the rows of a part.
fn condition<D: Dialect>(dialect: &D, part: Part, statuses: &[Status]) -> String {
    match part {
        Part::Live => "actions.phase = 0".to_owned(),
        Part::Pending => "actions.phase = 0 AND actions.status = 0".to_owned(),
        Part::InProgress => dialect.in_progress(),
        Part::Ended(status) => format!("actions.phase = {}", phase_code(status)),
        // A group's index does not know phases: a page of all its actions is taken from it whole.
        Part::OfGroup => "actions.phase >= 0".to_owned(),
        Part::ById => {
            let all: Vec<String> = parts(statuses)
                .into_iter()
                .map(|part| condition(dialect, part, statuses))
                .collect();
            format!("({})", all.join(" OR "))
        }
    }
}

/// A query for the ids of what is asked for, in its order.
pub(in crate::store) fn ids<D: Dialect>(
    dialect: &D,
    query: &Query,
    numbers: Numbers,
) -> (String, Parameters) {
    let mut parameters = Parameters::default();
    let mut all = conditions(dialect, query, numbers, &mut parameters);
    let sign = D::SIGN;
    let (direction, beyond) = match query.order {
        Order::Ascending => ("ASC", ">"),
        Order::Descending => ("DESC", "<"),
    };
    let sort = sort_column(dialect, query.order_by);
    if let Some(cursor) = &query.after {
        let key = match &cursor.key {
            CursorKey::Time(date) => Some(Value::Integer(date.as_microsecond())),
            CursorKey::Text(text) => Some(Value::Text(text.clone())),
            CursorKey::Id => None,
        };
        let id = parameters.add(Value::Integer(cursor.id.get()));
        // Writing to a String cannot fail.
        let _ = match (&sort, key.map(|key| parameters.add(key))) {
            (Some(column), Some(key)) => {
                write!(all, " AND ({column}, actions.id) {beyond} ({sign}{key}, {sign}{id})")
            }
            _ => write!(all, " AND actions.id {beyond} {sign}{id}"),
        };
    }
    let order = match sort {
        Some(_) => format!("key {direction}, id {direction}"),
        None => format!("id {direction}"),
    };
    // By id alone the table itself is in order, whatever the phase.
    let by_group = query.group.is_some() && query.hook.is_none() && query.statuses.is_empty();
    let parts = match sort {
        Some(_) if by_group && query.order_by == OrderBy::Date => vec![Part::OfGroup],
        Some(_) => parts(&query.statuses),
        None => vec![Part::ById],
    };
    let limit = query.limit.map(|limit| i64::from(limit) + i64::from(query.offset));
    let mut sql = String::new();
    for part in parts {
        if !sql.is_empty() {
            sql.push_str(" UNION ALL ");
        }
        let _ = write!(
            sql,
            "SELECT * FROM (SELECT actions.id AS id, {} AS key FROM {} WHERE {}{all} ORDER BY {order}",
            sort.as_deref().unwrap_or("0"),
            dialect.actions(part),
            condition(dialect, part, &query.statuses),
        );
        if let Some(limit) = limit {
            let _ = write!(sql, " LIMIT {limit}");
        }
        sql.push_str(") AS part");
    }
    let page = match (query.limit, query.offset) {
        (Some(limit), offset) => format!(" LIMIT {limit} OFFSET {offset}"),
        (None, 0) => String::new(),
        (None, offset) => format!(" {} OFFSET {offset}", D::NO_LIMIT),
    };
    (format!("SELECT id FROM ({sql}) AS whole ORDER BY {order}{page}"), parameters)
}

/// A query for how many rows are asked for.
pub(in crate::store) fn count<D: Dialect>(
    dialect: &D,
    query: &Query,
    numbers: Numbers,
) -> (String, Parameters) {
    let mut parameters = Parameters::default();
    let all = conditions(dialect, query, numbers, &mut parameters);
    let counts: Vec<String> = parts(&query.statuses)
        .into_iter()
        .map(|part| {
            let table = dialect.actions(part);
            let of_part = condition(dialect, part, &query.statuses);
            format!("(SELECT count(*) FROM {table} WHERE {of_part}{all})")
        })
        .collect();
    (format!("SELECT {}", counts.join(" + ")), parameters)
}

/// The statuses of a query that counts by nothing else, as stores keep those counts.
pub(in crate::store) fn statuses_alone(query: &Query) -> Option<Vec<Status>> {
    let everything = Query { statuses: query.statuses.clone(), ..Query::default() };
    let asked = Query {
        limit: everything.limit,
        offset: 0,
        after: None,
        order_by: everything.order_by,
        order: everything.order,
        ..query.clone()
    };
    let wanted = |status: &Status| query.statuses.is_empty() || query.statuses.contains(status);
    (asked == everything).then(|| Status::ALL.into_iter().filter(wanted).collect())
}
