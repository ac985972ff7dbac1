//! The statements that store one action, for a transaction of the caller's own on any driver.

use super::insert::due_date;
use super::php::schedule::StoredSchedule;
use super::php::stored_args::StoredArgs;
use super::sql::Micros;
use super::tables::Tables;
use super::transaction::Database;
use super::unique::turn;
use crate::action::{NewAction, Unique};
use crate::schedule::{Recurring, Schedule};
use crate::store::native::recurrence::RecurrenceValues;
use crate::store::{Insert, Parameter, Statement};

/// Statements as they are gathered.
#[derive(Default)]
struct Statements(Vec<Statement>);

impl Statements {
    fn add(&mut self, sql: String, parameters: Vec<Parameter>) {
        self.0.push(Statement { sql: sql.into(), parameters });
    }
}

fn text(text: &str) -> Parameter {
    Parameter::Text(text.to_owned())
}

/// A condition that a name is a parameter to the letter, which has to be given twice.
fn exactly(column: &str) -> String {
    format!(
        "{column} = ? AND CONVERT({column} USING utf8mb4) = CONVERT(? USING utf8mb4) COLLATE utf8mb4_bin"
    )
}

/// The statements of an action, of which the last gives its id, if it was stored. Placeholders are `?`.
pub(super) fn statements(
    database: &Database,
    insert: &Insert,
    now: jiff::Timestamp,
) -> Vec<Statement> {
    let Insert { action, log_created } = insert;
    let tables = &database.tables;
    let mut all = Statements::default();
    let args = match StoredArgs::new(&action.args) {
        Ok(args) => args,
        Err(error) => {
            // There is no such column, and the caller's driver says so, in these words.
            let problem = error.to_string().replace('`', "'");
            all.add(format!("SELECT `{problem}`"), Vec::new());
            return all.0;
        }
    };
    add_group(&mut all, tables, action);
    if let Some(turn) = turn(action) {
        all.add(
            format!(
                "INSERT INTO {} (turn, taken) VALUES ({turn}, 1) ON DUPLICATE KEY UPDATE taken = taken + 1",
                tables.turns
            ),
            Vec::new(),
        );
    }
    add_action(&mut all, database, action, &args, now);
    all.add(
        "SET @action_scheduler_id = IF(ROW_COUNT() = 1, LAST_INSERT_ID(), NULL)".to_owned(),
        Vec::new(),
    );
    let if_stored = "FROM DUAL WHERE @action_scheduler_id IS NOT NULL";
    let created = Micros(now);
    all.add(
        format!(
            "INSERT INTO {} (action_id, created_at) SELECT @action_scheduler_id, {created} {if_stored}",
            tables.times
        ),
        Vec::new(),
    );
    if let Unique::Key(key) = &action.unique {
        all.add(
            format!(
                "INSERT INTO {} (action_id, unique_key) SELECT @action_scheduler_id, ? {if_stored}",
                tables.keys
            ),
            vec![text(key)],
        );
    }
    if let Schedule::Recurring(recurring) = &action.schedule {
        add_chain(&mut all, tables, action, recurring, now);
    }
    if *log_created {
        all.add(
            format!(
                "INSERT INTO {} (action_id, message, log_date_gmt, log_date_local) \
                 SELECT @action_scheduler_id, 'action created', {} {if_stored}",
                tables.logs,
                database.dates(now)
            ),
            Vec::new(),
        );
    }
    all.add(format!("SELECT CAST(@action_scheduler_id AS SIGNED) {if_stored}"), Vec::new());
    all.0
}

fn add_group(all: &mut Statements, tables: &Tables, action: &NewAction) {
    let slug = text(action.group.as_str());
    all.add(
        format!(
            "INSERT INTO {groups} (slug) SELECT ? FROM DUAL WHERE NOT EXISTS (SELECT 1 FROM {groups} g WHERE {})",
            exactly("g.slug"),
            groups = tables.groups
        ),
        vec![slug.clone(), slug.clone(), slug],
    );
}

fn add_action(
    all: &mut Statements,
    database: &Database,
    action: &NewAction,
    args: &StoredArgs,
    now: jiff::Timestamp,
) {
    let tables = &database.tables;
    let at = due_date(&action.schedule, now);
    let schedule =
        StoredSchedule::of(&action.schedule, at).unwrap_or(StoredSchedule::Simple { at });
    let (hook, slug) = (text(action.hook.as_str()), text(action.group.as_str()));
    let extended = args.extended_args.clone().map_or(Parameter::Null, Parameter::Text);
    let group =
        format!("SELECT MIN(g.group_id) FROM {} g WHERE {}", tables.groups, exactly("g.slug"));
    let mut sql = format!(
        "INSERT INTO {} (hook, status, scheduled_date_gmt, scheduled_date_local, priority, args, schedule, group_id, \
         extended_args) SELECT ?, 'pending', {}, {}, ?, ?, ({group}), ? FROM DUAL",
        tables.actions,
        database.dates(at),
        action.priority
    );
    let mut parameters = vec![
        hook.clone(),
        text(&args.args),
        // Class names and NUL bytes, which are ASCII, and expressions, which we parsed.
        Parameter::Text(String::from_utf8_lossy(&schedule.to_bytes()).into_owned()),
        slug.clone(),
        slug.clone(),
        extended,
    ];
    let live = "a.status IN ('pending','in-progress')";
    let of_hook = format!(
        "{} AND a.group_id IN (SELECT g.group_id FROM {} g WHERE {})",
        exactly("a.hook"),
        tables.groups,
        exactly("g.slug")
    );
    let of_hook_parameters = [hook.clone(), hook, slug.clone(), slug];
    let (other, more) = match &action.unique {
        Unique::No => {
            all.add(sql, parameters);
            return;
        }
        Unique::Hook => (
            format!("{} a WHERE {live} AND {of_hook}", tables.actions),
            of_hook_parameters.to_vec(),
        ),
        Unique::Args => {
            let mut same = vec![text(&args.args), text(&args.args)];
            let mut condition = exactly("a.args");
            match &args.extended_args {
                Some(extended) => {
                    condition.push_str(" AND ");
                    condition.push_str(&exactly("a.extended_args"));
                    same.extend([text(extended), text(extended)]);
                }
                None => condition.push_str(" AND a.extended_args IS NULL"),
            }
            same.extend(of_hook_parameters);
            (format!("{} a WHERE {live} AND {condition} AND {of_hook}", tables.actions), same)
        }
        Unique::Key(key) => {
            let keys = format!(
                "{} k JOIN {} a ON a.action_id = k.action_id WHERE k.unique_key = ? AND {live}",
                tables.keys, tables.actions
            );
            (keys, vec![text(key)])
        }
    };
    sql.push_str(&format!(" WHERE NOT EXISTS (SELECT 1 FROM {other})"));
    parameters.extend(more);
    all.add(sql, parameters);
}

fn add_chain(
    all: &mut Statements,
    tables: &Tables,
    action: &NewAction,
    recurring: &Recurring,
    now: jiff::Timestamp,
) {
    let if_stored = "FROM DUAL WHERE @action_scheduler_id IS NOT NULL";
    let values = RecurrenceValues::from(recurring);
    let optional = |value: Option<String>| value.map_or(Parameter::Null, Parameter::Text);
    let number = |value: Option<i64>| value.map_or(Parameter::Null, Parameter::Integer);
    let key = match &action.unique {
        Unique::Key(key) => text(key),
        Unique::No | Unique::Args | Unique::Hook => Parameter::Null,
    };
    all.add(
        format!(
            "INSERT INTO {} (chain_id, hook, slug, priority, unique_key, args, head, created_at, first_us, every_us, \
             cron, dialect, zone, fixed_rate, catch_up) SELECT @action_scheduler_id, ?, ?, {}, ?, ?, \
             @action_scheduler_id, {}, ?, ?, ?, ?, ?, {}, ? {if_stored}",
            tables.chains,
            action.priority,
            Micros(now),
            u8::from(values.fixed_rate)
        ),
        vec![
            text(action.hook.as_str()),
            text(action.group.as_str()),
            key,
            text(action.args.as_str()),
            Parameter::Integer(values.first),
            number(values.every),
            optional(values.cron),
            optional(values.dialect),
            optional(values.zone),
            number(values.catch_up.map(i64::from)),
        ],
    );
    all.add(
        format!(
            "INSERT INTO {} (action_id, chain_id) SELECT @action_scheduler_id, @action_scheduler_id {if_stored}",
            tables.instances
        ),
        Vec::new(),
    );
}
