//! Signs of life, and what becomes of the work of runners that stopped giving them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::config::RunnerConfig;
use super::plan::Plan;
use super::process::Process;
use super::verdict::Case;
use crate::action::RunnerId;
use crate::error::Result;
use crate::observer::Event;
use crate::scheduler::Scheduler;
use crate::store::{DeadRunner, NewRunner, Recorded, Stranded};

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
        let mut watched = Watched::default();
        liveness.recover(&mut watched).await?;
        Ok((liveness, watched))
    }

    /// The id that the runner has at the moment.
    pub(crate) fn id(&self) -> RunnerId {
        *self.id.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Beats four times in each lease, and looks whether others do.
    pub(crate) async fn keep(self, mut watched: Watched) {
        let mut ticks =
            tokio::time::interval((self.runner.lease / 4).max(Duration::from_millis(1)));
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let beaten = async {
                self.beat().await?;
                self.recover(&mut watched).await
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

    /// Recovers the work of dead runners. Any runner may do it; the store sees to it that it happens once.
    async fn recover(&self, watched: &mut Watched) -> Result<()> {
        let store = self.scheduler.store();
        let dead = watched.dead(store.runners().await?, self.id());
        let recovery = store.recover(dead, self.scheduler.context()).await?;
        if recovery.released > 0 {
            tracing::warn!(
                actions = recovery.released,
                "gave claimed actions of dead runners back to the queue"
            );
            self.scheduler.observers().tell(&Event::Reset { actions: recovery.released });
        }
        if recovery.stranded.is_empty() {
            return Ok(());
        }
        let now = self.scheduler.now();
        let finishes = recovery.stranded.iter().map(|stranded| {
            let plan = Arc::new(Plan::of(&self.scheduler, &stranded.action.hook));
            let Stranded { action, claim, .. } = stranded;
            Case {
                action,
                claim: *claim,
                attempt: action.attempts,
                plan,
                now,
                timed_out: false,
                entries: Vec::new(),
            }
            .crashed(reason(stranded))
            .finish
        });
        let recorded = store.finish(finishes.collect(), self.scheduler.context()).await?;
        self.scheduler.tell_of_ends();
        for (stranded, recorded) in recovery.stranded.iter().zip(recorded) {
            if recorded == Recorded::Superseded {
                continue;
            }
            tracing::warn!(action = %stranded.action.id, hook = %stranded.action.hook, "{}", reason(stranded));
            self.scheduler.observers().tell(&Event::Crashed {
                action: stranded.action.id,
                hook: stranded.action.hook.clone(),
                runner: stranded.runner,
            });
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

fn reason(stranded: &Stranded) -> String {
    match stranded.runner {
        Some(runner) => format!("runner {runner} died while this was in-progress"),
        None => "it was in-progress, but its runner is not known".to_owned(),
    }
}

/// Host and process, for people.
fn name() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname");
    let host = host.as_deref().map_or("localhost", str::trim);
    format!("{host}:{}", std::process::id())
}

/// The counts of beats that other runners stand at, and since when, by this process's own steady clock: neither a jump
/// of the wall clock nor two clocks that differ can make a living runner look dead.
#[derive(Default)]
pub(crate) struct Watched(HashMap<RunnerId, (u64, Instant)>);

impl Watched {
    /// The runners that have not beaten for their lease, or whose process is known to have ended.
    fn dead(&mut self, runners: Vec<crate::store::Runner>, own: RunnerId) -> Vec<DeadRunner> {
        let now = Instant::now();
        let mut dead = Vec::new();
        let mut present = HashMap::with_capacity(runners.len());
        for other in runners.into_iter().filter(|other| other.id != own) {
            let since = match self.0.get(&other.id) {
                Some((beats, since)) if *beats == other.beats => *since,
                _ => now,
            };
            let has_ended = other.runner.process.as_deref().is_some_and(Process::has_ended);
            if has_ended || now.duration_since(since) >= other.runner.lease {
                dead.push(DeadRunner { id: other.id, beats: other.beats });
            }
            present.insert(other.id, (other.beats, since));
        }
        self.0 = present;
        dead
    }
}
