//! Events in the life of actions, for whoever wants to listen (reference, section 7).

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use jiff::Timestamp;

use crate::action::{ActionId, Attempt, ChainId, ClaimId, Group, Hook, RunnerId};
use crate::store::Call;
use crate::trace::SpanContext;

/// Is told of every event, in the order they become known here, on the task that caused it: it must be quick.
pub trait Observer: Send + Sync + 'static {
    /// Something happened.
    fn observe(&self, event: &Event);

    /// The store has answered a call. Most who listen do not care.
    fn observe_call(&self, call: &StoreCall) {
        let _ = call;
    }
}

/// A call that the store has answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoreCall {
    /// Which.
    pub call: Call,
    /// How long it took.
    pub took: Duration,
    /// Whether the answer is an error.
    pub failed: bool,
}

impl<F: Fn(&Event) + Send + Sync + 'static> Observer for F {
    fn observe(&self, event: &Event) {
        self(event);
    }
}

/// An event. The names in brackets are the original's.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// An action was stored (`stored_action`).
    Stored {
        /// The action.
        action: ActionId,
        /// Its hook.
        hook: Hook,
        /// Its group.
        group: Group,
        /// How long storing it took, together with those that were stored with it.
        took: Duration,
        /// On whose behalf it was stored, if that is known ([`crate::Scheduler::called_by`]).
        caller: Option<SpanContext>,
    },
    /// A batch was claimed and will be run (`before_process_queue`).
    BatchClaimed {
        /// The claim.
        claim: ClaimId,
        /// How many actions it holds.
        actions: usize,
    },
    /// Everything in a batch has come to its end (`after_process_queue`).
    BatchDone {
        /// The claim.
        claim: ClaimId,
    },
    /// An action is in-progress and its handlers are about to be called (`before_execute`, `begin_execute`).
    Started {
        /// The action.
        action: ActionId,
        /// Its hook.
        hook: Hook,
        /// The attempt.
        attempt: Attempt,
        /// How long after its date it was started.
        delay: Duration,
    },
    /// A claimed action was no longer pending when its turn came (`execution_ignored`).
    Ignored {
        /// The action.
        action: ActionId,
        /// Its hook.
        hook: Hook,
    },
    /// An action is complete, and that is stored (`after_execute`, `completed_action`).
    Completed {
        /// The action.
        action: ActionId,
        /// Its hook.
        hook: Hook,
        /// The attempt.
        attempt: Attempt,
        /// How long it ran.
        ran: Duration,
    },
    /// An action is failed, and that is stored (`failed_execution`).
    Failed {
        /// The action.
        action: ActionId,
        /// Its hook.
        hook: Hook,
        /// The attempt.
        attempt: Attempt,
        /// Why.
        reason: String,
        /// How long it ran.
        ran: Duration,
    },
    /// An attempt failed, and another one is stored to follow.
    Retrying {
        /// The action.
        action: ActionId,
        /// Its hook.
        hook: Hook,
        /// The attempt that failed.
        attempt: Attempt,
        /// Why.
        reason: String,
        /// How long it ran.
        ran: Duration,
    },
    /// An action ran longer than its timeout and was marked as failed (`failed_action`).
    TimedOut {
        /// The action.
        action: ActionId,
        /// Its hook.
        hook: Hook,
        /// The attempt.
        attempt: Attempt,
        /// How long it has run up to now.
        ran: Duration,
    },
    /// An attempt is over, and what follows from it is stored: told once of each, beside the event that says what follows.
    /// Only an attempt that its runner left without calling the handlers is no attempt.
    Attempted {
        /// The action.
        action: ActionId,
        /// Its hook.
        hook: Hook,
        /// Its group.
        group: Group,
        /// The attempt.
        attempt: Attempt,
        /// When it was due.
        scheduled_at: Timestamp,
        /// How it came out.
        ending: Ending,
        /// Why, unless it succeeded.
        reason: Option<String>,
        /// How long it ran; nothing is known of that when its runner died.
        ran: Duration,
    },
    /// A result was not accepted: the attempt was no longer its own.
    Superseded {
        /// The action.
        action: ActionId,
        /// Its hook.
        hook: Hook,
        /// The attempt.
        attempt: Attempt,
    },
    /// The next instance of a recurring action was stored.
    NextScheduled {
        /// The chain.
        chain: ChainId,
        /// The next instance.
        action: ActionId,
        /// Its hook.
        hook: Hook,
        /// Its group.
        group: Group,
        /// The instance before, and the attempt it ended with.
        after: (ActionId, Attempt),
    },
    /// A chain was paused after failures in a row (`failed_to_schedule_next_instance`).
    ChainPaused {
        /// The chain.
        chain: ChainId,
        /// Its hook.
        hook: Hook,
    },
    /// An action was in-progress when its runner died (`unexpected_shutdown`).
    Crashed {
        /// The action.
        action: ActionId,
        /// Its hook.
        hook: Hook,
        /// The runner, where it is known.
        runner: Option<RunnerId>,
    },
    /// A runner was found dead, and what it held was taken from it. Each process that found it so tells of it.
    RunnerLost {
        /// The runner.
        runner: RunnerId,
        /// Where it ran: host and process.
        name: String,
        /// When it was found.
        at: Timestamp,
    },
    /// Claimed actions of dead runners went back to the queue (`reset_action`).
    Reset {
        /// How many.
        actions: u64,
    },
    /// Actions were canceled (`canceled_action`, `bulk_cancel_actions`).
    Canceled {
        /// Which.
        actions: Vec<ActionId>,
    },
    /// Actions were deleted (`deleted_action`).
    Deleted {
        /// Which.
        actions: Vec<ActionId>,
    },
}

/// How an attempt came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ending {
    /// The action is complete.
    Complete,
    /// The action is failed.
    Failed,
    /// It failed, and another attempt is stored to follow.
    Retried,
    /// It failed or was ended after it had been marked as timed out; the action was failed already.
    TimedOut,
    /// Its runner died, or was stopped before the handlers came to their end.
    Crashed,
    /// Its result did not count any more.
    Superseded,
}

impl Ending {
    /// In one word: `complete`, `failed`, `retried`, `timed_out`, `crashed`, `superseded`.
    pub fn as_str(self) -> &'static str {
        match self {
            Ending::Complete => "complete",
            Ending::Failed => "failed",
            Ending::Retried => "retried",
            Ending::TimedOut => "timed_out",
            Ending::Crashed => "crashed",
            Ending::Superseded => "superseded",
        }
    }
}

/// All who listen. Clones are one: who comes later is told through all of them.
#[derive(Clone, Default)]
pub(crate) struct Observers(Arc<RwLock<Vec<Arc<dyn Observer>>>>);

impl Observers {
    pub(crate) fn add(&self, observer: Arc<dyn Observer>) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).push(observer);
    }

    fn all(&self) -> RwLockReadGuard<'_, Vec<Arc<dyn Observer>>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.all().is_empty()
    }

    pub(crate) fn tell(&self, event: &Event) {
        for observer in self.all().iter() {
            observer.observe(event);
        }
    }

    pub(crate) fn tell_of_call(&self, call: &StoreCall) {
        for observer in self.all().iter() {
            observer.observe_call(call);
        }
    }

    /// Builds the event only when someone listens.
    pub(crate) fn tell_with(&self, event: impl FnOnce() -> Event) {
        if !self.is_empty() {
            self.tell(&event());
        }
    }
}
