//! Recording: results are kept until the store has taken them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::pending::Pending;
use super::{Dispatcher, STORE_RETRY};
use crate::action::ActionId;
use crate::error::Result;
use crate::handler::HandlerContext;
use crate::log::Context;
use crate::observer::Event;
use crate::runner::verdict::Verdict;
use crate::store::{Outcome, Recorded, Store};

/// An attempt that has come to its end, or to its timeout.
struct Settled {
    context: HandlerContext,
    /// What is to be stored of it.
    verdict: Verdict,
    /// How long it ran.
    ran: Duration,
}

/// What the store says to results.
type Answer = Result<Vec<Recorded>>;

/// Holds results until they are stored.
pub(super) struct Recorder {
    /// Ended and not yet recorded.
    settled: Vec<Settled>,
    /// Those that the store was asked to record.
    asked: Vec<Settled>,
    pub(super) answer: Pending<Answer>,
}

impl Recorder {
    pub(super) fn new() -> Self {
        Self { settled: Vec::new(), asked: Vec::new(), answer: Pending::none() }
    }

    pub(super) fn add(&mut self, context: HandlerContext, verdict: Verdict) {
        let ran = context.ran();
        self.settled.push(Settled { context, verdict, ran });
    }

    /// How many results wait to be recorded.
    pub(super) fn waiting(&self) -> usize {
        self.settled.len()
    }

    /// The actions whose results the store has not taken.
    pub(super) fn unrecorded(&self) -> impl Iterator<Item = ActionId> {
        self.asked.iter().chain(&self.settled).map(|settled| settled.context.id())
    }

    fn ask(&mut self, store: Arc<dyn Store>, context: Context) {
        std::mem::swap(&mut self.asked, &mut self.settled);
        let finishes = self.asked.iter().map(|settled| settled.verdict.finish.clone()).collect();
        self.answer.begin(async move { store.finish(finishes, &context).await });
    }

    /// They could not be recorded: they wait again, before all others.
    fn put_back(&mut self) {
        self.asked.append(&mut self.settled);
        std::mem::swap(&mut self.asked, &mut self.settled);
    }
}

impl Dispatcher {
    pub(super) fn begin_recording(&mut self) {
        if self.recorder.waiting() == 0 || self.store_after.is_some() {
            return;
        }
        let store = Arc::clone(self.scheduler.store());
        self.recorder.ask(store, self.scheduler.context().clone());
    }

    pub(super) fn recorded(&mut self, answer: Answer) {
        let answers = match answer {
            Ok(answers) => answers,
            Err(error) => {
                let results = self.recorder.asked.len();
                tracing::error!(%error, results, "cannot record results; they are kept");
                self.recorder.put_back();
                self.store_after = Some(Instant::now() + STORE_RETRY);
                return;
            }
        };
        self.scheduler.tell_of_ends();
        let asked = std::mem::take(&mut self.recorder.asked);
        for (settled, answer) in asked.into_iter().zip(answers) {
            self.tell(&settled, answer);
            self.close_one(settled.verdict.finish.claim);
        }
    }

    /// Counts a result that is stored, and tells who listens.
    fn tell(&mut self, settled: &Settled, answer: Recorded) {
        let Settled { context, verdict, ran } = settled;
        let (action, ran) = (context.action(), *ran);
        let observers = self.scheduler.observers();
        let (id, hook, attempt) = (action.id, || action.hook.clone(), verdict.finish.attempt);
        let reason = || verdict.reason.clone().unwrap_or_default();
        let Recorded::Yes { next, paused } = answer else {
            tracing::warn!(action = %id, %attempt, "a result came too late: the attempt was no longer in charge");
            observers.tell_with(|| Event::Superseded { action: id, hook: hook(), attempt });
            return;
        };
        match verdict.finish.outcome {
            Outcome::Complete => {
                self.report.complete += 1;
                observers.tell_with(|| Event::Completed { action: id, hook: hook(), attempt, ran });
            }
            Outcome::Failed | Outcome::Crashed => {
                self.report.failed += 1;
                observers.tell_with(|| Event::Failed {
                    action: id,
                    hook: hook(),
                    attempt,
                    reason: reason(),
                    ran,
                });
            }
            Outcome::TimedOut => {
                self.report.failed += 1;
                observers.tell_with(|| Event::TimedOut { action: id, hook: hook(), attempt, ran });
            }
            Outcome::Retry { .. } | Outcome::CrashedRetry { .. } => {
                self.report.retried += 1;
                observers.tell_with(|| Event::Retrying {
                    action: id,
                    hook: hook(),
                    attempt,
                    reason: reason(),
                    ran,
                });
            }
            Outcome::NotCalled => self.report.released += 1,
        }
        if let (Some(next), Some(succession)) = (next, &verdict.finish.succession) {
            observers.tell_with(|| Event::NextScheduled { chain: succession.chain, action: next });
        }
        if let Some(chain) = paused {
            tracing::warn!(%chain, hook = %action.hook, "a chain was paused after failures in a row");
            observers.tell_with(|| Event::ChainPaused { chain, hook: hook() });
        }
    }
}
