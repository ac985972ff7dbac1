//! Looks at the store every few seconds and brings the incidents in step.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use action_scheduler::store::{
    ChainQuery, ChainState, FiguresOf, FiguresQuery, Resolution, Runner,
};
use action_scheduler::{Event, Observer, Result, RunnerId, Scheduler, Shutdown, Status};
use jiff::Timestamp;

use super::rules::{Attempts, View};
use super::{Alerts, incidents};

/// The most paused chains that are told of one by one.
const MOST_CHAINS: u32 = 100;

/// How long a lost runner is spoken of when no other takes its place.
const MOURNING: Duration = Duration::from_secs(24 * 3600);

/// Watches a store for troubles.
pub(crate) struct Watch {
    scheduler: Scheduler,
    alerts: Alerts,
    lost: Arc<Lost>,
}

impl Watch {
    /// Begins to listen; nothing is looked at before [`Watch::keep`].
    pub(crate) fn new(scheduler: Scheduler, alerts: Alerts) -> Self {
        let lost = Arc::new(Lost::default());
        scheduler.observe(Arc::clone(&lost) as Arc<dyn Observer>);
        Self { scheduler, alerts, lost }
    }

    /// Looks until it is told to stop. A store that fails is looked at again the next time.
    pub(crate) async fn keep(self, shutdown: Shutdown) {
        let mut ticks = tokio::time::interval(self.alerts.every);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = shutdown.stopping() => return,
            }
            if let Err(error) = self.look().await {
                tracing::warn!(%error, "could not look for alerts");
            }
        }
    }

    /// Looks once.
    pub(super) async fn look(&self) -> Result<()> {
        let troubles = self.alerts.rules.troubles(&self.view().await?);
        incidents::reconcile(&self.scheduler, troubles, &self.alerts.targets).await
    }

    async fn view(&self) -> Result<View> {
        let now = self.scheduler.now();
        let stats = self.scheduler.stats().await?;
        let paused = ChainQuery {
            states: vec![ChainState::Paused],
            limit: Some(MOST_CHAINS),
            ..ChainQuery::default()
        };
        let paused = self.scheduler.chains(paused).await?;
        let runners = self.scheduler.runners().await?;
        Ok(View {
            now,
            first_pending: stats.dates.get(Status::Pending.as_str()).map(|(first, _)| *first),
            past_due: stats.past_due,
            attempts: self.attempts(now).await?,
            paused: paused.into_iter().map(|it| (it.id, it.hook, it.reason)).collect(),
            lost: self.lost.not_replaced(&runners, now),
        })
    }

    async fn attempts(&self, now: Timestamp) -> Result<BTreeMap<action_scheduler::Hook, Attempts>> {
        let Some(rule) = self.alerts.rules.failure_rate else { return Ok(BTreeMap::new()) };
        let query = FiguresQuery {
            resolution: Resolution::Minute,
            from: now - rule.window,
            to: now,
            of: FiguresOf::EachHook,
            limit: None,
        };
        let mut attempts: BTreeMap<_, Attempts> = BTreeMap::new();
        for figure in self.scheduler.store().figures(query).await? {
            let Some(hook) = figure.hook else { continue };
            let of_hook = attempts.entry(hook).or_default();
            let counts = figure.counts;
            let failed = counts.failed + counts.timed_out + counts.crashed;
            of_hook.failed += failed;
            of_hook.ended += counts.complete + failed;
        }
        Ok(attempts)
    }
}

/// The runners that were found dead by this process.
#[derive(Default)]
struct Lost(Mutex<HashMap<RunnerId, LostRunner>>);

struct LostRunner {
    name: String,
    at: Timestamp,
}

impl Lost {
    /// Those that no younger runner has taken the place of.
    fn not_replaced(&self, runners: &[Runner], now: Timestamp) -> Vec<(RunnerId, String)> {
        let mut lost = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lost.retain(|_, runner| {
            let is_replaced = runners.iter().any(|other| other.started_at > runner.at);
            !is_replaced && now.duration_since(runner.at).unsigned_abs() < MOURNING
        });
        lost.iter().map(|(id, runner)| (*id, runner.name.clone())).collect()
    }
}

impl Observer for Lost {
    fn observe(&self, event: &Event) {
        if let Event::RunnerLost { runner, name, at } = event {
            let mut lost = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            lost.insert(*runner, LostRunner { name: name.clone(), at: *at });
        }
    }
}
