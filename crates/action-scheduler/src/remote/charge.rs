//! What is handed out: the attempts that workers are in charge of, as far as this process knows. The store has the last word
//! on each; what is here saves asking it, and says when an attempt has to be looked at.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Notify;

use super::{Hub, Ticket};
use crate::action::{ActionId, Attempt, ClaimId, RunnerId};
use crate::log::Context;
use crate::observer::Event;
use crate::runner::plan::Plan;
use crate::store::{ClaimedAction, OpenAttempt, Outcome};

/// All attempts that are handed out.
#[derive(Default)]
pub(super) struct Charge {
    held: Mutex<Held>,
    /// An attempt has to be looked at sooner than any before it.
    pub(super) sooner: Notify,
}

#[derive(Default)]
struct Held {
    attempts: HashMap<(ActionId, Attempt), InCharge>,
    /// When each of them has to be looked at.
    alarms: BTreeSet<(Timestamp, ActionId, Attempt)>,
    /// How many attempts of each claim there are.
    claims: HashMap<ClaimId, usize>,
}

/// An attempt that a worker is in charge of.
#[derive(Clone)]
pub(super) struct InCharge {
    pub(super) worker: RunnerId,
    /// How the log names the worker.
    pub(super) context: Context,
    pub(super) action: Arc<ClaimedAction>,
    pub(super) ticket: Ticket,
    pub(super) started_at: Timestamp,
    pub(super) deadline: Timestamp,
    pub(super) kill_at: Timestamp,
    /// Whether it was marked as timed out.
    pub(super) timed_out: bool,
    /// Whether what becomes of it is being stored.
    pub(super) is_busy: bool,
}

/// Whose an attempt is, as far as it is known here.
pub(super) enum Begun {
    /// The worker's own.
    Own(InCharge),
    /// The same, but what becomes of it is being stored already.
    Busy(InCharge),
    /// Another worker's.
    Others,
    /// Nothing is known of it.
    Unknown,
}

impl InCharge {
    /// How long it has run.
    pub(super) fn ran(&self, now: Timestamp) -> Duration {
        Duration::try_from(now.duration_since(self.started_at)).unwrap_or_default()
    }

    fn key(&self) -> (ActionId, Attempt) {
        (self.ticket.action, self.ticket.attempt)
    }

    /// When it has to be looked at.
    fn alarm(&self) -> Timestamp {
        if self.timed_out { self.kill_at } else { self.deadline.min(self.kill_at) }
    }
}

impl Charge {
    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds an attempt, unless it is there.
    fn add(&self, attempt: InCharge) {
        let mut held = self.held();
        let alarm = attempt.alarm();
        let is_sooner = held.alarms.first().is_none_or(|(first, ..)| alarm < *first);
        let key = attempt.key();
        if held.attempts.contains_key(&key) {
            return;
        }
        *held.claims.entry(attempt.ticket.claim).or_default() += 1;
        held.alarms.insert((alarm, key.0, key.1));
        held.attempts.insert(key, attempt);
        if is_sooner {
            self.sooner.notify_one();
        }
    }

    /// The attempt of a ticket, whoever is in charge of it.
    pub(super) fn find(&self, ticket: &Ticket) -> Option<InCharge> {
        let held = self.held();
        let found = held.attempts.get(&(ticket.action, ticket.attempt))?;
        (found.ticket == *ticket).then(|| found.clone())
    }

    /// The attempt of a ticket, for its worker to say what becomes of it: it is busy from here on.
    pub(super) fn begin(&self, ticket: &Ticket, worker: RunnerId) -> Begun {
        let mut held = self.held();
        match held.attempts.get_mut(&(ticket.action, ticket.attempt)) {
            Some(attempt) if attempt.ticket != *ticket => Begun::Unknown,
            Some(attempt) if attempt.worker != worker => Begun::Others,
            Some(attempt) if attempt.is_busy => Begun::Busy(attempt.clone()),
            Some(attempt) => {
                attempt.is_busy = true;
                Begun::Own(attempt.clone())
            }
            None => Begun::Unknown,
        }
    }

    /// Says that what becomes of these is being stored, or no longer.
    pub(super) fn set_busy(&self, tickets: impl IntoIterator<Item = Ticket>, is_busy: bool) {
        let mut held = self.held();
        for ticket in tickets {
            if let Some(attempt) = held.attempts.get_mut(&(ticket.action, ticket.attempt)) {
                attempt.is_busy = is_busy;
            }
        }
    }

    /// It was marked as timed out, and goes on.
    pub(super) fn has_timed_out(&self, ticket: &Ticket) {
        let mut held = self.held();
        let key = (ticket.action, ticket.attempt);
        let Some(attempt) = held.attempts.get_mut(&key) else { return };
        let before = attempt.alarm();
        (attempt.timed_out, attempt.is_busy) = (true, false);
        let after = attempt.alarm();
        held.alarms.remove(&(before, key.0, key.1));
        held.alarms.insert((after, key.0, key.1));
    }

    /// It has come to its end. The claim, if this was the last of its attempts.
    pub(super) fn end(&self, ticket: &Ticket) -> Option<ClaimId> {
        self.held().end((ticket.action, ticket.attempt))
    }

    /// Forgets all that a worker is in charge of.
    pub(super) fn forget(&self, worker: RunnerId) {
        let mut held = self.held();
        let of_worker = held.attempts.iter().filter(|(_, attempt)| attempt.worker == worker);
        let keys: Vec<_> = of_worker.map(|(key, _)| *key).collect();
        for key in keys {
            held.end(key);
        }
    }

    /// When the first of them has to be looked at.
    pub(super) fn first_alarm(&self) -> Option<Timestamp> {
        self.held().alarms.first().map(|(at, ..)| *at)
    }

    /// Those that have to be looked at and are not busy; they are from here on.
    pub(super) fn begin_due(&self, now: Timestamp) -> Vec<InCharge> {
        let Held { attempts, alarms, .. } = &mut *self.held();
        let mut due = Vec::new();
        for (_, action, attempt) in alarms.iter().take_while(|(at, ..)| *at <= now) {
            if let Some(attempt) = attempts.get_mut(&(*action, *attempt))
                && !attempt.is_busy
            {
                attempt.is_busy = true;
                due.push(attempt.clone());
            }
        }
        due
    }
}

impl Held {
    fn end(&mut self, key: (ActionId, Attempt)) -> Option<ClaimId> {
        let attempt = self.attempts.remove(&key)?;
        self.alarms.remove(&(attempt.alarm(), key.0, key.1));
        let claim = attempt.ticket.claim;
        let left = self.claims.get_mut(&claim)?;
        *left = left.saturating_sub(1);
        if *left > 0 {
            return None;
        }
        self.claims.remove(&claim);
        Some(claim)
    }
}

impl Hub {
    /// Puts a worker in charge of an attempt that is in-progress.
    pub(super) fn take_charge(
        &self,
        worker: RunnerId,
        context: &Context,
        open: OpenAttempt,
    ) -> InCharge {
        let attempt = self.in_charge(worker, context, open);
        self.charge.add(attempt.clone());
        attempt
    }

    /// The same for one that the store told of. One that was given up, of which nothing more follows, is not looked at
    /// again.
    pub(super) fn adopt(&self, worker: RunnerId, context: &Context, open: OpenAttempt) -> InCharge {
        let attempt = self.in_charge(worker, context, open);
        let is_over = attempt.timed_out
            && self.scheduler.now() >= attempt.kill_at
            && self.killed(&attempt).finish.outcome == Outcome::Failed;
        if !is_over {
            self.charge.add(attempt.clone());
        }
        attempt
    }

    fn in_charge(&self, worker: RunnerId, context: &Context, open: OpenAttempt) -> InCharge {
        let OpenAttempt { action, claim, started_at, timed_out, .. } = open;
        let plan = self.plan(&action);
        let after = |wait| started_at.checked_add(wait).unwrap_or(Timestamp::MAX);
        InCharge {
            worker,
            context: context.clone(),
            ticket: Ticket { action: action.id, claim, attempt: action.attempts },
            action: Arc::new(action),
            deadline: after(plan.policy.timeout),
            kill_at: after(plan.policy.kill_after),
            timed_out,
            started_at,
            is_busy: false,
        }
    }

    /// How the actions of a hook are run.
    pub(super) fn plan(&self, action: &ClaimedAction) -> Arc<Plan> {
        self.plans.lock().unwrap_or_else(PoisonError::into_inner).of(&action.hook)
    }

    /// An attempt is over here.
    pub(super) fn close(&self, ticket: &Ticket) {
        if let Some(claim) = self.charge.end(ticket) {
            self.scheduler.observers().tell_with(|| Event::BatchDone { claim });
        }
    }
}
