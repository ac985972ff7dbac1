//! A [`Query`] as SQL.

use std::collections::HashMap;
use std::fmt::Write as _;

use jiff::Timestamp;
use mysql_async::Row;

use super::error::Outcome;
use super::php::stored_args::StoredArgs;
use super::row::{
    self, Columns, OWN_COLUMNS, OWN_WIDTH, PLUGIN_COLUMNS, PLUGIN_WIDTH, RECURRENCE_COLUMNS,
    RECURRENCE_WIDTH,
};
use super::sql::{List, Micros, Text};
use super::tables::Tables;
use super::transaction::{Ask, Read};
use super::unique::{exactly, same_args};
use crate::action::{Action, ActionId, Group};
use crate::args::Args;
use crate::query::{ArgsMatch, Claimed, CursorKey, Order, OrderBy, Query};
use crate::store::native::args::contain;

/// How many actions are read at once.
const CHUNK: usize = 1000;

/// When the latest attempt started; the plugin's own date stands in for what we have not written down.
const STARTED_AT: &str = "COALESCE(t.started_at, IF(a.attempts > 0 AND a.last_attempt_gmt > 0, a.last_attempt_gmt, NULL))";

/// Comes before every date that can be stored.
const UNSET: &str = "TIMESTAMP'1000-01-01 00:00:00.000000'";

/// Whether a row has come to its end; one with a status that nobody knows counts as failed.
const HAS_ENDED: &str = "a.status NOT IN ('pending','in-progress')";

/// The first or last date in the log of an action whose dates we have not written down.
fn logged_at(tables: &Tables, which: &str) -> String {
    // Served by the key on the action.
    format!(
        "IF(t.action_id IS NULL, (SELECT {which}(l.log_date_gmt) FROM {} l WHERE l.action_id = a.action_id), NULL)",
        tables.logs
    )
}

/// When a row was stored, as [`row::whole_action`] has it.
fn created_at(tables: &Tables) -> String {
    format!("COALESCE(t.created_at, {}, a.scheduled_date_gmt)", logged_at(tables, "MIN"))
}

/// When a row that has ended did so, as [`row::whole_action`] has it: where we have not written that down, its latest
/// attempt or the last entry of its log, else its creation.
fn ended_at(tables: &Tables) -> String {
    format!(
        "COALESCE(t.finished_at, NULLIF(GREATEST(IF(a.last_attempt_gmt > 0, a.last_attempt_gmt, {UNSET}), \
         COALESCE({}, {UNSET})), {UNSET}), {})",
        logged_at(tables, "MAX"),
        created_at(tables)
    )
}

/// When a row changed last: its end, else the start of its latest attempt, else its creation.
fn modified_at(tables: &Tables) -> String {
    let (ended, created) = (ended_at(tables), created_at(tables));
    format!("IF({HAS_ENDED}, {ended}, COALESCE({STARTED_AT}, {created}))")
}

/// What rows are sorted by before the id decides between equals.
fn sort_column(tables: &Tables, order_by: OrderBy) -> Option<String> {
    Some(match order_by {
        OrderBy::Date => "a.scheduled_date_gmt".to_owned(),
        OrderBy::Modified => modified_at(tables),
        OrderBy::Started => format!("COALESCE({STARTED_AT}, {UNSET})"),
        OrderBy::Finished => format!("IF({HAS_ENDED}, {}, {UNSET})", ended_at(tables)),
        OrderBy::Claim => "a.claim_id".to_owned(),
        // Served by the key on the action.
        OrderBy::LogEntries => {
            format!("(SELECT COUNT(*) FROM {} l WHERE l.action_id = a.action_id)", tables.logs)
        }
        OrderBy::Hook => "CONVERT(a.hook USING utf8mb4) COLLATE utf8mb4_bin".to_owned(),
        OrderBy::Group => {
            "CONVERT(COALESCE(g.slug, '') USING utf8mb4) COLLATE utf8mb4_bin".to_owned()
        }
        OrderBy::Id | OrderBy::None => return None,
    })
}

/// A part of a text in args as it stands in a column.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '/' => escaped.push_str("\\/"),
            _ if character.is_ascii() => escaped.push(character),
            _ => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    // Writing to a String cannot fail.
                    let _ = write!(escaped, "\\u{unit:04x}");
                }
            }
        }
    }
    escaped
}

/// A regular expression that finds a text, whatever the case of its ASCII letters.
fn pattern(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len() * 4);
    for character in text.chars() {
        match character {
            'a'..='z' | 'A'..='Z' => {
                let (lower, upper) =
                    (character.to_ascii_lowercase(), character.to_ascii_uppercase());
                pattern.extend(['[', lower, upper, ']']);
            }
            '0'..='9' | '_' => pattern.push(character),
            _ if character.is_ascii() && !character.is_ascii_control() => {
                pattern.extend(['\\', character]);
            }
            _ => pattern.push(character),
        }
    }
    pattern
}

const ARGS: &str = "CONVERT(COALESCE(a.extended_args, a.args) USING utf8mb4) COLLATE utf8mb4_bin";

/// All conditions of a query but the place after which it begins.
fn conditions(tables: &Tables, query: &Query) -> Outcome<String> {
    let mut all = vec!["1 = 1".to_owned()];
    if let Some(ids) = &query.ids {
        all.push(format!("a.action_id IN {}", List(ids.iter())));
    }
    if let Some(hook) = &query.hook {
        all.push(exactly("a.hook", hook.as_str()));
    }
    if let Some(group) = &query.group {
        let slug = exactly("g2.slug", group.as_str());
        let groups = &tables.groups;
        all.push(format!("a.group_id IN (SELECT g2.group_id FROM {groups} g2 WHERE {slug})"));
    }
    if !query.statuses.is_empty() {
        let statuses = query.statuses.iter().map(|status| Text(status.as_str()).to_string());
        all.push(format!("a.status IN {}", List(statuses)));
    }
    match &query.args {
        // What cannot be stored is not found.
        Some(ArgsMatch::Exact(args)) => all.push(match StoredArgs::new(args) {
            Ok(stored) => same_args(&stored),
            Err(_) => "0 = 1".to_owned(),
        }),
        Some(ArgsMatch::ContainsText(text)) => {
            all.push(format!("LOCATE({}, {ARGS}) > 0", Text(&escaped(text))));
        }
        Some(ArgsMatch::ContainsJson(_)) | None => {}
    }
    for (comparator, date) in &query.scheduled {
        all.push(format!("a.scheduled_date_gmt {} {}", comparator.as_str(), Micros(*date)));
    }
    for (comparator, date) in &query.modified {
        let (modified, sign) = (modified_at(tables), comparator.as_str());
        all.push(format!("{modified} {sign} {}", Micros(*date)));
    }
    match query.claimed {
        Some(Claimed::Any) => all.push("a.claim_id > 0".to_owned()),
        Some(Claimed::None) => all.push("a.claim_id = 0".to_owned()),
        Some(Claimed::By(claim)) => all.push(format!("a.claim_id = {claim}")),
        None => {}
    }
    if let Some(chain) = query.chain {
        let instances = &tables.instances;
        all.push(format!(
            "a.action_id IN (SELECT i2.action_id FROM {instances} i2 WHERE i2.chain_id = {chain})"
        ));
    }
    if let Some(text) = &query.search {
        let number = text.trim().parse::<u64>().unwrap_or_default();
        let found = |what: &str, pattern: &str| format!("{what} REGEXP {}", Text(pattern));
        all.push(format!(
            "({} OR {} OR ({number} > 0 AND {number} IN (a.action_id, a.claim_id)))",
            found("CONVERT(a.hook USING utf8mb4) COLLATE utf8mb4_bin", &pattern(text)),
            found(ARGS, &pattern(&escaped(text)))
        ));
    }
    Ok(all.join(" AND "))
}

/// The tables that the conditions and the order of a query are about; of the actions only those it looks within.
fn from(tables: &Tables, query: &Query) -> Outcome<String> {
    let mut from = String::new();
    if let Some(window) = query.window().filter(|window| !query.is_its_window(window)) {
        let mut looked_at = format!("({})", statement(tables, &window, "a.action_id")?);
        if let Some(number) = query.number_searched() {
            // By primary key, and by the key on claim and status. Writing to a String cannot fail.
            let _ = write!(
                looked_at,
                " UNION (SELECT a.action_id FROM {0} a WHERE a.action_id = {number}) \
                 UNION (SELECT a.action_id FROM {0} a WHERE a.claim_id = {number} \
                 AND a.status IN ('pending','in-progress'))",
                tables.actions
            );
        }
        let _ = write!(
            from,
            "(SELECT action_id FROM ({looked_at}) reach) w STRAIGHT_JOIN {} a ON a.action_id = w.action_id",
            tables.actions
        );
    } else {
        let _ = write!(from, "{} a", tables.actions);
    }
    let by_times =
        matches!(query.order_by, OrderBy::Modified | OrderBy::Started | OrderBy::Finished);
    if by_times || !query.modified.is_empty() {
        let _ = write!(from, " LEFT JOIN {} t ON t.action_id = a.action_id", tables.times);
    }
    if query.order_by == OrderBy::Group {
        let _ = write!(from, " LEFT JOIN {} g ON g.group_id = a.group_id", tables.groups);
    }
    Ok(from)
}

/// A statement for columns of what a query asks for, in its order.
fn statement(tables: &Tables, query: &Query, columns: &str) -> Outcome<String> {
    let mut condition = conditions(tables, query)?;
    let (direction, beyond) = match query.order {
        Order::Ascending => ("ASC", ">"),
        Order::Descending => ("DESC", "<"),
    };
    let sort = sort_column(tables, query.order_by);
    if let Some(cursor) = &query.after {
        let id = cursor.id;
        let key = match &cursor.key {
            CursorKey::Time(date) => Some(Micros(*date).to_string()),
            CursorKey::Text(text) => Some(Text(text).to_string()),
            CursorKey::Number(number) => Some(number.to_string()),
            CursorKey::Unset if query.order_by == OrderBy::Claim => Some("0".to_owned()),
            CursorKey::Unset => Some(UNSET.to_owned()),
            CursorKey::Id => None,
        };
        // Writing to a String cannot fail.
        let _ = match (&sort, key) {
            // Each side of the OR is a range of a key that ends with the id, as all of InnoDB's do: however many have the
            // date of the cursor, none is read twice.
            (Some(column), Some(key)) => write!(
                condition,
                " AND {column} {beyond}= {key} \
                 AND ({column} {beyond} {key} OR ({column} = {key} AND a.action_id {beyond} {id}))"
            ),
            _ => write!(condition, " AND a.action_id {beyond} {id}"),
        };
    }
    let order = match sort {
        Some(column) => format!("{column} {direction}, a.action_id {direction}"),
        None => format!("a.action_id {direction}"),
    };
    // What is only its own window ends with it.
    let most = query
        .window()
        .filter(|window| query.is_its_window(window))
        .and_then(|window| window.limit)
        .map(|most| most.saturating_sub(query.offset));
    let limit = match (query.limit, most) {
        (Some(limit), Some(most)) => Some(limit.min(most)),
        (limit, most) => limit.or(most),
    };
    let page = match (checks_here(query), limit, query.offset) {
        (true, ..) | (false, None, 0) => String::new(),
        (false, Some(limit), offset) => format!(" LIMIT {limit} OFFSET {offset}"),
        (false, None, offset) => format!(" LIMIT 18446744073709551615 OFFSET {offset}"),
    };
    // A page by date of one status, one hook and one status, or all is in the order of a key of the plugin's; others
    // are sorted.
    Ok(format!(
        "SELECT {columns} FROM {} WHERE {condition} ORDER BY {order}{page}",
        from(tables, query)?
    ))
}

/// The ids that a query asks for, in its order.
pub(super) async fn ids(source: &mut impl Ask, query: &Query) -> Outcome<Vec<ActionId>> {
    let checks = checks_here(query);
    let columns = match checks {
        true => "a.action_id, a.hook, a.claim_id, a.args, a.extended_args",
        false => "a.action_id",
    };
    let sql = statement(source.tables(), query, columns)?;
    let rows = source.rows(&sql).await?;
    if !checks {
        return rows.iter().map(|row| row.action_id(0)).collect();
    }
    let limit = query.limit.map_or(usize::MAX, |limit| limit as usize);
    let mut found = Vec::new();
    for row in rows {
        if is_found(&row, query)? {
            found.push(row.action_id(0)?);
        }
    }
    Ok(found.into_iter().skip(query.offset as usize).take(limit).collect())
}

/// Whether the database can only say which rows may match: args stand there with escapes, which look like text.
fn checks_here(query: &Query) -> bool {
    query.search.is_some()
        || matches!(query.args, Some(ArgsMatch::ContainsText(_) | ArgsMatch::ContainsJson(_)))
}

/// Whether a row of id, hook, claim and args is what a query with [`checks_here`] asks for.
fn is_found(row: &Row, query: &Query) -> Outcome<bool> {
    let args = match StoredArgs::read(row.bytes(3), row.bytes(4)) {
        Ok(args) => args,
        Err(_) => Args::from_stored(
            String::from_utf8_lossy(row.bytes(4).or(row.bytes(3)).unwrap_or_default()).as_ref(),
        ),
    };
    let args_match = match &query.args {
        Some(ArgsMatch::ContainsText(text)) => args.as_str().contains(text.as_str()),
        Some(ArgsMatch::ContainsJson(wanted)) => contain(args.as_str(), wanted.as_str()),
        Some(ArgsMatch::Exact(_)) | None => true,
    };
    let Some(text) = query.search.as_deref().filter(|_| args_match) else { return Ok(args_match) };
    let lower = text.to_ascii_lowercase();
    let within = |whole: &str| whole.to_ascii_lowercase().contains(&lower);
    let number = text.trim().parse::<u64>().ok().filter(|number| *number > 0);
    Ok(within(row.text(1)?)
        || within(args.as_str())
        || (number.is_some() && [row.number(0)?, row.number(2)?].map(Some).contains(&number)))
}

pub(super) async fn query(read: &mut Read<'_>, query: &Query) -> Outcome<Vec<Action>> {
    query.check()?;
    let ids = ids(read, query).await?;
    fetch(read, &ids).await
}

/// The actions with these ids that exist, in the order asked for.
pub(super) async fn fetch(read: &mut Read<'_>, ids: &[ActionId]) -> Outcome<Vec<Action>> {
    let mut actions = Vec::with_capacity(ids.len());
    for chunk in ids.chunks(CHUNK) {
        let rows = rows(read, chunk).await?;
        let logged = logged(read, &rows).await?;
        let entries = log_entries(read, chunk).await?;
        let mut found = HashMap::with_capacity(rows.len());
        for row in &rows {
            let id = row.action_id(0)?;
            let mut action = row::action(row, group(row)?, logged.get(&id).copied())?;
            action.log_entries = entries.get(&id).copied().unwrap_or_default();
            found.insert(id, action);
        }
        // One that is asked for twice is given twice.
        actions.extend(chunk.iter().filter_map(|id| found.get(id).cloned()));
    }
    Ok(actions)
}

/// How many entries the logs of these actions have; an empty one is missing.
async fn log_entries(source: &mut impl Ask, ids: &[ActionId]) -> Outcome<HashMap<ActionId, u32>> {
    // Served by the key on the action.
    let sql = format!(
        "SELECT action_id, COUNT(*) FROM {} WHERE action_id IN {} GROUP BY action_id",
        source.tables().logs,
        List(ids.iter())
    );
    let rows = source.rows(&sql).await?;
    rows.iter().map(|row| Ok((row.action_id(0)?, row.number(1)?))).collect()
}

/// All that stands in rows about these actions, by id: [`PLUGIN_COLUMNS`], [`OWN_COLUMNS`], [`RECURRENCE_COLUMNS`], the
/// slug of the group, and the unique key.
pub(super) async fn rows(source: &mut impl Ask, ids: &[ActionId]) -> Outcome<Vec<Row>> {
    let tables = source.tables();
    // By primary keys.
    let sql = format!(
        "SELECT {PLUGIN_COLUMNS}, {OWN_COLUMNS}, {RECURRENCE_COLUMNS}, g.slug, k.unique_key FROM {} a \
         LEFT JOIN {} t ON t.action_id = a.action_id LEFT JOIN {} i ON i.action_id = a.action_id \
         LEFT JOIN {} c ON c.chain_id = i.chain_id LEFT JOIN {} g ON g.group_id = a.group_id \
         LEFT JOIN {} k ON k.action_id = a.action_id WHERE a.action_id IN {} ORDER BY a.action_id",
        tables.actions,
        tables.times,
        tables.instances,
        tables.chains,
        tables.groups,
        tables.keys,
        List(ids.iter())
    );
    source.rows(&sql).await
}

/// The group that one of [`rows`] names; what has none is in the default group, as in the plugin.
pub(super) fn group(row: &Row) -> Outcome<Group> {
    let slug = row.optional_text(PLUGIN_WIDTH + OWN_WIDTH + RECURRENCE_WIDTH)?;
    Ok(slug.map(Group::from_stored).unwrap_or_default())
}

/// The unique key that one of [`rows`] names.
pub(super) fn key(row: &Row) -> Outcome<Option<&str>> {
    row.optional_text(PLUGIN_WIDTH + OWN_WIDTH + RECURRENCE_WIDTH + 1)
}

/// The dates of the first and the last entry in the log of those whose dates we have not written down.
pub(super) async fn logged(
    source: &mut impl Ask,
    rows: &[Row],
) -> Outcome<HashMap<ActionId, (Timestamp, Timestamp)>> {
    let mut unknown = Vec::new();
    for row in rows.iter().filter(|row| !row::has_times(row)) {
        unknown.push(row.action_id(0)?);
    }
    if unknown.is_empty() {
        return Ok(HashMap::new());
    }
    // Served by the key on the action.
    let sql = format!(
        "SELECT action_id, MIN(log_date_gmt), MAX(log_date_gmt) FROM {} WHERE action_id IN {} GROUP BY action_id",
        source.tables().logs,
        List(unknown.iter())
    );
    let mut logged = HashMap::new();
    for row in source.rows(&sql).await? {
        if let (Some(first), Some(last)) = (row.date(1), row.date(2)) {
            logged.insert(row.action_id(0)?, (first, last));
        }
    }
    Ok(logged)
}

pub(super) async fn count(read: &mut Read<'_>, query: &Query) -> Outcome<u64> {
    let query = &Query { limit: None, offset: 0, after: None, ..query.clone() };
    if checks_here(query) {
        return Ok(ids(read, query).await?.len() as u64);
    }
    let tables = &read.database.tables;
    // What is counted has no order, but what it looks within has one.
    let window = query.window().filter(|window| !query.is_its_window(window));
    let sql = match (query.within, window) {
        (Some(_), Some(_)) => {
            format!(
                "SELECT COUNT(*) FROM {} WHERE {}",
                from(tables, query)?,
                conditions(tables, query)?
            )
        }
        (most, _) => {
            let unsorted = Query { order_by: OrderBy::None, within: None, ..query.clone() };
            let (from, condition) = (from(tables, &unsorted)?, conditions(tables, query)?);
            match most {
                None => format!("SELECT COUNT(*) FROM {from} WHERE {condition}"),
                Some(most) => format!(
                    "SELECT COUNT(*) FROM (SELECT 1 FROM {from} WHERE {condition} LIMIT {most}) some"
                ),
            }
        }
    };
    let rows = read.rows(&sql).await?;
    Ok(rows.first().map(|row| row.number(0)).transpose()?.unwrap_or_default())
}
