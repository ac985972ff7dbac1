//! Claiming: batches of due actions are asked for one at a time, and the next one while the rest of the last one runs.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::pending::Pending;
use super::{Dispatcher, STORE_RETRY};
use crate::error::Result;
use crate::observer::Event;
use crate::policy::HookPattern;
use crate::runner::batch::Batches;
use crate::runner::config::{RunnerConfig, StopReason, Until};
use crate::runner::liveness::Liveness;
use crate::store::{Claim, ClaimFilter, ClaimRequest, Claiming, Pick, Store};

/// How often to look for room when other runners hold all the claims there may be: soon at first, as small batches are over
/// soon, and each time after twice as long, up to the last.
const FULL_FIRST_RETRY: Duration = Duration::from_millis(15);
const FULL_RETRY: Duration = Duration::from_millis(250);

/// What the store says to a claim and, with nothing to claim, how long it is until there may be something.
type Answer = (Result<Claiming>, Option<Duration>);

/// Asks for batches.
pub(super) struct Claimer {
    liveness: Liveness,
    pick: Pick,
    concurrent_batches: Option<u32>,
    poll_interval: Duration,
    until: Until,
    pub(super) batches: Batches,
    /// How many batches it was given.
    pub(super) claimed: u64,
    pub(super) answer: Pending<Answer>,
    /// Whether there may be new work since the claim that is under way was asked for: its answer may not know of it.
    woken: bool,
    /// How long to wait when there is no room.
    full_retry: Duration,
    /// Claim nothing before this.
    pub(super) after: Option<Instant>,
}

/// What came of a claim.
enum Claimed {
    Batch(Claim),
    /// Another time.
    Nothing,
    /// There is no need to claim any more.
    Closes(StopReason),
}

impl Claimer {
    pub(super) fn new(config: &RunnerConfig, pick: Pick, liveness: Liveness) -> Self {
        Self {
            liveness,
            pick,
            concurrent_batches: config.concurrent_batches,
            poll_interval: config.poll_interval,
            until: config.until,
            batches: Batches::new(config.batch_size, config.workers),
            claimed: 0,
            answer: Pending::none(),
            woken: false,
            full_retry: FULL_FIRST_RETRY,
            after: None,
        }
    }

    /// Whether it stops when nothing is due.
    pub(super) fn drains(&self) -> bool {
        matches!(self.until, Until::Drained { .. })
    }

    /// Something was stored.
    pub(super) fn wake(&mut self) {
        self.after = None;
        self.woken = true;
    }

    /// How many actions to claim now, while so many wait to be started.
    fn limit(&mut self, waiting: usize) -> Option<u32> {
        if !self.answer.is_none() || self.after.is_some() {
            return None;
        }
        let limit = self.batches.next();
        (waiting <= limit as usize / 2).then_some(limit)
    }

    fn has_claimed_enough(&self) -> bool {
        matches!(self.until, Until::Drained { batches: Some(most) } if self.claimed >= most.into())
    }

    fn ask(&mut self, limit: u32, remote: &[HookPattern], store: Arc<dyn Store>) {
        self.woken = false;
        let mut pick = self.pick.clone();
        if let Pick::Due(filter) = &mut pick {
            filter.exclude_hooks.extend_from_slice(remote);
        }
        let request = ClaimRequest {
            runner: self.liveness.id(),
            limit,
            pick: pick.clone(),
            open_claims: self.concurrent_batches,
        };
        let filter = match pick {
            Pick::Due(filter) => Some(filter),
            Pick::Ids(_) => None,
        };
        self.answer.begin(async move {
            let outcome = store.claim(request).await;
            let next_due = match (&outcome, filter) {
                (Ok(Claiming::Nothing), Some(filter)) => next_due(&*store, filter).await,
                _ => None,
            };
            (outcome, next_due)
        });
    }

    /// What an answer means to a runner that has nothing else to do, or has.
    fn take(&mut self, (outcome, next_due): Answer, idle: bool) -> Claimed {
        let wait = match outcome {
            Ok(Claiming::Claimed(claim)) => {
                self.claimed += 1;
                self.full_retry = FULL_FIRST_RETRY;
                return Claimed::Batch(claim);
            }
            Ok(Claiming::Nothing) if self.woken => {
                self.after = None;
                return Claimed::Nothing;
            }
            Ok(Claiming::Nothing) if self.drains() && idle => {
                return Claimed::Closes(StopReason::Drained);
            }
            // What runs now may bring new work with its end.
            Ok(Claiming::Nothing) if self.drains() => FULL_RETRY,
            Ok(Claiming::Nothing) => next_due.unwrap_or(self.poll_interval).min(self.poll_interval),
            Ok(Claiming::Full) if self.drains() && idle => {
                return Claimed::Closes(StopReason::AtCapacity);
            }
            Ok(Claiming::Full) => {
                let wait = self.full_retry;
                self.full_retry = (wait * 2).min(FULL_RETRY);
                wait.min(self.poll_interval)
            }
            Err(error) => {
                tracing::error!(%error, "cannot claim; trying again");
                STORE_RETRY
            }
        };
        self.after = Some(Instant::now() + wait);
        Claimed::Nothing
    }

    /// Whether a claim held the last of the actions it was to pick.
    fn has_picked_all(&mut self, claim: &Claim) -> bool {
        let Pick::Ids(wanted) = &mut self.pick else { return false };
        wanted.retain(|id| claim.actions.iter().all(|action| action.id != *id));
        wanted.is_empty()
    }
}

/// How long it is until the next action is due, if there is one.
async fn next_due(store: &dyn Store, filter: ClaimFilter) -> Option<Duration> {
    let due = match store.next_due(filter).await {
        Ok(due) => due?,
        Err(error) => {
            tracing::error!(%error, "cannot look for the next date; trying again");
            return Some(STORE_RETRY);
        }
    };
    // A date comes with the next whole millisecond of the timer, not the one before.
    let wait = Duration::try_from(due.duration_since(store.clock().now())).unwrap_or_default();
    Some(wait + Duration::from_millis(1))
}

impl Dispatcher {
    pub(super) fn begin_claiming(&mut self, wake: &mut watch::Receiver<u64>) {
        if self.stopping.is_closing() {
            return;
        }
        let Some(limit) = self.claimer.limit(self.starter.waiting()) else { return };
        if self.claimer.has_claimed_enough() {
            self.stopping.close(StopReason::Drained);
            return;
        }
        // What is stored from here on wakes the runner again.
        wake.mark_unchanged();
        let remote = self.scheduler.remote_hooks();
        self.claimer.ask(limit, &remote, Arc::clone(self.scheduler.store()));
    }

    /// A claim was answered.
    pub(super) fn claimed(&mut self, answer: Answer) {
        let idle = self.open.is_empty() && self.recorder.waiting() == 0;
        match self.claimer.take(answer, idle) {
            Claimed::Batch(claim) => self.take_claim(claim),
            Claimed::Nothing => {}
            Claimed::Closes(reason) => self.stopping.close(reason),
        }
    }

    fn take_claim(&mut self, claim: Claim) {
        self.plans.refresh();
        self.open.insert(claim.id, claim.actions.len());
        if self.claimer.has_picked_all(&claim) {
            self.stopping.close(StopReason::Drained);
        }
        let actions = claim.actions.len();
        self.scheduler.observers().tell_with(|| Event::BatchClaimed { claim: claim.id, actions });
        self.starter.add(claim);
    }
}
