//! Attempts that run: called, heard of while they run, and taken out when they have come to their end.

use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::Dispatcher;
use crate::action::{self, ClaimId};
use crate::handler::HandlerContext;
use crate::observer::Event;
use crate::runner::attempt::{Attempt, News, Report};
use crate::runner::news;
use crate::runner::verdict::Case;
use crate::store::{ClaimedAction, Outcome};

/// An attempt that runs.
pub(super) struct Running {
    pub(super) claim: ClaimId,
    pub(super) context: HandlerContext,
    pub(super) cancellation: CancellationToken,
    /// Ends the handlers when it is dropped.
    _task: AbortOnDropHandle<()>,
    /// Its failure by timeout is (being) recorded; its slot is still taken.
    pub(super) timed_out: bool,
}

impl Dispatcher {
    /// Calls the handlers of a started action.
    pub(super) fn execute(
        &mut self,
        claim: ClaimId,
        action: ClaimedAction,
        attempt: action::Attempt,
    ) {
        let plan = self.plans.of(&action.hook);
        let now = self.scheduler.now();
        let deadline = now.checked_add(plan.policy.timeout).unwrap_or(jiff::Timestamp::MAX);
        let cancellation = CancellationToken::new();
        let id = action.id;
        let problem =
            action.chain.as_ref().and_then(|chain| chain.recurring.as_ref().err().cloned());
        let span = self.scheduler.span_of(id, attempt);
        let context = HandlerContext::new(action, attempt, span, deadline, cancellation.clone());
        if let Some(problem) = problem {
            let verdict = self.case(&context, claim).unreadable_schedule(&problem);
            self.recorder.add(context, verdict);
            return;
        }
        if self.stopping.is_told() {
            let verdict = self.case(&context, claim).not_called();
            self.recorder.add(context, verdict);
            return;
        }
        let (handed, ended) = (context.clone(), cancellation.clone());
        self.scheduler.observers().tell_with(|| Event::Started {
            action: id,
            hook: context.hook().clone(),
            attempt,
            delay: Duration::try_from(now.duration_since(context.scheduled_at()))
                .unwrap_or_default(),
        });
        let task = tokio::spawn(Attempt { context, plan, cancellation }.run(self.reporter.clone()));
        let task = AbortOnDropHandle::new(task);
        let running =
            Running { claim, context: handed, cancellation: ended, _task: task, timed_out: false };
        self.running.insert((id, attempt), running);
    }

    /// Takes reports. Handlers that are done at once report in a crowd: those of them that are still under way are waited
    /// for, for less than a commit takes, so that all are recorded together.
    pub(super) async fn take_reports(&mut self, arrived: &mut Vec<Report>) {
        const CROWD: Duration = Duration::from_millis(1);
        let begun = Instant::now();
        let mut taken = 0;
        loop {
            taken += arrived.len();
            for report in arrived.drain(..) {
                self.take_report(report);
            }
            // Half of them at a time: one half runs while the other is recorded.
            let is_crowd =
                taken >= 8 && taken * 4 >= self.running.len() && taken < self.running.len();
            if !is_crowd || begun.elapsed() > CROWD {
                return;
            }
            tokio::task::yield_now().await;
            while let Ok(report) = self.reports.try_recv() {
                arrived.push(report);
            }
        }
    }

    fn take_report(&mut self, Report { action, attempt, news }: Report) {
        match news {
            News::TimedOut => {
                let Some(running) = self.running.get_mut(&(action, attempt)) else { return };
                running.timed_out = true;
                let (claim, context) = (running.claim, running.context.clone());
                let verdict = self.case(&context, claim).timed_out();
                // The result of the handler, whenever it comes, is settled too.
                *self.open.entry(claim).or_default() += 1;
                self.recorder.add(context, verdict);
            }
            News::Ended(result) => {
                // What was ended by force has a verdict already.
                let Some(Running { claim, context, timed_out, .. }) =
                    self.running.remove(&(action, attempt))
                else {
                    return;
                };
                self.claimer.batches.count(1);
                self.ahead.count();
                let case = Case { timed_out, ..self.case(&context, claim) };
                let mut verdict = case.ended(result);
                if timed_out && verdict.finish.outcome == Outcome::Failed {
                    // It is failed already; only the log has something to gain.
                    let entries = std::mem::take(&mut verdict.finish.entries);
                    let (late, ran) = (context.action(), context.ran());
                    news::tell_late_failure(&self.scheduler, late, &verdict, ran);
                    self.noter.add_late(action, entries);
                    self.close_one(claim);
                } else {
                    self.recorder.add(context, verdict);
                }
                self.call_next();
            }
        }
    }

    pub(super) fn case<'a>(&mut self, context: &'a HandlerContext, claim: ClaimId) -> Case<'a> {
        Case {
            action: context.action(),
            claim,
            attempt: context.attempt(),
            plan: self.plans.of(context.hook()),
            now: self.scheduler.now(),
            timed_out: false,
            entries: context.take_entries(),
        }
    }
}
