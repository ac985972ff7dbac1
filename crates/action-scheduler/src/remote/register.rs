//! Who the workers are, and their signs of life.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::future::join_all;

use super::{Hub, NewWorker, RemoteError};
use crate::action::RunnerId;
use crate::log::Context;
use crate::store::{AttemptsOf, NewRunner, Runner};

/// What the context of a remote worker begins with, by which its runner is told from others.
const REMOTE: &str = "remote: ";

/// How often to look who has to be kept alive.
const LOOK: Duration = Duration::from_secs(1);

/// How many signs of life are given at once.
const AT_ONCE: usize = 50;

/// The workers that have called here.
#[derive(Default)]
pub(super) struct Register {
    workers: Mutex<HashMap<RunnerId, Worker>>,
    /// One at a time reads the list of all.
    learning: tokio::sync::Mutex<()>,
}

struct Worker {
    context: Context,
    lease: Duration,
    /// When the store was last told that it lives.
    beaten: Instant,
    /// How many of its claims wait here.
    waits: usize,
    /// Whether it is known here what it has in-progress.
    adopted: bool,
}

impl Worker {
    /// Whether it is time to tell the store that it lives: four times in each lease.
    fn is_due(&self, now: Instant) -> bool {
        now.duration_since(self.beaten) >= self.lease / 4
    }
}

impl Register {
    fn workers(&self) -> MutexGuard<'_, HashMap<RunnerId, Worker>> {
        self.workers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds those of these runners that are remote workers.
    fn add(&self, runners: Vec<Runner>) {
        let mut workers = self.workers();
        for Runner { id, runner, .. } in runners {
            if runner.context.as_str().starts_with(REMOTE) {
                let NewRunner { context, lease, .. } = runner;
                let beaten = Instant::now();
                let worker = Worker { context, lease, beaten, waits: 0, adopted: false };
                workers.entry(id).or_insert(worker);
            }
        }
    }

    /// What a worker has in-progress is not certain: it is read again when it calls.
    pub(super) fn look_again(&self, worker: RunnerId) {
        if let Some(worker) = self.workers().get_mut(&worker) {
            worker.adopted = false;
        }
    }

    fn beaten(&self, worker: RunnerId, at: Instant) {
        if let Some(worker) = self.workers().get_mut(&worker) {
            worker.beaten = at;
        }
    }
}

/// Keeps a worker alive while it exists: one that waits is not silent.
pub(super) struct Waits<'a> {
    register: &'a Register,
    worker: RunnerId,
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        if let Some(worker) = self.register.workers().get_mut(&self.worker) {
            worker.waits = worker.waits.saturating_sub(1);
        }
    }
}

impl Hub {
    pub(super) async fn sign_on(&self, new: NewWorker) -> Result<RunnerId, RemoteError> {
        let NewWorker { name, lease, slots } = new;
        let context = Context::new(&format!("{REMOTE}{name}"));
        let runner =
            NewRunner { name, process: None, context: context.clone(), workers: slots, lease };
        let id = self.scheduler.store().register(runner).await?;
        let worker = Worker { context, lease, beaten: Instant::now(), waits: 0, adopted: true };
        self.register.workers().insert(id, worker);
        Ok(id)
    }

    pub(super) async fn sign_off(&self, worker: RunnerId) -> Result<(), RemoteError> {
        let context = self.alive(worker).await?;
        self.forget(worker);
        Ok(self.scheduler.store().unregister(worker, &context).await?)
    }

    /// A worker called: whatever it wants, that is a sign of life. Its context, if it is known.
    pub(super) async fn alive(&self, worker: RunnerId) -> Result<Context, RemoteError> {
        let known = self
            .register
            .workers()
            .get(&worker)
            .map(|known| (known.context.clone(), known.is_due(Instant::now()), known.adopted));
        let (context, is_due) = match known {
            Some((context, is_due, true)) => (context, is_due),
            _ => (self.learn(worker).await?, true),
        };
        if is_due {
            self.beat(worker).await?;
        }
        Ok(context)
    }

    /// Tells the store that a worker lives.
    pub(super) async fn beat(&self, worker: RunnerId) -> Result<(), RemoteError> {
        let now = Instant::now();
        if !self.scheduler.store().heartbeat(worker).await? {
            self.forget(worker);
            return Err(RemoteError::UnknownWorker(worker));
        }
        self.register.beaten(worker, now);
        Ok(())
    }

    /// Learns of a worker that registered before this process was started, or elsewhere, and of what it has in-progress.
    async fn learn(&self, worker: RunnerId) -> Result<Context, RemoteError> {
        let _one_at_a_time = self.register.learning.lock().await;
        let store = self.scheduler.store();
        if !self.register.workers().contains_key(&worker) {
            // All of them at once: when a server was started again, all of them call.
            self.register.add(store.runners().await?);
        }
        let known = self.register.workers().get(&worker).map(|known| known.context.clone());
        let context = known.ok_or(RemoteError::UnknownWorker(worker))?;
        for open in store.attempts(AttemptsOf::Runner(worker)).await? {
            self.take_charge(worker, &context, open);
        }
        if let Some(known) = self.register.workers().get_mut(&worker) {
            known.adopted = true;
        }
        Ok(context)
    }

    fn forget(&self, worker: RunnerId) {
        self.register.workers().remove(&worker);
        self.charge.forget(worker);
    }

    /// The worker waits from here on, as long as what this gives exists.
    pub(super) fn waits(&self, worker: RunnerId) -> Waits<'_> {
        if let Some(known) = self.register.workers().get_mut(&worker) {
            known.waits += 1;
        }
        Waits { register: &self.register, worker }
    }

    /// Beats for those that wait, and forgets those that have long been silent: the store knows them for as long as it
    /// should.
    pub(super) async fn keep_alive(&self) {
        let mut ticks = tokio::time::interval(LOOK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let now = Instant::now();
            let (mut waiting, mut silent) = (Vec::new(), Vec::new());
            for (id, worker) in self.register.workers().iter() {
                if worker.waits > 0 && worker.is_due(now) {
                    waiting.push(*id);
                } else if worker.waits == 0 && now.duration_since(worker.beaten) > 2 * worker.lease
                {
                    silent.push(*id);
                }
            }
            for worker in silent {
                self.forget(worker);
            }
            for some in waiting.chunks(AT_ONCE) {
                let beats = some.iter().map(|worker| self.beat(*worker));
                for (worker, beaten) in some.iter().zip(join_all(beats).await) {
                    match beaten {
                        Ok(()) => {}
                        Err(RemoteError::Error(error)) => {
                            tracing::warn!(%worker, %error, "no sign of life could be given; trying again");
                        }
                        Err(error) => tracing::warn!(%worker, "{error}"),
                    }
                }
            }
        }
    }
}
