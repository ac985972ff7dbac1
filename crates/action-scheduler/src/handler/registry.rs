//! Which handlers a hook has.

use std::sync::Arc;

use super::Handler;
use crate::action::{Hook, Priority};
use crate::policy::HookPattern;

/// The handlers of all hooks.
#[derive(Clone, Default)]
pub struct Handlers {
    bound: Vec<Registered>,
    remote: Vec<HookPattern>,
}

/// A handler bound to the hooks of a pattern.
#[derive(Clone)]
pub struct Registered {
    /// The hooks it is bound to.
    pub pattern: HookPattern,
    /// Its place among the handlers of one hook: lower first; those bound earlier go first among equals.
    pub priority: Priority,
    /// The handler.
    pub handler: Arc<dyn Handler>,
}

impl Handlers {
    /// Binds a handler to the hooks of a pattern.
    pub fn bind(&mut self, pattern: HookPattern, priority: Priority, handler: Arc<dyn Handler>) {
        let place = self.bound.partition_point(|other| other.priority <= priority);
        self.bound.insert(place, Registered { pattern, priority, handler });
    }

    /// Leaves the hooks of a pattern to remote workers ([`crate::remote`]): runners pass over them, whatever else is bound
    /// to them.
    pub fn bind_remote(&mut self, pattern: HookPattern) {
        if !self.remote.contains(&pattern) {
            self.remote.push(pattern);
        }
    }

    /// The hooks that are left to remote workers.
    pub fn remote(&self) -> &[HookPattern] {
        &self.remote
    }

    /// The handlers of a hook, in the order they are called.
    pub fn of(&self, hook: &Hook) -> Vec<Arc<dyn Handler>> {
        self.bound
            .iter()
            .filter(|registered| registered.pattern.matches(hook))
            .map(|registered| Arc::clone(&registered.handler))
            .collect()
    }

    /// All that is bound, in the order of calling.
    pub fn iter(&self) -> impl Iterator<Item = &Registered> {
        self.bound.iter()
    }
}

impl std::fmt::Debug for Handlers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_map()
            .entries(
                self.bound
                    .iter()
                    .map(|registered| (registered.pattern.as_str(), registered.handler.describe())),
            )
            .entries(self.remote.iter().map(|pattern| (pattern.as_str(), "remote workers")))
            .finish()
    }
}
