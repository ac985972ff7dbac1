//! A chain as a reader wants to know it: what comes next, how the last ones went, how late they started.

use std::time::Duration;

use action_scheduler::schedule::{Cadence, Missed, Recurrence, Recurring};
use action_scheduler::store::{Chain, ChainState};
use action_scheduler::{Action, Result, Scheduler, Status};
use jiff::Timestamp;

use crate::admin::components::dates::{between, length};

/// A chain with its latest instances.
#[derive(Debug)]
pub(super) struct Line {
    /// The chain.
    pub(super) chain: Chain,
    /// Its latest instances, the newest first.
    pub(super) latest: Vec<Action>,
}

impl Line {
    /// These chains with their latest instances, at most `each`: one look at the store for all of them.
    pub(super) async fn of(
        scheduler: &Scheduler,
        chains: Vec<Chain>,
        each: u32,
    ) -> Result<Vec<Self>> {
        let ids = chains.iter().map(|chain| chain.id).collect();
        let mut instances = scheduler.latest_instances(ids, each).await?.into_iter().peekable();
        let line = |chain: Chain| {
            let is_its = |action: &Action| action.chain == Some(chain.id);
            let latest = std::iter::from_fn(|| instances.next_if(is_its)).collect();
            Self { chain, latest }
        };
        Ok(chains.into_iter().map(line).collect())
    }

    /// The instance that is pending or in-progress.
    pub(super) fn head(&self) -> Option<&Action> {
        let head = self.latest.iter().find(|action| Some(action.id) == self.chain.head)?;
        (self.chain.state == ChainState::Active && !head.status.is_finished()).then_some(head)
    }

    /// The date of the instance that is pending.
    pub(super) fn next(&self) -> Option<Timestamp> {
        self.head().filter(|head| head.status == Status::Pending).map(|head| head.scheduled_at)
    }

    /// The dates after the next one, as the schedule has them if each instance ends at once.
    pub(super) fn dates_to_come(&self, now: Timestamp) -> impl Iterator<Item = Timestamp> {
        let recurring = &self.chain.recurring;
        let first = match self.next() {
            Some(next) => Some(next),
            None => recurring.next(now, now),
        };
        std::iter::successors(first, |date| recurring.next(*date, *date))
    }

    /// The instances that were started, the newest first.
    fn started(&self) -> impl Iterator<Item = (&Action, Timestamp)> {
        self.latest.iter().filter_map(|action| Some((action, action.started_at?)))
    }

    /// How late its latest instances started: half of them were no later than this. Nothing is known of what was tried
    /// again, as only its last start is kept.
    pub(super) fn drift(&self) -> Option<Duration> {
        let once = self.started().filter(|(action, _)| action.attempts.0 == 1);
        let mut late: Vec<Duration> =
            once.map(|(action, at)| between(action.scheduled_at, at).unwrap_or_default()).collect();
        late.sort_unstable();
        late.get(late.len().saturating_sub(1) / 2).copied()
    }
}

/// A schedule in words.
pub(in crate::admin) fn in_words(recurring: &Recurring) -> String {
    match &recurring.recurrence {
        Recurrence::Cron { cron, .. } => cron.describe(),
        Recurrence::Interval(interval) => {
            let every = length(interval.every);
            match interval.cadence {
                Cadence::AfterRun => format!("{every} after the end of each run"),
                Cadence::FixedRate(_) => format!("Every {every}, on a fixed grid"),
            }
        }
    }
}

/// What happens to dates that passed while nothing ran.
pub(super) fn missed_in_words(recurrence: &Recurrence) -> String {
    match recurrence.missed() {
        None => "none are missed: the next date counts from the end of the run".to_owned(),
        Some(Missed::Skip) => "skipped".to_owned(),
        Some(Missed::CatchUp { cap }) => format!("caught up with, the latest {cap} at most"),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use action_scheduler::schedule::Interval;
    use action_scheduler::store::ChainQuery;
    use action_scheduler::time::Clock;
    use testkit::MemoryStore;

    use super::*;

    #[tokio::test]
    async fn a_chain_tells_what_comes_next() {
        let noon: Timestamp = "2026-01-15T12:00:00Z".parse().unwrap();
        let store = MemoryStore::new(Clock::manual(noon));
        let scheduler = Scheduler::builder(Arc::new(store)).build();
        let every = Duration::from_secs(3600);
        let interval = Interval::new(every, Cadence::FixedRate(Missed::Skip)).unwrap();
        for hook in ["a", "b"] {
            scheduler.schedule_recurring(noon + every, interval, hook, ()).await.unwrap();
        }
        let chains = scheduler.chains(ChainQuery::default()).await.unwrap();
        let lines = Line::of(&scheduler, chains, 10).await.unwrap();
        let [a, b] = &lines[..] else { panic!("{lines:?}") };
        assert_eq!((a.chain.hook.as_str(), b.latest[0].hook.as_str()), ("a", "b"));
        assert_eq!(a.next(), Some(noon + every));
        let dates: Vec<Timestamp> = a.dates_to_come(noon).take(3).collect();
        assert_eq!(dates, [noon + every, noon + every * 2, noon + every * 3]);
        assert_eq!(a.drift(), None);
        assert_eq!(in_words(&a.chain.recurring), "Every 1 h, on a fixed grid");
    }
}
