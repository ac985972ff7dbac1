//! Stopping: claiming ends, what was not started is given back, and what runs has the grace period to come to its end.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Dispatcher;
use super::pending::sleep_until;
use super::running::Running;
use crate::runner::attempt::LAST_MOMENT;
use crate::runner::config::{RunnerConfig, StopReason};
use crate::runner::memory::used_memory;
use crate::runner::shutdown::Shutdown;

/// How far a runner has come on its way to its end.
pub(super) struct Stopping {
    shutdown: Shutdown,
    grace: Duration,
    limits: Limits,
    /// No further claims are made, for this reason.
    reason: Option<StopReason>,
    /// When handlers that still run are told to end; a moment later they are ended by force.
    grace_ends: Option<Instant>,
    force_at: Option<Instant>,
    /// It was told to stop at once.
    at_once: bool,
}

/// What comes next on the way.
pub(super) enum Step {
    Told,
    ToldToStopAtOnce,
    GraceIsOver,
    Force,
}

impl Stopping {
    pub(super) fn new(config: &RunnerConfig, shutdown: Shutdown) -> Self {
        Self {
            shutdown,
            grace: config.grace,
            limits: Limits {
                begun: Instant::now(),
                time: config.time_limit,
                memory: config.memory_limit,
            },
            reason: None,
            grace_ends: None,
            force_at: None,
            at_once: false,
        }
    }

    /// No further claims are made.
    pub(super) fn close(&mut self, reason: StopReason) {
        self.reason = Some(reason);
    }

    pub(super) fn is_closing(&self) -> bool {
        self.reason.is_some()
    }

    /// Why it stops.
    pub(super) fn reason(&self) -> StopReason {
        self.reason.unwrap_or(StopReason::Told)
    }

    /// Whether it was told to stop: no further handler is called.
    pub(super) fn is_told(&self) -> bool {
        self.grace_ends.is_some()
    }

    /// Whether what was claimed is given back; a runner that drains runs it.
    fn gives_back(&self) -> bool {
        use StopReason::{AtCapacity, Drained, MemoryLimit, TimeLimit, Told};
        match self.reason {
            Some(Told | TimeLimit | MemoryLimit) => true,
            Some(Drained | AtCapacity) | None => false,
        }
    }

    /// Completes when it is time for the next step; some of them concern only what runs.
    pub(super) async fn next_step(&self, runs: bool) -> Step {
        tokio::select! {
            biased;
            () = self.shutdown.stopping(), if !self.is_told() => Step::Told,
            () = self.shutdown.stopping_at_once(), if !self.at_once => Step::ToldToStopAtOnce,
            () = sleep_until(self.grace_ends), if runs && self.force_at.is_none() => Step::GraceIsOver,
            () = sleep_until(self.force_at), if runs => Step::Force,
            // The caller of this waits for other things, too.
            else => std::future::pending().await,
        }
    }
}

/// What ends a run by itself (reference, section 5).
struct Limits {
    begun: Instant,
    time: Option<Duration>,
    memory: Option<u64>,
}

impl Limits {
    /// The limit that is reached after so many attempts.
    fn reached(&self, ended: u64) -> Option<StopReason> {
        if let (Some(limit), Some(used)) = (self.memory, used_memory())
            && used >= limit
        {
            return Some(StopReason::MemoryLimit);
        }
        let limit = self.time?;
        let elapsed = self.begun.elapsed();
        let average = match u32::try_from(ended) {
            Ok(ended @ 1..) => elapsed / ended,
            _ => Duration::ZERO,
        };
        (elapsed + 3 * average >= limit).then_some(StopReason::TimeLimit)
    }
}

impl Dispatcher {
    /// Whether a limit of time or memory is reached, now or before.
    pub(super) fn is_over_limit(&mut self) -> bool {
        let ended = self.report.complete + self.report.failed + self.report.retried;
        if let Some(reason) = self.stopping.limits.reached(ended) {
            self.stopping.close(reason);
        }
        matches!(self.stopping.reason, Some(StopReason::TimeLimit | StopReason::MemoryLimit))
    }

    /// Takes a step on the way to the end.
    pub(super) fn stop(&mut self, step: Step) {
        match step {
            Step::Told => {
                self.stopping.close(StopReason::Told);
                self.stopping.grace_ends = Some(Instant::now() + self.stopping.grace);
            }
            Step::ToldToStopAtOnce => {
                self.stopping.close(StopReason::Told);
                self.stopping.grace_ends.get_or_insert_with(Instant::now);
                self.stopping.at_once = true;
                self.end_running();
            }
            Step::GraceIsOver => {
                for running in self.running.values() {
                    running.cancellation.cancel();
                }
                self.stopping.force_at = Some(Instant::now() + LAST_MOMENT);
            }
            Step::Force => self.end_running(),
        }
    }

    /// Gives back what was claimed and will not be started any more.
    pub(super) fn give_back(&mut self) {
        if !self.stopping.gives_back() {
            return;
        }
        self.give_back_ahead();
        let mut claims = self.starter.give_up();
        if claims.is_empty() {
            return;
        }
        self.report.released += claims.len() as u64;
        for claim in &claims {
            self.close_one(*claim);
        }
        claims.dedup();
        let store = Arc::clone(self.scheduler.store());
        let context = self.scheduler.context().clone();
        self.side.spawn(async move {
            if let Err(error) = store.release(claims, &context).await {
                // Signing off, which comes last, gives them back as well.
                tracing::warn!(%error, "claimed actions could not be given back yet");
            }
        });
    }

    /// Ends what still runs, and records it as the policy for crashes has it.
    fn end_running(&mut self) {
        for (_, Running { claim, context, cancellation, timed_out, .. }) in
            std::mem::take(&mut self.running)
        {
            cancellation.cancel();
            if timed_out {
                self.close_one(claim);
                continue;
            }
            let reason = "the runner was stopped and the handler had not ended in time".to_owned();
            let verdict = self.case(&context, claim).crashed(reason);
            self.recorder.add(context, verdict);
        }
    }
}
