//! Starting: what was claimed is committed as `in-progress` before its handlers are called.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use super::pending::Pending;
use super::{Dispatcher, STORE_RETRY};
use crate::action::{ActionId, ClaimId};
use crate::error::Result;
use crate::log::Context;
use crate::observer::Event;
use crate::runner::plan::Plans;
use crate::store::{Claim, ClaimedAction, Start, Started, Store};

/// A claimed action that waits for a free worker.
type Ready = (ClaimId, ClaimedAction);

/// What the store says to starts.
type Answer = Result<Vec<Started>>;

/// Holds what was claimed until it is started.
pub(super) struct Starter {
    /// Claimed and not yet started, in claim order.
    ready: VecDeque<Ready>,
    /// Those that the store was asked to start.
    asked: Vec<Ready>,
    pub(super) answer: Pending<Answer>,
}

impl Starter {
    pub(super) fn new() -> Self {
        Self { ready: VecDeque::new(), asked: Vec::new(), answer: Pending::none() }
    }

    pub(super) fn add(&mut self, claim: Claim) {
        self.ready.extend(claim.actions.into_iter().map(|action| (claim.id, action)));
    }

    /// How many actions wait for a worker.
    pub(super) fn waiting(&self) -> usize {
        self.ready.len()
    }

    /// The actions of which the store has not said whether they are started.
    pub(super) fn unconfirmed(&self) -> impl Iterator<Item = ActionId> {
        self.asked.iter().map(|(_, action)| action.id)
    }

    /// The claims of all that waits, one for each action; it does not wait any more. What is being started is not in the
    /// queue, and a store that failed may give it back yet: nothing is taken then.
    pub(super) fn give_up(&mut self) -> Vec<ClaimId> {
        match self.answer.is_none() {
            true => self.ready.drain(..).map(|(claim, _)| claim).collect(),
            false => Vec::new(),
        }
    }

    fn ask(&mut self, most: usize, plans: &mut Plans, store: Arc<dyn Store>, context: Context) {
        self.asked.extend(self.ready.drain(..most.min(self.ready.len())));
        let starts = self.asked.iter().map(|(claim, action)| Start {
            action: action.id,
            claim: *claim,
            log: plans.of(&action.hook).logs_all(),
        });
        let starts = starts.collect();
        self.answer.begin(async move { store.start(starts, &context).await });
    }

    /// They could not be started: they wait again, before all others.
    fn put_back(&mut self) {
        for action in self.asked.drain(..).rev() {
            self.ready.push_front(action);
        }
    }
}

impl Dispatcher {
    pub(super) fn begin_starting(&mut self) {
        if self.starter.waiting() == 0 || self.is_over_limit() {
            return;
        }
        let room = self.config.workers.max(1) + self.ahead.room();
        let free = room.saturating_sub(self.running.len() + self.ahead.waiting());
        // While results pile up unrecorded, nothing more is started.
        let backlog = self.config.workers.saturating_mul(4).max(64);
        if free == 0 || self.recorder.waiting() > backlog {
            return;
        }
        let store = Arc::clone(self.scheduler.store());
        self.starter.ask(free, &mut self.plans, store, self.scheduler.context().clone());
    }

    pub(super) fn started(&mut self, answer: Answer) {
        let answers = match answer {
            Ok(answers) => answers,
            Err(error) => {
                tracing::error!(%error, "cannot start actions; trying again");
                self.starter.put_back();
                self.store_after = Some(Instant::now() + STORE_RETRY);
                return;
            }
        };
        let asked = std::mem::take(&mut self.starter.asked);
        for ((claim, action), answer) in asked.into_iter().zip(answers) {
            match answer {
                Started::Yes(attempt) => self.ahead.add(claim, action, attempt),
                Started::Ignored => {
                    self.report.ignored += 1;
                    self.scheduler.observers().tell_with(|| Event::Ignored {
                        action: action.id,
                        hook: action.hook.clone(),
                    });
                    self.close_one(claim);
                }
            }
        }
        self.call_next();
    }
}
