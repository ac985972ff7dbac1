//! A past for the demo: what the engine would have left of a day in a small shop.
//!
//! Nothing of it was run. Its actions are made up here, and taken in by the import that moves between stores use too, so
//! that they are kept, shown and cleaned as any others. Their ids are from 1 on.

mod chance;
mod figures;
mod habits;
mod series;

use std::time::Duration;

use action_scheduler::action::{Action, ActionId, Attempt, Group, Hook, Priority, Status};
use action_scheduler::store::{ActionRecord, Admission, ChainRecord, ImportBatch, Origin, StoreId};
use action_scheduler::{Args, Context, LogEntry, Result, Schedule, Scheduler, Step};
use jiff::Timestamp;

use self::chance::Chance;
use crate::config::Declared;

/// How far the past goes back.
const DEPTH: Duration = Duration::from_secs(24 * 3600);

/// How many actions are taken in at once.
const BATCH: usize = 500;

/// Takes a past into a store that has no actions yet, with the chains of these schedules as if they had gone on for a day.
/// Says how many actions that were.
pub async fn remember(scheduler: &Scheduler, declared: &[Declared]) -> Result<usize> {
    if scheduler.stats().await?.counts.values().any(|count| *count > 0) {
        return Ok(0);
    }
    let mut past = Past::new(scheduler.now());
    habits::live(&mut past);
    series::live(&mut past, declared);
    past.actions.sort_by_key(|record| record.action.id);
    let origin = Origin {
        id: StoreId::new("the past of the demo"),
        name: "the past of the demo".to_owned(),
    };
    let admission = past.admission();
    let count = past.actions.len();
    let figures = figures::of(&past.actions);
    let store = scheduler.store();
    for batch in past.batches() {
        store.import(&origin, batch).await?;
    }
    store.admit(&origin, admission, &Context::new("demo")).await?;
    store.add_figures(figures).await?;
    Ok(count)
}

/// What has been made up so far.
struct Past {
    now: Timestamp,
    chance: Chance,
    next_id: i64,
    actions: Vec<ActionRecord>,
    chains: Vec<ChainRecord>,
}

/// How an action went.
struct Course {
    hook: Hook,
    group: Group,
    args: Args,
    priority: Priority,
    schedule: Schedule,
    due: Timestamp,
    /// From its date to its start.
    delay: Duration,
    /// How long its last attempt took.
    took: Duration,
    /// Attempts that failed before the last one.
    retries: u32,
    /// Why attempts failed.
    reason: &'static str,
    /// How it ended.
    status: Status,
    /// What its handler printed.
    output: Option<String>,
}

impl Past {
    fn new(now: Timestamp) -> Self {
        let (actions, chains) = (Vec::new(), Vec::new());
        Self { now, chance: Chance::new(), next_id: 1, actions, chains }
    }

    /// The next id.
    fn id(&mut self) -> Option<ActionId> {
        let id = ActionId::new(self.next_id);
        self.next_id += 1;
        id
    }

    /// Remembers an action that has ended. Gives its id.
    fn add(&mut self, course: Course) -> Option<ActionId> {
        let id = self.id()?;
        let wait = Duration::from_secs(12);
        let started = course.due + course.delay + wait * course.retries;
        let finished = started + course.took;
        let attempts = Attempt(course.retries + 1);
        let mut log = Log { action: id, entries: Vec::new() };
        let created = match course.schedule {
            Schedule::Single(_) => course.due - Duration::from_secs(900),
            Schedule::Async | Schedule::Recurring(_) => course.due,
        };
        log.add(created, Step::Created, None, None);
        for attempt in 1..=course.retries {
            let at = course.due + course.delay + wait * (attempt - 1);
            log.add(at, Step::Started, Some(attempt), None);
            let most = course.retries.max(2) + 1;
            let next = attempt + 1;
            let message = format!("{} (attempt {next} of {most} follows in 12 s)", course.reason);
            log.add(at + course.took, Step::Retry, Some(attempt), Some(message));
        }
        match course.status {
            Status::Canceled => log.add(finished, Step::Canceled, None, None),
            status => {
                log.add(started, Step::Started, Some(attempts.0), None);
                if let Some(output) = course.output {
                    log.add(finished, Step::Output, Some(attempts.0), Some(output));
                }
                let (step, message) = match status {
                    Status::Failed => (Step::Failed, Some(course.reason.to_owned())),
                    _ => (Step::Complete, None),
                };
                log.add(finished, step, Some(attempts.0), message);
            }
        }
        let was_started = course.status != Status::Canceled;
        let action = Action {
            id,
            hook: course.hook,
            args: course.args,
            group: course.group,
            status: course.status,
            priority: course.priority,
            schedule: course.schedule,
            scheduled_at: course.due,
            attempts: if was_started { attempts } else { Attempt(0) },
            created_at: created,
            started_at: was_started.then_some(started),
            finished_at: Some(finished),
            claim: None,
            chain: None,
            log_entries: u32::try_from(log.entries.len()).unwrap_or(u32::MAX),
        };
        self.actions.push(ActionRecord { action, key: None, log: log.entries });
        Some(id)
    }

    /// All of it in batches. A chain goes with its instances: one that is taken in without its head has none.
    fn batches(self) -> impl Iterator<Item = ImportBatch> {
        let (of_chains, alone): (Vec<_>, Vec<_>) =
            self.actions.into_iter().partition(|record| record.action.chain.is_some());
        let of_chain = move |chain: ChainRecord| {
            let is_its = |record: &&ActionRecord| record.action.chain == Some(chain.chain.id);
            let actions = of_chains.iter().filter(is_its).cloned().collect();
            ImportBatch { chains: vec![chain], actions, new_ids_above: None }
        };
        let chunks: Vec<Vec<ActionRecord>> = alone.chunks(BATCH).map(<[_]>::to_vec).collect();
        let alone = chunks.into_iter().map(|actions| ImportBatch { actions, ..Default::default() });
        alone.chain(self.chains.into_iter().map(of_chain))
    }

    /// What is to be let go once all of it is taken in: what is pending, and the chains that stand still.
    fn admission(&self) -> Admission {
        let pending = self.actions.iter().map(|record| &record.action);
        let pending = pending.filter(|action| action.status == Status::Pending);
        Admission {
            actions: pending.map(|action| action.id).collect(),
            chains: self.chains.iter().map(|record| record.chain.id).collect(),
        }
    }
}

/// The log of one action in the making.
struct Log {
    action: ActionId,
    entries: Vec<LogEntry>,
}

impl Log {
    fn add(&mut self, at: Timestamp, step: Step, attempt: Option<u32>, message: Option<String>) {
        // A short log: the place fits.
        let seq = u32::try_from(self.entries.len()).unwrap_or(u32::MAX).saturating_add(1);
        let attempt = attempt.map(Attempt);
        let context = attempt.map(|_| Context::new("serve"));
        let action = self.action;
        self.entries.push(LogEntry { action, seq, at, step, attempt, context, message });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use action_scheduler::store::{ChainQuery, ChainState};
    use action_scheduler::time::Clock;
    use testkit::MemoryStore;

    use super::*;
    use crate::config::Config;
    use crate::demo::CONFIG;

    #[tokio::test]
    async fn a_past_is_taken_in_once_and_the_declared_schedules_go_on_with_it() {
        let clock = Clock::manual("2026-01-15T12:00:00Z".parse().unwrap());
        let scheduler = Scheduler::builder(Arc::new(MemoryStore::new(clock))).build();
        let config = Config::parse(CONFIG, std::path::Path::new("/")).unwrap();
        let count = remember(&scheduler, &config.schedules).await.unwrap();
        let stats = scheduler.stats().await.unwrap();
        assert_eq!(stats.counts.values().sum::<u64>(), count as u64);
        assert!(stats.counts["complete"] > 1000 && stats.counts["failed"] > 20, "{stats:?}");
        assert!(stats.counts["pending"] >= config.schedules.len() as u64, "{stats:?}");
        assert_eq!(stats.counts["in-progress"], 0);
        for chain in scheduler.chains(ChainQuery::default()).await.unwrap() {
            let head = scheduler.fetch(chain.head.expect("a head")).await.unwrap();
            let is_active = chain.state == ChainState::Active;
            assert_eq!(head.status == Status::Pending, is_active, "{chain:?}");
        }
        for declared in &config.schedules {
            let ensured = scheduler.ensure(&declared.key(), declared.action.clone()).await.unwrap();
            assert_eq!(
                ensured,
                action_scheduler::scheduler::Ensured::Unchanged,
                "{}",
                declared.name
            );
        }
        assert_eq!(remember(&scheduler, &config.schedules).await.unwrap(), 0);
        assert_eq!(scheduler.stats().await.unwrap().counts, stats.counts);
    }
}
