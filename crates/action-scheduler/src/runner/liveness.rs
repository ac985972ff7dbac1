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
use crate::store::{DeadRunner, NewRunner, Recorded, Runner, Stranded};

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
        liveness.recover(&mut watched).await?;
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

/// The counts of beats that other runners stand at, and for how long they have, by this process's own steady clock:
/// neither a jump of the wall clock nor two clocks that differ can make a living runner look dead.
///
/// What counts is time during which this one could look. While the store is away nobody can give a sign of life in it,
/// nor can anybody while all of them hold still, as in a virtual machine that is paused.
pub(crate) struct Watched {
    /// How often this one looks, when nothing is in its way.
    every: Duration,
    looked: Option<Instant>,
    others: HashMap<RunnerId, Silence>,
}

/// For how long a runner has been seen to stand at a count of beats.
#[derive(Debug, Clone, Copy)]
struct Silence {
    beats: u64,
    lasts: Duration,
}

impl Watched {
    fn new(every: Duration) -> Self {
        Self { every, looked: None, others: HashMap::new() }
    }

    /// The runners that have not beaten for their lease, or whose process is known to have ended.
    fn dead(&mut self, runners: Vec<Runner>, own: RunnerId) -> Vec<DeadRunner> {
        self.dead_at(Instant::now(), runners, own)
    }

    fn dead_at(&mut self, now: Instant, runners: Vec<Runner>, own: RunnerId) -> Vec<DeadRunner> {
        let since = self.looked.replace(now).map(|looked| now.duration_since(looked));
        let more = since.unwrap_or_default().min(self.every);
        let mut dead = Vec::new();
        let mut present = HashMap::with_capacity(runners.len());
        for other in runners.into_iter().filter(|other| other.id != own) {
            let lasts = match self.others.get(&other.id) {
                Some(silence) if silence.beats == other.beats => silence.lasts + more,
                _ => Duration::ZERO,
            };
            let has_ended = other.runner.process.as_deref().is_some_and(Process::has_ended);
            if has_ended || lasts >= other.runner.lease {
                dead.push(DeadRunner { id: other.id, beats: other.beats });
            }
            present.insert(other.id, Silence { beats: other.beats, lasts });
        }
        self.others = present;
        dead
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::log::Context;

    const LEASE: Duration = Duration::from_secs(8);

    fn id(id: i64) -> RunnerId {
        RunnerId::new(id).unwrap()
    }

    fn other(beats: u64) -> Runner {
        Runner {
            id: id(2),
            runner: NewRunner {
                name: "other".to_owned(),
                process: None,
                context: Context::new("serve"),
                workers: 1,
                lease: LEASE,
            },
            started_at: Timestamp::UNIX_EPOCH,
            heartbeat_at: Timestamp::UNIX_EPOCH,
            beats,
            claims: 0,
            in_progress: 0,
        }
    }

    /// Looks at these seconds, each time at a runner that stands at a count of beats; when it is taken for dead.
    fn dies_at(looks: impl IntoIterator<Item = (u64, u64)>) -> Option<u64> {
        let begun = Instant::now();
        let mut watched = Watched::new(LEASE / 4);
        looks.into_iter().find_map(|(second, beats)| {
            let now = begun + Duration::from_secs(second);
            let dead = watched.dead_at(now, vec![other(beats)], id(1));
            (!dead.is_empty()).then_some(second)
        })
    }

    #[test]
    fn a_runner_that_is_silent_for_its_lease_is_dead() {
        assert_eq!(dies_at([(0, 5), (2, 5), (4, 5), (6, 5), (8, 5), (10, 5)]), Some(8));
        assert_eq!(dies_at([(0, 5), (2, 5), (4, 6), (6, 6), (8, 6), (10, 6), (12, 6)]), Some(12));
    }

    #[test]
    fn a_runner_that_beats_lives() {
        assert_eq!(dies_at((0..100).map(|second| (second, second / 6))), None);
    }

    #[test]
    fn time_in_which_nobody_could_look_does_not_count() {
        assert_eq!(dies_at([(0, 5), (2, 5), (1000, 5), (1002, 6)]), None);
        assert_eq!(dies_at([(0, 5), (2, 5), (1000, 5), (1002, 5), (1004, 5)]), Some(1004));
    }
}
