//! Storing actions.

use std::collections::HashMap;

use jiff::Timestamp;

use super::error::Outcome;
use super::log::{self, Entry};
use super::php::schedule::StoredSchedule;
use super::php::stored_args::StoredArgs;
use super::sql::{Blob, Micros, OrNull, Rows, Text, TextOrNull};
use super::transaction::Write;
use super::unique;
use crate::action::{ActionId, Group, NewAction, Priority, Unique};
use crate::log::Step;
use crate::schedule::{Recurring, Schedule};
use crate::store::Insert;
use crate::store::native::recurrence::RecurrenceValues;

/// How many rows go into one statement.
const CHUNK: usize = 500;

/// Stores actions; the new ids, or `None` for those that were refused. `groups` has the number of each group.
pub(super) async fn insert(
    write: &mut Write<'_>,
    inserts: &[Insert],
    groups: &HashMap<Group, u64>,
) -> Outcome<Vec<Option<ActionId>>> {
    let actions = inserts
        .iter()
        .map(|insert| Ok((&insert.action, StoredArgs::new(&insert.action.args)?)))
        .collect::<Outcome<Vec<_>>>()?;
    let admitted = unique::admit(write, &actions).await?;
    let mut rows = Vec::with_capacity(inserts.len());
    let mut logged = Vec::with_capacity(inserts.len());
    for ((insert, (action, args)), _) in
        inserts.iter().zip(actions).zip(&admitted).filter(|(_, is_admitted)| **is_admitted)
    {
        rows.push(NewRow {
            action,
            args,
            group: groups.get(&action.group).copied().unwrap_or_default(),
            at: due_date(&action.schedule, write.now),
        });
        logged.push(insert.log_created);
    }
    let ids = store(write, &rows).await?;
    start_chains(write, &rows, &ids).await?;
    let entries: Vec<Entry<'_>> = ids
        .iter()
        .zip(logged)
        .filter(|(_, is_logged)| *is_logged)
        .map(|(id, _)| Entry::new(*id, write.now, Step::Created))
        .collect();
    log::write(write, &entries).await?;
    write.wakes |= !ids.is_empty();
    write.returned.extend(&ids);
    let mut ids = ids.into_iter();
    Ok(admitted
        .into_iter()
        .map(|is_admitted| if is_admitted { ids.next() } else { None })
        .collect())
}

/// When an action that is stored now is due, in whole seconds.
pub(super) fn due_date(schedule: &Schedule, now: Timestamp) -> Timestamp {
    match schedule {
        Schedule::Async => now,
        Schedule::Single(_) | Schedule::Recurring(_) => not_before(schedule.first_date(now)),
    }
}

/// The first whole second that is not before a date: nothing runs before it is due.
pub(super) fn not_before(at: Timestamp) -> Timestamp {
    let second = at.as_microsecond().div_euclid(1_000_000);
    let is_whole = at.as_microsecond().rem_euclid(1_000_000) == 0;
    Timestamp::from_second(if is_whole { second } else { second + 1 }).unwrap_or(at)
}

/// A row to be stored.
pub(super) struct NewRow<'a> {
    pub(super) action: &'a NewAction,
    pub(super) args: StoredArgs,
    pub(super) group: u64,
    pub(super) at: Timestamp,
}

/// Stores rows, with what of them is not of a chain and not of the log.
pub(super) async fn store(write: &mut Write<'_>, rows: &[NewRow<'_>]) -> Outcome<Vec<ActionId>> {
    let tables = write.tables();
    let mut ids = Vec::with_capacity(rows.len());
    for chunk in rows.chunks(CHUNK) {
        let mut insert = Rows::new(format_args!(
            "INSERT INTO {} (hook, status, scheduled_date_gmt, scheduled_date_local, priority, args, schedule, \
             group_id, extended_args)",
            tables.actions
        ));
        let mut dates = (write.now, write.now_dates.clone());
        for NewRow { action, args, group, at } in chunk {
            if dates.0 != *at {
                dates = (*at, write.database.dates(*at));
            }
            // What the plugin has no words for it runs once, if it comes first, and the chain goes on here.
            let schedule = StoredSchedule::of(&action.schedule, *at)
                .unwrap_or(StoredSchedule::Simple { at: *at });
            let Priority(priority) = action.priority;
            insert.push(format_args!(
                "{},'pending',{},{priority},{},{},{group},{}",
                Text(action.hook.as_str()),
                dates.1,
                Text(&args.args),
                Blob(&schedule.to_bytes()),
                TextOrNull(args.extended_args.as_deref())
            ));
        }
        let new = write.insert(&insert.end("")).await?;
        let mut times =
            Rows::new(format_args!("INSERT INTO {} (action_id, created_at)", tables.times));
        let mut keys =
            Rows::new(format_args!("INSERT INTO {} (action_id, unique_key)", tables.keys));
        for (place, row) in chunk.iter().enumerate() {
            let number = new.of(place);
            times.push(format_args!("{number},{}", Micros(write.now)));
            if let Unique::Key(key) = &row.action.unique {
                keys.push(format_args!("{number},{}", Text(key)));
            }
            ids.extend(ActionId::new(number.cast_signed()));
        }
        write.later(&times.end("")).await?;
        if !keys.is_empty() {
            write.later(&keys.end("")).await?;
        }
    }
    Ok(ids)
}

/// Begins the chains of those that recur: each has the id of its first action.
async fn start_chains(write: &mut Write<'_>, rows: &[NewRow<'_>], ids: &[ActionId]) -> Outcome<()> {
    let mut chains = NewChains::new(write);
    for (row, id) in rows.iter().zip(ids) {
        if let Schedule::Recurring(recurring) = &row.action.schedule {
            chains.push(write.now, *id, row.action, recurring);
        }
    }
    chains.store(write).await
}

/// Chains to be stored, with their first instances.
pub(super) struct NewChains {
    chains: Rows,
    instances: Rows,
}

impl NewChains {
    pub(super) fn new(write: &Write<'_>) -> Self {
        let tables = write.tables();
        Self {
            chains: Rows::new(format_args!(
                "INSERT IGNORE INTO {} (chain_id, hook, slug, priority, unique_key, args, head, created_at, \
                 first_us, every_us, cron, dialect, zone, fixed_rate, catch_up)",
                tables.chains
            )),
            instances: Rows::new(format_args!(
                "INSERT IGNORE INTO {} (action_id, chain_id)",
                tables.instances
            )),
        }
    }

    pub(super) fn push(
        &mut self,
        now: Timestamp,
        first: ActionId,
        action: &NewAction,
        recurring: &Recurring,
    ) {
        let Priority(priority) = action.priority;
        let key = match &action.unique {
            Unique::Key(key) => Some(key.as_str()),
            Unique::No | Unique::Args | Unique::Hook => None,
        };
        self.chains.push(format_args!(
            "{first},{},{},{priority},{},{},{first},{},{}",
            Text(action.hook.as_str()),
            Text(action.group.as_str()),
            TextOrNull(key),
            Text(action.args.as_str()),
            Micros(now),
            recurrence(recurring).join(",")
        ));
        self.instances.push(format_args!("{first},{first}"));
    }

    pub(super) async fn store(self, write: &mut Write<'_>) -> Outcome<()> {
        if self.chains.is_empty() {
            return Ok(());
        }
        write.later(&self.chains.end("")).await?;
        write.later(&self.instances.end("")).await
    }
}

/// The columns of a recurrence as literals, in the order of [`super::row::RECURRENCE_COLUMNS`].
pub(super) fn recurrence(recurring: &Recurring) -> [String; 7] {
    let values = RecurrenceValues::from(recurring);
    [
        values.first.to_string(),
        OrNull(values.every).to_string(),
        TextOrNull(values.cron.as_deref()).to_string(),
        TextOrNull(values.dialect.as_deref()).to_string(),
        TextOrNull(values.zone.as_deref()).to_string(),
        u8::from(values.fixed_rate).to_string(),
        OrNull(values.catch_up).to_string(),
    ]
}
