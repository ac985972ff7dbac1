//! Storing actions.

use jiff::Timestamp;

use super::PostgresStore;
use super::call::Call;
use super::row;
use super::text::stored;
use crate::action::{ActionId, NewAction, Unique};
use crate::error::Result;
use crate::schedule::Schedule;
use crate::store::native::args::text_hash;
use crate::store::native::recurrence::RecurrenceValues;
use crate::store::{Insert, Parameter, Statement};

/// How many actions go into one call of the function.
const AT_ONCE: usize = 20_000;

/// The number of a kind of schedule.
pub(super) fn kind(schedule: &Schedule) -> i16 {
    match schedule {
        Schedule::Async => 0,
        Schedule::Single(_) => 1,
        Schedule::Recurring(_) => 2,
    }
}

fn rule(unique: &Unique) -> i16 {
    match unique {
        Unique::No => 0,
        Unique::Args => 1,
        Unique::Hook => 2,
        Unique::Key(_) => 3,
    }
}

fn key(unique: &Unique) -> Option<String> {
    match unique {
        Unique::Key(key) => Some(stored(key).into_owned()),
        Unique::No | Unique::Args | Unique::Hook => None,
    }
}

/// Whether an action is stored together with others, or has to look around first.
fn is_plain(action: &NewAction) -> bool {
    action.unique == Unique::No && !matches!(action.schedule, Schedule::Recurring(_))
}

fn recurrence(action: &NewAction) -> Option<RecurrenceValues<String>> {
    match &action.schedule {
        Schedule::Recurring(recurring) => Some(recurring.into()),
        Schedule::Async | Schedule::Single(_) => None,
    }
}

impl PostgresStore {
    /// The keys of the advisory locks that an action needs to be unique. Whoever may be in another's way has one in common
    /// with it.
    fn unique_locks(&self, action: &NewAction) -> [Option<i64>; 2] {
        let (hook, group) = (action.hook.as_str(), action.group.as_str());
        let lock = |what: String| Some(self.database.lock_key(&what));
        let of_args = || lock(format!("args {hook}\n{group}\n{}", action.args));
        match &action.unique {
            Unique::No => [None, None],
            Unique::Args => [of_args(), None],
            Unique::Hook => [of_args(), lock(format!("hook {hook}\n{group}"))],
            Unique::Key(key) => [lock(format!("key {key}")), None],
        }
    }

    pub(super) async fn insert_all(&self, inserts: &[Insert]) -> Result<Vec<Option<ActionId>>> {
        if inserts.is_empty() {
            return Ok(Vec::new());
        }
        let now = self.stamp();
        let channel = self.wakes.channel_for(inserts, now);
        loop {
            let forgotten = self.name_all(inserts).await?;
            let calls: Vec<Call> = inserts
                .chunks(AT_ONCE)
                .map(|part| self.insert_call(part, now, channel.as_deref()))
                .collect();
            let doing = "storing actions";
            let Some(answers) = self.database.write_names(doing, &calls, forgotten).await? else {
                continue;
            };
            let mut ids = Vec::with_capacity(inserts.len());
            for row in answers.iter().flatten() {
                let part: Vec<Option<i64>> = self.read(doing, row::get(row, 0))?;
                ids.extend(part.into_iter().map(|id| id.and_then(ActionId::new)));
            }
            self.arrived(inserts, now);
            return Ok(ids);
        }
    }

    /// Sees to it that the names of hooks and groups are stored and known; how often names had been forgotten before.
    pub(super) async fn name_all(&self, inserts: &[Insert]) -> Result<u64> {
        let names = &self.database.opener.names;
        let forgotten = names.forgotten();
        names.hooks.add(&self.database, inserts.iter().map(|one| &one.action.hook)).await?;
        names.groups.add(&self.database, inserts.iter().map(|one| &one.action.group)).await?;
        Ok(forgotten)
    }

    fn insert_call(&self, inserts: &[Insert], now: Timestamp, channel: Option<&str>) -> Call {
        self.with_actions(self.database.function("insert_actions"), inserts, now, channel)
    }

    /// A call with the actions as further parameters, as `insert_actions` takes them.
    pub(super) fn with_actions(
        &self,
        call: Call,
        inserts: &[Insert],
        now: Timestamp,
        channel: Option<&str>,
    ) -> Call {
        let names = &self.database.opener.names;
        let actions = || inserts.iter().map(|insert| &insert.action);
        let all_plain = actions().all(is_plain);
        let call = call
            .with(now.as_microsecond())
            // Names that are forgotten just now are noticed before this is sent.
            .with(actions().map(|a| names.hooks.number(&a.hook).unwrap_or(-1)).collect::<Vec<_>>())
            .with(
                actions().map(|a| names.groups.number(&a.group).unwrap_or(-1)).collect::<Vec<_>>(),
            )
            .with(actions().map(|a| i16::from(a.priority.0)).collect::<Vec<_>>())
            .with(actions().map(|a| kind(&a.schedule)).collect::<Vec<_>>())
            .with(
                actions().map(|a| a.schedule.first_date(now).as_microsecond()).collect::<Vec<_>>(),
            )
            .with(match all_plain {
                true => Vec::new(),
                false => actions().map(|a| key(&a.unique)).collect(),
            })
            .with(actions().map(|a| a.args.to_string()).collect::<Vec<_>>())
            .with(actions().map(|a| text_hash(a.args.as_str())).collect::<Vec<_>>())
            .with(inserts.iter().map(|insert| insert.log_created).collect::<Vec<_>>());
        let call = if all_plain {
            call.with(Vec::<i16>::new())
                .with(Vec::<i64>::new())
                .with(Vec::<Option<i64>>::new())
                .with(Vec::<Option<i64>>::new())
                .with(Vec::<Option<String>>::new())
                .with(Vec::<Option<String>>::new())
                .with(Vec::<Option<String>>::new())
                .with(Vec::<bool>::new())
                .with(Vec::<Option<i64>>::new())
        } else {
            let mut locks: Vec<i64> =
                actions().flat_map(|action| self.unique_locks(action)).flatten().collect();
            locks.sort_unstable();
            locks.dedup();
            let all: Vec<_> = actions().map(recurrence).collect();
            let texts = |text: fn(&RecurrenceValues<String>) -> &Option<String>| {
                let texts = all.iter().map(|values| values.as_ref().and_then(|v| text(v).clone()));
                texts.collect::<Vec<_>>()
            };
            call.with(actions().map(|a| rule(&a.unique)).collect::<Vec<_>>())
                .with(locks)
                .with(all.iter().map(|v| v.as_ref().map(|v| v.first)).collect::<Vec<_>>())
                .with(all.iter().map(|v| v.as_ref().and_then(|v| v.every)).collect::<Vec<_>>())
                .with(texts(|values| &values.cron))
                .with(texts(|values| &values.dialect))
                .with(texts(|values| &values.zone))
                .with(
                    all.iter()
                        .map(|v| v.as_ref().is_some_and(|v| v.fixed_rate))
                        .collect::<Vec<_>>(),
                )
                .with(
                    all.iter()
                        .map(|v| v.as_ref().and_then(|v| v.catch_up).map(i64::from))
                        .collect::<Vec<_>>(),
                )
        };
        call.with(channel.map(str::to_owned)).with(self.wakes.sender().to_owned())
    }

    /// The statement that stores an action within a transaction of the caller's own.
    pub(super) fn statements_for_caller(&self, insert: &Insert) -> Vec<Statement> {
        let Insert { action, log_created } = insert;
        let now = self.stamp();
        let [lock, other_lock] = self.unique_locks(action);
        let values = recurrence(action);
        let values = values.as_ref();
        let text = |text: &str| Parameter::Text(text.to_owned());
        let parameters = vec![
            Parameter::Integer(now.as_microsecond()),
            text(action.hook.as_str()),
            text(action.group.as_str()),
            Parameter::Integer(action.priority.0.into()),
            Parameter::Integer(kind(&action.schedule).into()),
            Parameter::Integer(action.schedule.first_date(now).as_microsecond()),
            key(&action.unique).into(),
            text(action.args.as_str()),
            Parameter::Integer(text_hash(action.args.as_str())),
            Parameter::Integer((*log_created).into()),
            Parameter::Integer(rule(&action.unique).into()),
            lock.into(),
            other_lock.into(),
            values.map(|values| values.first).into(),
            values.and_then(|values| values.every).into(),
            values.and_then(|values| values.cron.clone()).into(),
            values.and_then(|values| values.dialect.clone()).into(),
            values.and_then(|values| values.zone.clone()).into(),
            Parameter::Integer(values.is_some_and(|values| values.fixed_rate).into()),
            values.and_then(|values| values.catch_up).map(i64::from).into(),
            text(self.wakes.channel()),
        ];
        let places: Vec<String> = (1..=parameters.len()).map(|place| format!("${place}")).collect();
        let schema = &self.database.schema;
        let sql = format!("SELECT id FROM {schema}.insert_action({}) AS id", places.join(", "));
        vec![Statement { sql: sql.into(), parameters }]
    }
}
