//! Jobs: changes to many actions that go on while their progress is looked at. They live as long as the process; each
//! batch of theirs is done for good when it is done.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use action_scheduler::scheduler::{Bulk, Progress};
use axum::http::StatusCode;
use jiff::Timestamp;

use crate::http::Problem;

/// How many jobs may be at work at once: they share the store with the runner.
const AT_ONCE: usize = 4;
/// How many jobs are remembered.
const REMEMBERED: usize = 100;

/// The id of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct JobId(u64);

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for JobId {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

/// A job, as it stands.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    /// What it does.
    pub(crate) title: String,
    /// What has been done to those that are done: `canceled`.
    pub(crate) done: &'static str,
    /// How many there are to do, if that was counted.
    pub(crate) expected: Option<u64>,
    /// Where one goes afterwards.
    pub(crate) back: String,
    /// When it began.
    pub(crate) begun: Timestamp,
    /// How far it has come.
    pub(crate) progress: Progress,
    /// How it came out; none while it is at work.
    pub(crate) outcome: Option<Outcome>,
    stopping: bool,
}

/// How a job came out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// All has been done.
    Done,
    /// Someone stopped it.
    Stopped,
    /// It could not go on.
    Failed(String),
}

impl Job {
    /// A job that begins now.
    pub(crate) fn new(
        title: String,
        done: &'static str,
        expected: Option<u64>,
        back: &str,
        begun: Timestamp,
    ) -> Self {
        let progress = Progress::default();
        let back = back.to_owned();
        Self { title, done, expected, back, begun, progress, outcome: None, stopping: false }
    }
}

/// The jobs of this process.
#[derive(Debug, Clone, Default)]
pub(crate) struct Jobs(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    last: u64,
    jobs: BTreeMap<JobId, Job>,
}

impl Jobs {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a job.
    pub(crate) fn start(&self, job: Job, bulk: Bulk) -> Result<JobId, Problem> {
        let id = {
            let mut known = self.known();
            let busy = known.jobs.values().filter(|job| job.outcome.is_none()).count();
            if busy >= AT_ONCE {
                let detail = format!(
                    "{busy} changes to many actions are at work; wait for one of them to end"
                );
                let title = "Too much at once";
                return Err(Problem::other(StatusCode::TOO_MANY_REQUESTS, "busy", title, detail));
            }
            known.last += 1;
            let id = JobId(known.last);
            known.jobs.insert(id, job);
            while known.jobs.len() > REMEMBERED {
                let ended = known.jobs.iter().find(|(_, job)| job.outcome.is_some());
                let Some(oldest) = ended.map(|(id, _)| *id) else { break };
                known.jobs.remove(&oldest);
            }
            id
        };
        tokio::spawn(self.clone().work(id, bulk));
        Ok(id)
    }

    async fn work(self, id: JobId, mut bulk: Bulk) {
        loop {
            let step = bulk.next().await;
            let mut known = self.known();
            let Some(job) = known.jobs.get_mut(&id) else { return };
            match step {
                Ok(Some(progress)) => job.progress = progress,
                Ok(None) => job.outcome = Some(Outcome::Done),
                Err(error) => {
                    tracing::error!(job = %id, %error, "a change to many actions broke off");
                    job.outcome = Some(Outcome::Failed(error.to_string()));
                }
            }
            if job.stopping && job.outcome.is_none() {
                job.outcome = Some(Outcome::Stopped);
            }
            if job.outcome.is_some() {
                return;
            }
        }
    }

    /// How a job stands.
    pub(crate) fn look(&self, id: JobId) -> Option<Job> {
        self.known().jobs.get(&id).cloned()
    }

    /// Stops a job after the batch it is at; one that has ended stays as it is.
    pub(crate) fn stop(&self, id: JobId) {
        if let Some(job) = self.known().jobs.get_mut(&id) {
            job.stopping = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use action_scheduler::store::Call;
    use action_scheduler::time::Clock;
    use action_scheduler::{Query, Scheduler};
    use testkit::{Fault, FaultyStore, MemoryStore, StandStill};

    use super::*;

    /// A store with 2,500 pending actions, which is three batches.
    async fn queue() -> (Arc<FaultyStore>, Scheduler) {
        let store = Arc::new(FaultyStore::new(Arc::new(MemoryStore::new(Clock::system()))));
        let scheduler = Scheduler::builder(store.clone()).build();
        let action = || scheduler.enqueue_async("task", ()).into_action().unwrap();
        scheduler.insert((0..2500).map(|_| action()).collect()).await.unwrap();
        (store, scheduler)
    }

    fn job() -> Job {
        let begun = "2026-01-15T12:00:00Z".parse().unwrap();
        Job::new("Cancel many".to_owned(), "canceled", None, "/actions", begun)
    }

    fn canceling(scheduler: &Scheduler) -> Bulk {
        scheduler.cancel_all(Query::new(), None)
    }

    async fn ended(jobs: &Jobs, id: JobId) -> Job {
        loop {
            let job = jobs.look(id).unwrap();
            if job.outcome.is_some() {
                return job;
            }
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn a_job_does_all_there_is_to_do() {
        let (_, scheduler) = queue().await;
        let jobs = Jobs::default();
        let id = jobs.start(job(), canceling(&scheduler)).unwrap();
        let job = ended(&jobs, id).await;
        assert_eq!((job.outcome, job.progress.done), (Some(Outcome::Done), 2500));
    }

    #[tokio::test]
    async fn one_that_is_stopped_ends_with_the_batch_it_is_at() {
        let (store, scheduler) = queue().await;
        let stand_still = StandStill::default();
        store.stand_still_before(Call::Cancel, stand_still.clone());
        let jobs = Jobs::default();
        let id = jobs.start(job(), canceling(&scheduler)).unwrap();
        stand_still.begun.notified().await;
        jobs.stop(id);
        stand_still.go_on.notify_one();
        let job = ended(&jobs, id).await;
        assert_eq!((job.outcome, job.progress.done), (Some(Outcome::Stopped), 1000));
    }

    #[tokio::test]
    async fn one_that_breaks_off_says_why_and_how_much_is_done() {
        let (store, scheduler) = queue().await;
        // Each batch is looked for and then changed.
        store.go_away_at(Fault::Before(2));
        let jobs = Jobs::default();
        let id = jobs.start(job(), canceling(&scheduler)).unwrap();
        let job = ended(&jobs, id).await;
        assert_eq!(job.progress.done, 1000);
        let Some(Outcome::Failed(reason)) = job.outcome else { panic!("{job:?}") };
        assert!(reason.contains("the store is away"), "{reason}");
    }

    #[tokio::test]
    async fn only_a_few_are_at_work_at_once() {
        let (store, scheduler) = queue().await;
        store.fall_silent();
        let jobs = Jobs::default();
        for _ in 0..AT_ONCE {
            jobs.start(job(), canceling(&scheduler)).unwrap();
        }
        let refused = jobs.start(job(), canceling(&scheduler)).unwrap_err();
        assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    }

    #[tokio::test]
    async fn those_that_ended_first_are_forgotten_first() {
        let (_, scheduler) = queue().await;
        let jobs = Jobs::default();
        let mut ids = Vec::new();
        for _ in 0..REMEMBERED + 2 {
            ids.push(jobs.start(job(), canceling(&scheduler)).unwrap());
            ended(&jobs, *ids.last().unwrap()).await;
        }
        let known: Vec<JobId> = ids.iter().copied().filter(|id| jobs.look(*id).is_some()).collect();
        assert_eq!(known, ids[2..]);
    }
}
