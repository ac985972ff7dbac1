//! Handing out: claimed, started, and given to a worker that is still there.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedMutexGuard, oneshot};

use super::charge::InCharge;
use super::line::Look;
use super::record::Settled;
use super::{Assignment, Hub, RemoteError, Ticket};
use crate::action::{ClaimId, RunnerId};
use crate::error::{Result, StoreError, StoreErrorKind};
use crate::log::Context;
use crate::observer::Event;
use crate::runner::verdict::Case;
use crate::store::{
    Claim, ClaimFilter, ClaimRequest, ClaimedAction, Claiming, OpenAttempt, Pick, Start, Started,
};

/// What a look at the store gave.
pub(super) enum Handed {
    /// Something to do.
    Work(Vec<Assignment>),
    /// Nothing is due, and it is still the worker's turn.
    Nothing(OwnedMutexGuard<Look>),
}

type Answer = oneshot::Sender<Result<Handed, RemoteError>>;

impl Hub {
    /// Looks at the store for a worker whose turn it is. Once it has begun, it is done whether or not the worker still
    /// waits: what was claimed for one that is gone goes back.
    pub(super) async fn hand_out(
        self: &Arc<Self>,
        turn: OwnedMutexGuard<Look>,
        worker: RunnerId,
        filter: ClaimFilter,
        limit: u32,
    ) -> Result<Handed, RemoteError> {
        let (answer, answered) = oneshot::channel();
        let hub = Arc::clone(self);
        self.tasks.spawn(async move { hub.look(turn, worker, filter, limit, answer).await });
        answered.await.unwrap_or_else(|_| {
            let problem = "handing out work was cut off; see the log";
            Err(RemoteError::Error(StoreError::new(StoreErrorKind::Other, problem).into()))
        })
    }

    async fn look(
        self: &Arc<Self>,
        mut turn: OwnedMutexGuard<Look>,
        worker: RunnerId,
        filter: ClaimFilter,
        limit: u32,
        answer: Answer,
    ) {
        if answer.is_closed() {
            return;
        }
        turn.begin();
        let store = self.scheduler.store();
        let pick = Pick::Due(filter.clone());
        // What is claimed is started at once: no claim of a worker has anything waiting in it.
        let request = ClaimRequest { runner: worker, limit, pick, open_claims: None };
        let claim = match store.claim(request).await {
            Ok(Claiming::Claimed(claim)) => claim,
            Ok(Claiming::Nothing | Claiming::Full) => {
                let nothing = self.why_nothing(&mut turn, worker, filter).await;
                return drop(answer.send(nothing.map(|()| Handed::Nothing(turn))));
            }
            Err(error) => {
                turn.try_again();
                return drop(answer.send(Err(error.into())));
            }
        };
        // The next in line may look.
        drop(turn);
        let Ok(context) = self.alive(worker).await else {
            // The store gives back what is claimed by one that it does not know.
            return drop(answer.send(Err(RemoteError::UnknownWorker(worker))));
        };
        let id = claim.id;
        let started = match self.start(worker, &context, claim).await {
            Ok(started) => started,
            Err(error) => {
                // It may have started them all the same.
                self.register.look_again(worker);
                self.give_back(id, &context).await;
                return drop(answer.send(Err(error.into())));
            }
        };
        if let Err(Ok(Handed::Work(work))) = answer.send(Ok(Handed::Work(started))) {
            tracing::info!(%worker, actions = work.len(), "a worker was gone before it was given its work");
            self.take_back(work.into_iter().map(|work| work.ticket)).await;
        }
    }

    /// Nothing was claimed: because nothing is due, or because the store does not know the worker, or because others were
    /// about to take what is due.
    async fn why_nothing(
        &self,
        turn: &mut Look,
        worker: RunnerId,
        filter: ClaimFilter,
    ) -> Result<(), RemoteError> {
        let store = self.scheduler.store();
        let due = store.next_due(filter).await.inspect_err(|_| turn.try_again())?;
        if due.is_none_or(|due| due > store.clock().now()) {
            turn.saw_nothing(due);
            return Ok(());
        }
        turn.try_again();
        self.beat(worker).await
    }

    /// Starts what was claimed, and puts the worker in charge of it.
    async fn start(
        self: &Arc<Self>,
        worker: RunnerId,
        context: &Context,
        claim: Claim,
    ) -> Result<Vec<Assignment>> {
        let Claim { id: claim, actions } = claim;
        let count = actions.len();
        self.scheduler.observers().tell_with(|| Event::BatchClaimed { claim, actions: count });
        let starts = actions.iter().map(|action| Start {
            action: action.id,
            claim,
            log: self.plan(action).logs_all(),
        });
        let started_at = self.scheduler.now();
        let answers = self.scheduler.store().start(starts.collect(), context).await?;
        let mut work = Vec::with_capacity(count);
        let mut unreadable = Vec::new();
        for (mut action, answer) in actions.into_iter().zip(answers) {
            let Started::Yes(attempt) = answer else {
                self.tell_ignored(&action);
                continue;
            };
            action.attempts = attempt;
            let problem =
                action.chain.as_ref().and_then(|chain| chain.recurring.as_ref().err().cloned());
            let open = OpenAttempt {
                action: action.clone(),
                claim,
                runner: Some(worker),
                started_at,
                timed_out: false,
            };
            let held = self.take_charge(worker, context, open);
            if let Some(problem) = problem {
                let verdict = self.case(&held).unreadable_schedule(&problem);
                unreadable.push(Settled { held, verdict });
                continue;
            }
            self.scheduler.observers().tell_with(|| Event::Started {
                action: action.id,
                hook: action.hook.clone(),
                attempt,
                delay: Duration::try_from(started_at.duration_since(action.scheduled_at))
                    .unwrap_or_default(),
            });
            let (deadline, kill_at) = (held.deadline, held.kill_at);
            let span = self.scheduler.span_of(action.id, attempt);
            work.push(Assignment { ticket: held.ticket, action, deadline, kill_at, span });
        }
        if !unreadable.is_empty() {
            self.record(unreadable).await?;
        }
        Ok(work)
    }

    fn tell_ignored(&self, action: &ClaimedAction) {
        self.scheduler
            .observers()
            .tell_with(|| Event::Ignored { action: action.id, hook: action.hook.clone() });
    }

    /// What was claimed could not be started, as far as is known.
    async fn give_back(&self, claim: ClaimId, context: &Context) {
        if let Err(error) = self.scheduler.store().release(vec![claim], context).await {
            tracing::warn!(%claim, %error, "what was claimed for a worker could not be given back; it waits for its lease to end");
        }
    }

    /// What was handed out has reached nobody: it was never begun.
    async fn take_back(self: &Arc<Self>, tickets: impl Iterator<Item = Ticket>) {
        let settled: Vec<Settled> = tickets
            .filter_map(|ticket| self.charge.find(&ticket))
            .map(|held| {
                let verdict = self.case(&held).not_called();
                Settled { held, verdict }
            })
            .collect();
        if let Err(error) = self.record(settled).await {
            tracing::warn!(%error, "work that reached no worker could not be given back; it waits for its timeout");
        }
    }

    /// An attempt, as a verdict on it needs to know it.
    pub(super) fn case<'a>(&self, held: &'a InCharge) -> Case<'a> {
        Case {
            action: &held.action,
            claim: held.ticket.claim,
            attempt: held.ticket.attempt,
            plan: self.plan(&held.action),
            now: self.scheduler.now(),
            timed_out: held.timed_out,
            entries: Vec::new(),
        }
    }
}
