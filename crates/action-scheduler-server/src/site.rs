//! What every request gets.

use std::sync::Arc;

use action_scheduler::Scheduler;

use crate::access::Caller;
use crate::config::ServerConfig;

/// The scheduler, and what the server keeps beside it. Cheap to clone; all clones are one.
#[derive(Clone)]
pub(crate) struct Site(Arc<Inner>);

struct Inner {
    scheduler: Scheduler,
    config: ServerConfig,
}

impl Site {
    pub(crate) fn new(scheduler: Scheduler, config: ServerConfig) -> Self {
        Self(Arc::new(Inner { scheduler, config }))
    }

    /// The scheduler in the name of the server itself: for looking things up.
    pub(crate) fn scheduler(&self) -> &Scheduler {
        &self.0.scheduler
    }

    /// The scheduler in the name of a caller: whatever changes something goes through this, so that the log names them.
    pub(crate) fn acting_as(&self, caller: &Caller) -> Scheduler {
        self.0.scheduler.acting_as(caller.context())
    }

    /// How the server works.
    pub(crate) fn config(&self) -> &ServerConfig {
        &self.0.config
    }

    /// The URL path of something on this server: `/actions` below the base path.
    pub(crate) fn path(&self, path: &str) -> String {
        format!("{}{path}", self.0.config.base_path)
    }
}
