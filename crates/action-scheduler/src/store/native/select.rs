//! A [`Query`] as SQL: which parts it is made of, and how they are put together. What a database words in its own way
//! is its [`Dialect`].

use std::fmt::Write as _;

use super::codes::{phase_code, status_code};
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

    /// The table `actions` for rows of a part, to be found in this way.
    fn actions(&self, part: Part, way: Way) -> String;

    /// The condition for what is in-progress.
    fn in_progress(&self) -> String;

    /// Whether a column is one of the numbers of a parameter.
    fn one_of(&self, column: &str, parameter: usize) -> String;

    /// Whether the id is one that a statement gives, so that rows are found by their primary key.
    fn id_in(&self, ids: &str) -> String;

    /// A statement that gives the ids of what is pending or in-progress under the claim of a parameter.
    fn held_by(&self, claim: usize) -> String;

    /// How many entries the log of an action has.
    fn log_entries(&self) -> String;

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
    /// Everything that has one of these statuses, by id.
    ById,
    /// The same, where it is found by other keys than its status.
    Whole,
}

/// How rows of a part are found, where the keys of a query leave no doubt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) enum Way {
    /// By their primary key alone.
    Given,
    /// By their chain, which knows no parts.
    OfChain,
    /// By their group, part by part.
    OfGroup,
    /// By what serves the rest of the query best.
    Open,
}

impl Way {
    fn of(query: &Query) -> Self {
        match query {
            Query { ids: Some(_), .. } => Way::Given,
            Query { chain: Some(_), .. } => Way::OfChain,
            Query { claimed: Some(Claimed::By(_)), .. } => Way::Open,
            Query { hook: None, group: Some(_), .. } => Way::OfGroup,
            _ => Way::Open,
        }
    }

    /// The parts that are found in this way.
    fn parts(self, statuses: &[Status]) -> Vec<Part> {
        match self {
            Way::Given | Way::OfChain => vec![Part::Whole],
            Way::OfGroup | Way::Open => parts(statuses),
        }
    }
}

/// The numbers that the names of a query are stored under.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::store) struct Numbers {
    pub hook: Option<i64>,
    pub group: Option<i64>,
}

/// Comes before every date that can be stored.
const UNSET: i64 = -i64::MAX;

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
        OrderBy::Started => Some(format!("coalesce(actions.started_at, {UNSET})")),
        OrderBy::Finished => Some(format!("coalesce(actions.finished_at, {UNSET})")),
        OrderBy::Claim => Some(format!("coalesce(actions.claim, {UNSET})")),
        OrderBy::LogEntries => Some(dialect.log_entries()),
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
        // All of them: the table is read in its own order.
        Part::ById if statuses.is_empty() => "actions.id > 0".to_owned(),
        Part::ById => {
            let all: Vec<String> = parts(statuses)
                .into_iter()
                .map(|part| condition(dialect, part, statuses))
                .collect();
            format!("({})", all.join(" OR "))
        }
        Part::Whole if statuses.is_empty() => "actions.phase >= 0".to_owned(),
        Part::Whole => {
            let codes: Vec<String> =
                statuses.iter().map(|status| status_code(*status).to_string()).collect();
            format!("actions.status IN ({})", codes.join(", "))
        }
    }
}

/// How a list is sorted, and where it begins.
struct Sorting {
    /// What rows are sorted by before their ids.
    key: Option<String>,
    /// The clause, over the columns `key` and `id`.
    order: String,
    /// The condition that a row comes after the cursor, after an `AND`.
    beyond: String,
}

fn sorting<D: Dialect>(dialect: &D, query: &Query, parameters: &mut Parameters) -> Sorting {
    let sign = D::SIGN;
    let (direction, sign_beyond) = match query.order {
        Order::Ascending => ("ASC", ">"),
        Order::Descending => ("DESC", "<"),
    };
    let key = sort_column(dialect, query.order_by);
    let mut beyond = String::new();
    if let Some(cursor) = &query.after {
        let value = match &cursor.key {
            CursorKey::Time(date) => Some(Value::Integer(date.as_microsecond())),
            CursorKey::Text(text) => Some(Value::Text(text.clone())),
            CursorKey::Number(number) => {
                Some(Value::Integer(i64::try_from(*number).unwrap_or(i64::MAX)))
            }
            CursorKey::Unset => Some(Value::Integer(UNSET)),
            CursorKey::Id => None,
        };
        let id = parameters.add(Value::Integer(cursor.id.get()));
        beyond = match (&key, value.map(|value| parameters.add(value))) {
            (Some(column), Some(value)) => {
                format!(" AND ({column}, actions.id) {sign_beyond} ({sign}{value}, {sign}{id})")
            }
            _ => format!(" AND actions.id {sign_beyond} {sign}{id}"),
        };
    }
    let order = match key {
        Some(_) => format!("key {direction}, id {direction}"),
        None => format!("id {direction}"),
    };
    Sorting { key, order, beyond }
}

/// The clause for the page of a query.
fn page<D: Dialect>(query: &Query) -> String {
    match (query.limit, query.offset) {
        (Some(limit), offset) => format!(" LIMIT {limit} OFFSET {offset}"),
        (None, 0) => String::new(),
        (None, offset) => format!(" {} OFFSET {offset}", D::NO_LIMIT),
    }
}

/// A query for the ids of what is asked for, in its order.
pub(in crate::store) fn ids<D: Dialect>(
    dialect: &D,
    query: &Query,
    numbers: Numbers,
) -> (String, Parameters) {
    let mut parameters = Parameters::default();
    let sql = match query.window() {
        None => list(dialect, query, numbers, &mut parameters),
        Some(window) if query.is_its_window(&window) => {
            let most = window.limit.unwrap_or(u32::MAX).saturating_sub(query.offset);
            let limit = Some(query.limit.map_or(most, |limit| limit.min(most)));
            let first = Query { within: None, limit, ..query.clone() };
            list(dialect, &first, numbers, &mut parameters)
        }
        Some(window) => {
            let found = found_within(dialect, query, &window, numbers, &mut parameters);
            let Sorting { key, order, beyond } = sorting(dialect, query, &mut parameters);
            let key = key.as_deref().unwrap_or("0");
            let page = page::<D>(query);
            format!(
                "SELECT id FROM (SELECT actions.id AS id, {key} AS key{found}{beyond}) AS whole ORDER BY {order}{page}"
            )
        }
    };
    (sql, parameters)
}

/// The ids of all that is asked for, however far one has to look.
fn list<D: Dialect>(
    dialect: &D,
    query: &Query,
    numbers: Numbers,
    parameters: &mut Parameters,
) -> String {
    let all = conditions(dialect, query, numbers, parameters);
    let Sorting { key, order, beyond } = sorting(dialect, query, parameters);
    let way = Way::of(query);
    let parts = match key {
        // By id alone the table itself is in order, whatever the phase.
        None if matches!(way, Way::Open | Way::OfGroup) => vec![Part::ById],
        _ => way.parts(&query.statuses),
    };
    let limit = query.limit.map(|limit| i64::from(limit) + i64::from(query.offset));
    let mut sql = String::new();
    for part in parts {
        if !sql.is_empty() {
            sql.push_str(" UNION ALL ");
        }
        // Writing to a String cannot fail.
        let _ = write!(
            sql,
            "SELECT * FROM (SELECT actions.id AS id, {} AS key FROM {} WHERE {}{all}{beyond} ORDER BY {order}",
            key.as_deref().unwrap_or("0"),
            dialect.actions(part, way),
            condition(dialect, part, &query.statuses),
        );
        if let Some(limit) = limit {
            let _ = write!(sql, " LIMIT {limit}");
        }
        sql.push_str(") AS part");
    }
    format!("SELECT id FROM ({sql}) AS whole ORDER BY {order}{}", page::<D>(query))
}

/// `FROM …` for what is asked for among the rows of a window, and what a number that is searched for names.
///
/// The window is served by the index of its keys; the rest by primary key, for as many rows as the window has.
fn found_within<D: Dialect>(
    dialect: &D,
    query: &Query,
    window: &Query,
    numbers: Numbers,
    parameters: &mut Parameters,
) -> String {
    let mut looked_at =
        format!("SELECT id FROM ({}) AS reach", list(dialect, window, numbers, parameters));
    if let Some(number) = query.number_searched() {
        let number = parameters.add(Value::Integer(number));
        // Writing to a String cannot fail.
        let _ = write!(
            looked_at,
            " UNION ALL SELECT actions.id FROM {} WHERE actions.id = {}{number} UNION ALL {}",
            dialect.table("actions"),
            D::SIGN,
            dialect.held_by(number)
        );
    }
    let all = conditions(dialect, query, numbers, parameters);
    format!(
        " FROM {} WHERE {} AND {}{all}",
        dialect.actions(Part::Whole, Way::Given),
        dialect.id_in(&looked_at),
        condition(dialect, Part::Whole, &query.statuses)
    )
}

/// A query for how many rows are asked for.
pub(in crate::store) fn count<D: Dialect>(
    dialect: &D,
    query: &Query,
    numbers: Numbers,
) -> (String, Parameters) {
    let mut parameters = Parameters::default();
    // How many there are is the same in any order, and those of the window lie in that of their dates.
    let order = match query.order_by {
        OrderBy::Date => query.order,
        _ => Order::Descending,
    };
    let all = Query { limit: None, offset: 0, after: None, ..query.clone() };
    let query = &all.order(OrderBy::Date, order);
    let window = query.window();
    if let Some(window) = window.as_ref().filter(|window| !query.is_its_window(window)) {
        let found = found_within(dialect, query, window, numbers, &mut parameters);
        return (format!("SELECT count(*){found}"), parameters);
    }
    let all = conditions(dialect, query, numbers, &mut parameters);
    let way = Way::of(query);
    let rows = |part| {
        let (table, of_part) =
            (dialect.actions(part, way), condition(dialect, part, &query.statuses));
        format!("FROM {table} WHERE {of_part}{all}")
    };
    let parts = way.parts(&query.statuses).into_iter();
    let sql = match query.within {
        None => {
            let counts: Vec<String> =
                parts.map(|part| format!("(SELECT count(*) {})", rows(part))).collect();
            format!("SELECT {}", counts.join(" + "))
        }
        Some(most) => {
            let some: Vec<String> = parts
                .map(|part| {
                    // The order is that of the index, from which these then come rather than from the table.
                    format!(
                        "SELECT * FROM (SELECT 1 AS one {} ORDER BY actions.scheduled_at LIMIT {most}) AS part",
                        rows(part)
                    )
                })
                .collect();
            format!(
                "SELECT count(*) FROM (SELECT * FROM ({}) AS whole LIMIT {most}) AS found",
                some.join(" UNION ALL ")
            )
        }
    };
    (sql, parameters)
}

/// The statuses of a query that counts by nothing else, as stores keep those counts. What it looks within caps them.
pub(in crate::store) fn statuses_alone(query: &Query) -> Option<Vec<Status>> {
    let everything = Query { statuses: query.statuses.clone(), ..Query::default() };
    let asked = Query {
        limit: everything.limit,
        offset: 0,
        after: None,
        order_by: everything.order_by,
        order: everything.order,
        within: None,
        ..query.clone()
    };
    let wanted = |status: &Status| query.statuses.is_empty() || query.statuses.contains(status);
    (asked == everything).then(|| Status::ALL.into_iter().filter(wanted).collect())
}

/// So many, or as many as the query looks within.
pub(in crate::store) fn capped(count: u64, query: &Query) -> u64 {
    query.within.map_or(count, |most| count.min(most.into()))
}
