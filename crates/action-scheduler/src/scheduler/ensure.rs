//! Schedules that are declared, in a config file or in code, rather than made once.

use super::Scheduler;
use crate::action::{ActionId, NewAction, Unique};
use crate::error::{Invalid, Result};
use crate::schedule::Schedule;
use crate::store::{ChainQuery, ChainState};

/// What [`Scheduler::ensure`] found to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ensured {
    /// It was already as declared (or paused, and stays so).
    Unchanged,
    /// It was stored for the first time.
    Created(ActionId),
    /// It differed from its declaration and was replaced.
    Replaced(ActionId),
    /// It differed from its declaration and was ended, but an instance of it still runs; the new one is not stored yet.
    Running,
}

impl Scheduler {
    /// Makes sure that exactly one chain goes under `key`, as `action` describes it. An older one that differs is ended
    /// first. While an instance of it runs the new one is refused, and [`Ensured::Running`] says so: call again later.
    pub async fn ensure(&self, key: &str, action: NewAction) -> Result<Ensured> {
        let Schedule::Recurring(wanted) = &action.schedule else {
            return Err(
                Invalid::new("schedule", key, "only a recurring action can be declared").into()
            );
        };
        let known = self
            .chains(ChainQuery {
                key: Some(key.to_owned()),
                states: vec![ChainState::Active, ChainState::Paused],
                ..ChainQuery::default()
            })
            .await?;
        let same = |chain: &&crate::store::Chain| {
            chain.hook == action.hook
                && chain.group == action.group
                && chain.args == action.args
                && chain.priority == action.priority
                && chain.recurring.recurrence == wanted.recurrence
        };
        if known.iter().any(|chain| same(&chain)) {
            return Ok(Ensured::Unchanged);
        }
        for chain in &known {
            self.end(chain.id).await?;
        }
        let stored = self.insert(vec![action.unique(Unique::Key(key.to_owned()))]).await?;
        Ok(match stored.into_iter().next().flatten() {
            None => Ensured::Running,
            Some(id) if known.is_empty() => Ensured::Created(id),
            Some(id) => Ensured::Replaced(id),
        })
    }
}
