//! Storing what follows from results. What comes in while the store is busy with others goes into the next call together,
//! and so into one transaction.

use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::join_all;
use tokio::sync::oneshot;

use super::charge::InCharge;
use super::{Hub, Ticket};
use crate::error::{Result, StoreError, StoreErrorKind};
use crate::log::Context;
use crate::runner::news;
use crate::runner::verdict::Verdict;
use crate::store::{Finish, Outcome, Recorded};

/// An attempt, and what is to be stored of it.
pub(super) struct Settled {
    pub(super) held: InCharge,
    pub(super) verdict: Verdict,
}

/// What waits to be stored.
#[derive(Default)]
pub(super) struct Recording {
    waiting: Mutex<Vec<Batch>>,
    /// One call at a time.
    turn: tokio::sync::Mutex<()>,
}

/// The results of one caller, and where the answer goes.
struct Batch {
    settled: Vec<Settled>,
    answer: oneshot::Sender<Result<Vec<Recorded>>>,
}

/// Batches that are stored in one call, in the name of one worker, or of several that have the same name.
struct Call {
    context: Context,
    batches: Vec<Batch>,
}

impl Hub {
    /// Stores what follows from these, and tells who listens; whether or not the caller still waits for it. Afterwards the
    /// attempts are no longer in anybody's charge, unless they go on after their timeout.
    pub(super) async fn record(self: &Arc<Self>, settled: Vec<Settled>) -> Result<Vec<Recorded>> {
        if settled.is_empty() {
            return Ok(Vec::new());
        }
        let (answer, answered) = oneshot::channel();
        self.recording.waiting().push(Batch { settled, answer });
        let hub = Arc::clone(self);
        self.tasks.spawn(async move { hub.record_waiting().await });
        answered.await.unwrap_or_else(|_| {
            let problem = "recording results was cut off; see the log";
            Err(StoreError::new(StoreErrorKind::Other, problem).into())
        })
    }

    async fn record_waiting(&self) {
        let _turn = self.recording.turn.lock().await;
        let waiting = std::mem::take(&mut *self.recording.waiting());
        join_all(by_context(waiting).into_iter().map(|call| self.record_call(call))).await;
    }

    async fn record_call(&self, Call { context, batches }: Call) {
        let settled = || batches.iter().flat_map(|batch| &batch.settled);
        let finishes: Vec<Finish> = settled().map(|one| one.verdict.finish.clone()).collect();
        let recorded = match self.scheduler.store().finish(finishes, &context).await {
            Ok(recorded) => recorded,
            Err(error) => {
                tracing::error!(%error, "cannot record results of remote workers");
                self.charge.set_busy(settled().map(|one| one.held.ticket), false);
                let failed = StoreError::new(kind(&error), error.to_string());
                for batch in batches {
                    let failed = StoreError::new(failed.kind, failed.message.clone());
                    drop(batch.answer.send(Err(failed.into())));
                }
                return;
            }
        };
        self.scheduler.tell_of_ends();
        let now = self.scheduler.now();
        let mut recorded = recorded.into_iter();
        for Batch { settled, answer } in batches {
            let own: Vec<Recorded> = recorded.by_ref().take(settled.len()).collect();
            for (one, recorded) in settled.iter().zip(&own) {
                let ran = one.held.ran(now);
                news::tell(&self.scheduler, &one.held.action, &one.verdict, ran, *recorded);
                self.settle(&one.held.ticket, &one.verdict, *recorded);
            }
            // Whoever asked may be gone; it is stored all the same.
            drop(answer.send(Ok(own)));
        }
    }

    fn settle(&self, ticket: &Ticket, verdict: &Verdict, recorded: Recorded) {
        match (verdict.finish.outcome, recorded) {
            (Outcome::TimedOut, Recorded::Yes { .. }) => self.charge.has_timed_out(ticket),
            _ => self.close(ticket),
        }
    }
}

impl Recording {
    fn waiting(&self) -> std::sync::MutexGuard<'_, Vec<Batch>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All results of one batch are those of one worker.
fn by_context(batches: Vec<Batch>) -> Vec<Call> {
    let mut calls: Vec<Call> = Vec::new();
    for batch in batches {
        let Some(first) = batch.settled.first() else { continue };
        let context = first.held.context.clone();
        match calls.iter_mut().find(|call| call.context == context) {
            Some(call) => call.batches.push(batch),
            None => calls.push(Call { context, batches: vec![batch] }),
        }
    }
    calls
}

fn kind(error: &crate::error::Error) -> StoreErrorKind {
    match error {
        crate::error::Error::Store(error) => error.kind,
        _ => StoreErrorKind::Other,
    }
}
