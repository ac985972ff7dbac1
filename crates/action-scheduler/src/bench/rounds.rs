//! The drain and the floor beside it, over and over: machines are noisy, and one round of each says little.

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use super::drain::{self, Drained, Shares};
use super::{BenchOptions, HOOK, Progress, Runners, all_complete, enqueue, of, processes, rate};
use crate::action::Priority;
use crate::error::Result;
use crate::runner::peak_memory;
use crate::schedule::Schedule;
use crate::scheduler::Scheduler;
use crate::store::floor;

/// What the rounds gave.
#[derive(Debug, Default)]
pub(super) struct Rounds {
    /// Enqueues in bulk.
    pub(super) enqueue: Rates,
    /// Drains by all runners.
    pub(super) engine: Rates,
    /// Drains by one runner of several.
    pub(super) one_runner: Option<Rates>,
    pub(super) floor: Rates,
    /// Of the round in which they differed most.
    pub(super) shares: Shares,
    /// The most memory that a process used up to the end of the first drain: what comes later holds that of the floor, too.
    pub(super) peak_memory: Option<u64>,
    /// How many actions were drained, in all of them.
    drained: u64,
}

impl Rounds {
    /// Measures all of them.
    pub(super) async fn measure(
        scheduler: &Scheduler,
        options: &BenchOptions,
        runners: Runners<'_>,
        progress: Progress<'_>,
    ) -> Result<Self> {
        let mut rounds = Self::default();
        let count = options.rounds;
        let batch = u32::try_from(options.workers).unwrap_or(u32::MAX);
        for round in 1..=count.get() {
            let step = |what: &str| progress(&format!("round {round} of {count}: {what}"));
            step("drain");
            let drained = rounds.drain(scheduler, options, runners).await?;
            rounds.engine.push(options.actions, drained.time);
            if round == 1 {
                rounds.peak_memory = drained.peak_memory.max(peak_memory());
            }
            if drained.shares.deviation_percent() >= rounds.shares.deviation_percent() {
                rounds.shares = drained.shares;
            }
            if let Runners::Processes(_, start) = runners {
                step("drain by one runner");
                let one = Runners::Processes(NonZeroU32::MIN, start);
                let drained = rounds.drain(scheduler, options, one).await?;
                rounds.one_runner.get_or_insert_default().push(options.actions, drained.time);
            }
            step("floor");
            let floor = floor::drain(&options.store, options.actions, batch).await?;
            rounds.floor.push(options.actions, floor);
        }
        Ok(rounds)
    }

    /// Enqueues what is to be drained, and drains it.
    async fn drain(
        &mut self,
        scheduler: &Scheduler,
        options: &BenchOptions,
        runners: Runners<'_>,
    ) -> Result<Drained> {
        let actions = options.actions;
        let begun = Instant::now();
        enqueue::bulk(scheduler, actions, HOOK, Priority::default(), Schedule::Async).await?;
        self.enqueue.push(actions, begun.elapsed());
        let drained = match runners {
            Runners::Here => drain::here(of(scheduler.store()), actions, options.workers).await?,
            Runners::Processes(count, start) => processes::drain(actions, count, start).await?,
        };
        self.drained += actions;
        all_complete(scheduler, self.drained).await?;
        Ok(drained)
    }
}

/// Rates of the rounds, in actions per second.
#[derive(Debug, Default)]
pub(super) struct Rates(Vec<f64>);

impl Rates {
    pub(super) fn push(&mut self, actions: u64, time: Duration) {
        self.0.push(rate(actions, time));
    }

    /// The one in the middle, or between the two in the middle; of none it is nothing.
    pub(super) fn median(&self) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_unstable_by(f64::total_cmp);
        let at = |place: usize| sorted.get(place).copied().unwrap_or_default();
        f64::midpoint(at(sorted.len().saturating_sub(1) / 2), at(sorted.len() / 2))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_rate_in_the_middle() {
        let median = |rates: &[f64]| Rates(rates.to_vec()).median();
        assert_eq!(median(&[]), 0.0);
        assert_eq!(median(&[7.0]), 7.0);
        assert_eq!(median(&[9.0, 1.0]), 5.0);
        assert_eq!(median(&[30.0, 10.0, 1000.0]), 30.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
    }
}
