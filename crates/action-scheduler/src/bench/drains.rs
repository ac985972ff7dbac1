//! Drains over one store, one after another, by runners that more or less is listening to: what does that cost?

use std::sync::Arc;

use super::rounds::Rates;
use super::{HOOK, all_complete, drain, empty, enqueue, of};
use crate::action::Priority;
use crate::error::Result;
use crate::schedule::Schedule;
use crate::scheduler::Scheduler;
use crate::store::{Store, StoreUrl};

/// Drains of the same number of actions each.
pub struct Drains {
    store: Arc<dyn Store>,
    actions: u64,
    workers: usize,
    /// How many actions were drained, in all of them.
    drained: u64,
}

impl Drains {
    /// Over a store that has no actions yet, by runners that execute so many at once.
    pub async fn of(store: &StoreUrl, actions: u64, workers: usize) -> Result<Self> {
        let store = Arc::clone(empty(store).await?.store());
        Ok(Self { store, actions, workers, drained: 0 })
    }

    /// A scheduler over the store, to which nothing is bound and nobody listens.
    pub fn scheduler(&self) -> Scheduler {
        of(&self.store)
    }

    /// Stores actions, and drains them with one runner of a scheduler over the same store, to which nothing is bound yet.
    /// When the store agrees that all are complete, the rate is added to others.
    pub async fn drain(&mut self, by: Scheduler, rates: &mut DrainRates) -> Result<()> {
        let actions = self.actions;
        let own = self.scheduler();
        enqueue::bulk(&own, actions, HOOK, Priority::default(), Schedule::Async).await?;
        let drained = drain::here(by, actions, self.workers).await?;
        self.drained += actions;
        all_complete(&own, self.drained).await?;
        rates.0.push(actions, drained.time);
        Ok(())
    }
}

/// Rates of drains, in actions per second.
#[derive(Debug, Default)]
pub struct DrainRates(Rates);

impl DrainRates {
    /// The rate in the middle, or between the two in the middle.
    pub fn median(&self) -> f64 {
        self.0.median()
    }
}
