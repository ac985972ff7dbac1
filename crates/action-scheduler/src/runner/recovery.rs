//! What becomes of the work of runners that give no sign of life any more.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::news;
use super::plan::Plan;
use super::process::Process;
use super::verdict::{Case, Verdict};
use crate::action::RunnerId;
use crate::error::Result;
use crate::observer::Event;
use crate::scheduler::Scheduler;
use crate::store::{DeadRunner, Heartbeat, Recorded, Stranded};

/// Recovers the work of dead runners. Anyone may do it; the store sees to it that it happens once. `own` is the runner
/// that looks, if it is one.
pub(crate) async fn recover(
    scheduler: &Scheduler,
    watched: &mut Watched,
    own: Option<RunnerId>,
) -> Result<()> {
    let store = scheduler.store();
    let heartbeats = store.heartbeats().await?;
    let dead = watched.dead(&heartbeats, own);
    let lost = dead.clone();
    let recovery = store.recover(dead, scheduler.context()).await?;
    tell_of_lost(scheduler, &lost, &heartbeats).await?;
    if recovery.released > 0 {
        tracing::warn!(
            actions = recovery.released,
            "gave claimed actions of dead runners back to the queue"
        );
        scheduler.observers().tell(&Event::Reset { actions: recovery.released });
    }
    if recovery.stranded.is_empty() {
        return Ok(());
    }
    let now = scheduler.now();
    let verdicts = recovery.stranded.iter().map(|stranded| {
        let plan = Arc::new(Plan::of(scheduler, &stranded.action.hook));
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
    });
    let verdicts: Vec<Verdict> = verdicts.collect();
    let finishes = verdicts.iter().map(|verdict| verdict.finish.clone()).collect();
    let recorded = store.finish(finishes, scheduler.context()).await?;
    scheduler.tell_of_ends();
    for ((stranded, verdict), recorded) in recovery.stranded.iter().zip(&verdicts).zip(recorded) {
        if recorded == Recorded::Superseded {
            continue;
        }
        let Stranded { action, runner, .. } = stranded;
        tracing::warn!(action = %action.id, hook = %action.hook, "{}", reason(stranded));
        news::tell_crashed(scheduler, action, *runner, verdict, recorded);
    }
    Ok(())
}

/// Tells of runners that are no longer known; one that has beaten meanwhile still is.
async fn tell_of_lost(
    scheduler: &Scheduler,
    dead: &[DeadRunner],
    before: &[Heartbeat],
) -> Result<()> {
    if dead.is_empty() || scheduler.observers().is_empty() {
        return Ok(());
    }
    let now = scheduler.now();
    let after = scheduler.store().heartbeats().await?;
    let is_known = |id| after.iter().any(|runner| runner.id == id);
    for dead in dead.iter().filter(|dead| !is_known(dead.id)) {
        let name = before.iter().find(|runner| runner.id == dead.id);
        let name = name.map(|runner| runner.name.clone()).unwrap_or_default();
        scheduler.observers().tell(&Event::RunnerLost { runner: dead.id, name, at: now });
    }
    Ok(())
}

fn reason(stranded: &Stranded) -> String {
    match stranded.runner {
        Some(runner) => format!("runner {runner} died while this was in-progress"),
        None => "it was in-progress, but its runner is not known".to_owned(),
    }
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
    pub(crate) fn new(every: Duration) -> Self {
        Self { every, looked: None, others: HashMap::new() }
    }

    /// The runners that have not beaten for their lease, or whose process is known to have ended.
    fn dead(&mut self, runners: &[Heartbeat], own: Option<RunnerId>) -> Vec<DeadRunner> {
        self.dead_at(Instant::now(), runners, own)
    }

    fn dead_at(
        &mut self,
        now: Instant,
        runners: &[Heartbeat],
        own: Option<RunnerId>,
    ) -> Vec<DeadRunner> {
        let since = self.looked.replace(now).map(|looked| now.duration_since(looked));
        let more = since.unwrap_or_default().min(self.every);
        let mut dead = Vec::new();
        let mut present = HashMap::with_capacity(runners.len());
        for other in runners.iter().filter(|other| Some(other.id) != own) {
            let lasts = match self.others.get(&other.id) {
                Some(silence) if silence.beats == other.beats => silence.lasts + more,
                _ => Duration::ZERO,
            };
            let has_ended = other.process.as_deref().is_some_and(Process::has_ended);
            if has_ended || lasts >= other.lease {
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
    use super::*;

    const LEASE: Duration = Duration::from_secs(8);

    fn id(id: i64) -> RunnerId {
        RunnerId::new(id).unwrap()
    }

    fn other(beats: u64) -> Heartbeat {
        Heartbeat { id: id(2), name: "other".to_owned(), process: None, lease: LEASE, beats }
    }

    /// Looks at these seconds, each time at a runner that stands at a count of beats; when it is taken for dead.
    fn dies_at(looks: impl IntoIterator<Item = (u64, u64)>) -> Option<u64> {
        let begun = Instant::now();
        let mut watched = Watched::new(LEASE / 4);
        looks.into_iter().find_map(|(second, beats)| {
            let now = begun + Duration::from_secs(second);
            let dead = watched.dead_at(now, &[other(beats)], Some(id(1)));
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
