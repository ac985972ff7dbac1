//! How the actions of a hook are run: its policy and handlers, looked up once per batch and not once per action.

use std::collections::HashMap;
use std::sync::Arc;

use crate::action::Hook;
use crate::handler::Handler;
use crate::policy::{LogLevel, Policy};
use crate::scheduler::Scheduler;

/// How the actions of a hook are run.
pub(crate) struct Plan {
    pub(crate) policy: Policy,
    pub(crate) handlers: Vec<Arc<dyn Handler>>,
}

impl Plan {
    pub(crate) fn of(scheduler: &Scheduler, hook: &Hook) -> Self {
        Self { policy: scheduler.policies().of(hook), handlers: scheduler.handlers_of(hook) }
    }

    /// Whether ordinary steps go into the log.
    pub(crate) fn logs_all(&self) -> bool {
        self.policy.log == LogLevel::Full
    }
}

/// The plans of the hooks that are being run.
pub(crate) struct Plans {
    scheduler: Scheduler,
    known: HashMap<Hook, Arc<Plan>>,
}

impl Plans {
    pub(crate) fn new(scheduler: Scheduler) -> Self {
        Self { scheduler, known: HashMap::new() }
    }

    /// The plan of a hook.
    pub(crate) fn of(&mut self, hook: &Hook) -> Arc<Plan> {
        if let Some(plan) = self.known.get(hook) {
            return Arc::clone(plan);
        }
        let plan = Arc::new(Plan::of(&self.scheduler, hook));
        self.known.insert(hook.clone(), Arc::clone(&plan));
        plan
    }

    /// Forgets the plans, so that handlers bound meanwhile are seen.
    pub(crate) fn refresh(&mut self) {
        self.known.clear();
    }
}
