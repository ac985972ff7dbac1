//! The loop that claims, starts, and records. At most one of each is under way at a time; what comes up meanwhile goes
//! into the next one together.
//!
//! Each of these has a file of its own, with the state that is its alone: `claiming`, `starting`, `ahead` and `running` for
//! what happens in between, `recording`, `noting` for what handlers say meanwhile, and `stopping` for the way to the end.

mod ahead;
mod claiming;
mod noting;
mod pending;
mod recording;
mod running;
mod starting;
mod stopping;

use std::collections::HashMap;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;

use self::ahead::Ahead;
use self::claiming::Claimer;
use self::noting::Noter;
use self::pending::sleep_until;
use self::recording::Recorder;
use self::running::Running;
use self::starting::Starter;
use self::stopping::Stopping;
use super::attempt::Report;
use super::config::{RunReport, RunnerConfig, StopReason};
use super::liveness::Liveness;
use super::plan::Plans;
use super::shutdown::Shutdown;
use crate::action::{self, ActionId, ClaimId};
use crate::error::{Error, Result};
use crate::observer::Event;
use crate::scheduler::Scheduler;
use crate::store::Pick;

/// How long to wait before the store is tried again after an error.
const STORE_RETRY: Duration = Duration::from_millis(500);

/// How often the notes of running handlers are stored.
const NOTES: Duration = Duration::from_secs(1);

pub(super) struct Dispatcher {
    scheduler: Scheduler,
    config: RunnerConfig,
    plans: Plans,

    claimer: Claimer,
    starter: Starter,
    ahead: Ahead,
    /// Started and not yet ended. An action that was taken from this runner, or canceled, and came back to it may have
    /// two attempts here.
    running: HashMap<(ActionId, action::Attempt), Running>,
    reports: UnboundedReceiver<Report>,
    reporter: UnboundedSender<Report>,
    recorder: Recorder,
    noter: Noter,
    stopping: Stopping,

    /// How many actions of each claim have not been recorded yet.
    open: HashMap<ClaimId, usize>,
    /// The store failed: start and record nothing before this.
    store_after: Option<Instant>,
    /// What is told to the store on the side, and need not be waited for until the end.
    side: JoinSet<()>,
    report: RunReport,
}

impl Dispatcher {
    pub(super) fn new(
        scheduler: Scheduler,
        config: RunnerConfig,
        pick: Pick,
        shutdown: Shutdown,
        liveness: Liveness,
    ) -> Self {
        let (reporter, reports) = unbounded_channel();
        Self {
            plans: Plans::new(scheduler.clone()),
            claimer: Claimer::new(&config, pick, liveness),
            starter: Starter::new(),
            ahead: Ahead::new(config.start_ahead),
            running: HashMap::new(),
            reports,
            reporter,
            recorder: Recorder::new(),
            noter: Noter::new(),
            stopping: Stopping::new(&config, shutdown),
            open: HashMap::new(),
            store_after: None,
            side: JoinSet::new(),
            report: RunReport {
                batches: 0,
                complete: 0,
                failed: 0,
                retried: 0,
                ignored: 0,
                released: 0,
                stopped: StopReason::Told,
            },
            scheduler,
            config,
        }
    }

    /// Runs until there is a reason to stop, then brings what is under way to its end.
    pub(super) async fn run(&mut self) {
        let mut wake = self.scheduler.store().wake();
        let mut notes = tokio::time::interval(NOTES);
        notes.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut arrived = Vec::new();
        loop {
            self.begin_claiming(&mut wake);
            self.give_back();
            if self.store_after.is_none() && self.store_is_free() {
                self.begin_storing();
            }
            if self.is_done() {
                break;
            }
            let open = !self.stopping.is_closing();
            let runs = !self.running.is_empty();
            tokio::select! {
                biased;
                _ = self.reports.recv_many(&mut arrived, 4096) => self.take_reports(&mut arrived).await,
                answer = self.recorder.answer.completion() => self.recorded(answer),
                answer = self.noter.answer.completion() => self.noted(answer),
                answer = self.starter.answer.completion() => self.started(answer),
                answer = self.claimer.answer.completion() => self.claimed(answer),
                step = self.stopping.next_step(runs) => self.stop(step),
                () = sleep_until(self.store_after) => self.store_after = None,
                () = sleep_until(self.ahead.patience_ends()) => self.give_back_impatient(),
                () = sleep_until(self.claimer.after), if open => self.claimer.after = None,
                Ok(()) = wake.changed(), if open => self.claimer.wake(),
                _ = notes.tick(), if runs => self.noter.come_due(),
            }
        }
        while self.side.join_next().await.is_some() {}
    }

    /// Nothing is on its way to the store but claims and what is told on the side.
    fn store_is_free(&self) -> bool {
        self.recorder.answer.is_none()
            && self.noter.answer.is_none()
            && self.starter.answer.is_none()
    }

    /// What ended and what comes next go to the store together, and into one transaction there.
    fn begin_storing(&mut self) {
        if !self.noter.comes_first() {
            self.begin_recording();
            self.take_notes();
        }
        if self.recorder.answer.is_none() {
            self.begin_noting();
        }
        self.begin_starting();
    }

    /// What was done; an error, if the store has not been told of all of it.
    pub(super) fn report(self) -> Result<RunReport> {
        match self.noter.waiting() {
            0 => {}
            notes => tracing::warn!(notes, "the store did not take the last notes of handlers"),
        }
        let unconfirmed = self.starter.unconfirmed();
        let mut actions: Vec<ActionId> = self.recorder.unrecorded().chain(unconfirmed).collect();
        actions.sort_unstable();
        actions.dedup();
        if !actions.is_empty() {
            return Err(Error::Unrecorded { actions });
        }
        Ok(RunReport {
            batches: self.claimer.claimed,
            stopped: self.stopping.reason(),
            ..self.report
        })
    }

    fn is_done(&self) -> bool {
        self.stopping.is_closing()
            && self.starter.waiting() == 0
            && self.running.is_empty()
            && self.ahead.waiting() == 0
            && self.recorder.waiting() == 0
            && self.noter.waiting() == 0
            && self.claimer.answer.is_none()
            && self.store_is_free()
    }

    /// One action of a claim is settled.
    fn close_one(&mut self, claim: ClaimId) {
        let Some(left) = self.open.get_mut(&claim) else { return };
        *left = left.saturating_sub(1);
        if *left == 0 {
            self.open.remove(&claim);
            self.scheduler.observers().tell_with(|| Event::BatchDone { claim });
            if self.claimer.drains() {
                self.claimer.after = None;
            }
        }
    }
}
