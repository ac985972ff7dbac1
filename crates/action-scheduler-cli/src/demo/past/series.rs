//! What happened again and again: the chains of the declared schedules, and one that stands still.

use std::time::Duration;

use action_scheduler::action::{Action, ActionId, Attempt, ChainId, Hook, NewAction, Status};
use action_scheduler::schedule::cron::{Cron, Dialect};
use action_scheduler::schedule::{Missed, Recurrence, Recurring};
use action_scheduler::store::{ActionRecord, Chain, ChainRecord, ChainState};
use action_scheduler::{Args, Context, LogEntry, Schedule, Step};
use jiff::Timestamp;

use super::{Course, DEPTH, Past};
use crate::config::Declared;

/// The most instances that a chain is given.
const MOST: usize = 120;

/// Adds the chains to the past.
pub(super) fn live(past: &mut Past, declared: &[Declared]) {
    for declared in declared {
        let going = Going { key: Some(declared.key()), state: ChainState::Active, failing: None };
        chain(past, &declared.action, going);
    }
    if let Some(action) = export() {
        let failing = Some("exit status 1: ERP login refused: the password has expired");
        chain(past, &action, Going { key: None, state: ChainState::Paused, failing });
    }
}

/// A chain that was paused after failures.
fn export() -> Option<NewAction> {
    let cron = Cron::parse("15 * * * *", Dialect::Standard, None).ok()?;
    let recurrence = Recurrence::Cron { cron, missed: Missed::Skip };
    let schedule = Schedule::Recurring(Recurring { first: Timestamp::UNIX_EPOCH, recurrence });
    let args = r#"{"system":"erp","format":"csv"}"#.parse::<Args>().ok()?;
    let action = NewAction::new(Hook::new("export_orders").ok()?, schedule).args(args);
    Some(action.group("warehouse".parse().ok()?))
}

/// How a chain goes on.
struct Going {
    key: Option<String>,
    state: ChainState,
    /// Why its last instances failed.
    failing: Option<&'static str>,
}

fn chain(past: &mut Past, action: &NewAction, going: Going) {
    let Schedule::Recurring(wanted) = &action.schedule else { return };
    let dates = dates(&wanted.recurrence, past.now);
    let Some(first) = dates.first().copied() else { return };
    let recurring = Recurring { first, recurrence: wanted.recurrence.clone() };
    let mut ids: Vec<ActionId> = Vec::new();
    let begin = past.actions.len();
    for (place, due) in dates.iter().enumerate() {
        let is_last = dates.len() - place <= 5;
        let is_failing = going.failing.is_some() && is_last;
        ids.extend(instance(past, action, &recurring, *due, going.failing, is_failing));
    }
    let Some(id) = ids.first().and_then(|id| ChainId::new(id.get())) else { return };
    let mut head = ids.last().copied();
    if going.state == ChainState::Active {
        head = pending(past, action, &recurring, going.key.as_deref());
    } else if let Some(record) = past.actions.last_mut() {
        paused(record);
    }
    for record in past.actions.iter_mut().skip(begin) {
        record.action.chain = Some(id);
    }
    let is_paused = going.state == ChainState::Paused;
    let chain = Chain {
        id,
        hook: action.hook.clone(),
        group: action.group.clone(),
        args: action.args.clone(),
        priority: action.priority,
        recurring,
        key: going.key,
        state: going.state,
        reason: is_paused.then(|| "5 failures in a row".to_owned()),
        failures: if is_paused { 5 } else { 0 },
        head,
        created_at: first - Duration::from_secs(60),
    };
    let head_status = Some(if is_paused { Status::Failed } else { Status::Pending });
    past.chains.push(ChainRecord { chain, owed: None, head_status });
}

/// The dates of the past day, the latest ones of many.
fn dates(recurrence: &Recurrence, now: Timestamp) -> Vec<Timestamp> {
    let from = now - DEPTH;
    let mut dates: Vec<Timestamp> = match recurrence {
        Recurrence::Cron { cron, .. } => {
            // A rare one has few in a day.
            let from = now - DEPTH * 12;
            cron.upcoming(from).take_while(|date| *date < now).collect()
        }
        Recurrence::Interval(interval) => {
            let steps = DEPTH.as_millis() / interval.every.as_millis().max(1);
            let steps = u32::try_from(steps).unwrap_or(u32::MAX).min(MOST as u32);
            let from = (now - interval.every * steps).max(from);
            (0..steps).map(|step| from + interval.every * step).collect()
        }
    };
    let surplus = dates.len().saturating_sub(MOST);
    dates.drain(..surplus);
    dates
}

fn instance(
    past: &mut Past,
    action: &NewAction,
    recurring: &Recurring,
    due: Timestamp,
    failing: Option<&'static str>,
    is_failing: bool,
) -> Option<ActionId> {
    let has_failed = is_failing || past.chance.happens(25);
    let delay = Duration::from_millis(past.chance.around(15));
    let took = Duration::from_millis(past.chance.around(180));
    let reason = failing.unwrap_or("exit status 1: disk quota exceeded");
    past.add(Course {
        hook: action.hook.clone(),
        group: action.group.clone(),
        args: action.args.clone(),
        priority: action.priority,
        schedule: Schedule::Recurring(recurring.clone()),
        due,
        delay,
        took,
        retries: 0,
        reason,
        status: if has_failed { Status::Failed } else { Status::Complete },
        output: (!has_failed).then(|| "done".to_owned()),
    })
}

/// The instance that is still to come.
fn pending(
    past: &mut Past,
    action: &NewAction,
    recurring: &Recurring,
    key: Option<&str>,
) -> Option<ActionId> {
    let id = past.id()?;
    let due = recurring.next(past.now, past.now)?;
    let created_at = past.now;
    let entry = LogEntry {
        action: id,
        seq: 1,
        at: created_at,
        step: Step::Created,
        attempt: None,
        context: None,
        message: None,
    };
    let action = Action {
        id,
        hook: action.hook.clone(),
        args: action.args.clone(),
        group: action.group.clone(),
        status: Status::Pending,
        priority: action.priority,
        schedule: Schedule::Recurring(recurring.clone()),
        scheduled_at: due,
        attempts: Attempt(0),
        created_at,
        started_at: None,
        finished_at: None,
        claim: None,
        chain: None,
        log_entries: 1,
    };
    let record = ActionRecord { action, key: key.map(str::to_owned), log: vec![entry] };
    past.actions.push(record);
    Some(id)
}

/// Tells in the log of its last instance that a chain was paused.
fn paused(record: &mut ActionRecord) {
    let (action, attempt) = (record.action.id, Some(record.action.attempts));
    let at = record.action.finished_at.unwrap_or(record.action.scheduled_at);
    let seq = u32::try_from(record.log.len()).unwrap_or(u32::MAX).saturating_add(1);
    record.log.push(LogEntry {
        action,
        seq,
        at,
        step: Step::Paused,
        attempt,
        context: Some(Context::new("serve")),
        message: Some("5 failures in a row".to_owned()),
    });
}
