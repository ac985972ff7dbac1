//! Recording: results are kept until the store has taken them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::pending::Pending;
use super::{Dispatcher, STORE_RETRY};
use crate::action::ActionId;
use crate::error::Result;
use crate::handler::HandlerContext;
use crate::log::Context;
use crate::runner::news;
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
        if self.recorder.waiting() == 0 {
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
        news::tell(&self.scheduler, context.action(), verdict, *ran, answer);
        if answer == Recorded::Superseded {
            return;
        }
        let count = match verdict.finish.outcome {
            Outcome::Complete => &mut self.report.complete,
            Outcome::Failed | Outcome::Crashed | Outcome::TimedOut => &mut self.report.failed,
            Outcome::Retry { .. } | Outcome::CrashedRetry { .. } => &mut self.report.retried,
            Outcome::NotCalled => &mut self.report.released,
        };
        *count += 1;
    }
}
