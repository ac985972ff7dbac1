//! Signs of life.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::config::RunnerConfig;
use super::process::Process;
use super::recovery::{Watched, recover};
use crate::action::RunnerId;
use crate::error::Result;
use crate::scheduler::Scheduler;
use crate::store::NewRunner;

/// A runner's place in the store.
#[derive(Clone)]
pub(crate) struct Liveness {
    scheduler: Scheduler,
    runner: NewRunner,
    /// Changes when others took this runner for dead and it had to make itself known again.
    id: Arc<Mutex<RunnerId>>,
}

impl Liveness {
    /// Makes the runner known, and recovers the work of those that are certain to have died: one that is started again
    /// does not wait for its own lease.
    pub(crate) async fn begin(
        scheduler: &Scheduler,
        config: &RunnerConfig,
    ) -> Result<(Self, Watched)> {
        let runner = NewRunner {
            name: name(),
            process: Process::this().map(|process| process.to_string()),
            context: scheduler.context().clone(),
            workers: u32::try_from(config.workers).unwrap_or(u32::MAX),
            lease: config.lease,
        };
        let id = scheduler.store().register(runner.clone()).await?;
        let liveness = Self { scheduler: scheduler.clone(), runner, id: Arc::new(Mutex::new(id)) };
        let mut watched = Watched::new(liveness.every());
        recover(scheduler, &mut watched, Some(id)).await?;
        Ok((liveness, watched))
    }

    /// The id that the runner has at the moment.
    pub(crate) fn id(&self) -> RunnerId {
        *self.id.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn every(&self) -> Duration {
        (self.runner.lease / 4).max(Duration::from_millis(1))
    }

    /// Beats four times in each lease, and looks whether others do.
    pub(crate) async fn keep(self, mut watched: Watched) {
        let mut ticks = tokio::time::interval(self.every());
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let beaten = async {
                self.beat().await?;
                recover(&self.scheduler, &mut watched, Some(self.id())).await
            };
            if let Err(error) = beaten.await {
                tracing::warn!(%error, "no sign of life could be given; trying again");
            }
        }
    }

    async fn beat(&self) -> Result<()> {
        let store = self.scheduler.store();
        let id = self.id();
        if !store.heartbeat(id).await? {
            let new = store.register(self.runner.clone()).await?;
            *self.id.lock().unwrap_or_else(PoisonError::into_inner) = new;
            tracing::warn!(
                runner = %id, new = %new,
                "others took this runner for dead, as it gave no sign of life for {} s; its claims are gone",
                self.runner.lease.as_secs_f64()
            );
        }
        Ok(())
    }

    /// Takes the runner out of the store.
    pub(crate) async fn end(self) {
        if let Err(error) =
            self.scheduler.store().unregister(self.id(), self.scheduler.context()).await
        {
            tracing::warn!(%error, "could not sign off; others will take this runner for dead");
        }
    }
}

/// Host and process, for people: what a runner of this process is called.
pub(crate) fn name() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname");
    let host = host.as_deref().map_or("localhost", str::trim);
    format!("{host}:{}", std::process::id())
}
