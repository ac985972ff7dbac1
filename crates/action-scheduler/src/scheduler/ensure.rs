//! Schedules that are declared, in a config file or in code, rather than made once.

use super::Scheduler;
use crate::action::{ActionId, NewAction, Status, Unique};
use crate::error::{Error, Invalid, Result};
use crate::schedule::Schedule;
use crate::store::{Chain, ChainQuery, ChainState};

/// How often it is tried when others declare something else under the same key at the same moment, before they are taken
/// for what is no chain and has the key.
const TRIES: u32 = 100;

/// What [`Scheduler::ensure`] found to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ensured {
    /// It was already as declared (or paused, and stays so).
    Unchanged,
    /// It was stored for the first time.
    Created(ActionId),
    /// It differed from its declaration and was replaced.
    Replaced(ActionId),
    /// It differed from its declaration and was ended, but an instance of it still runs (or an action that is no chain has the
    /// key); the new one is not stored yet.
    Running,
}

impl Scheduler {
    /// Makes sure that exactly one chain goes under `key`, as `action` describes it. An older one that differs is ended
    /// first. While an instance of it runs the new one is refused, and [`Ensured::Running`] says so: call again later.
    ///
    /// Of several that declare it at once, one stores it, and all are answered by what goes under the key then. Where they
    /// declare it differently, the last one's holds. Who ended an older one and died before the new one was stored leaves
    /// none: call again.
    pub async fn ensure(&self, key: &str, action: NewAction) -> Result<Ensured> {
        let Schedule::Recurring(wanted) = &action.schedule else {
            return Err(
                Invalid::new("schedule", key, "only a recurring action can be declared").into()
            );
        };
        let same = |chain: &Chain| {
            chain.hook == action.hook
                && chain.group == action.group
                && chain.args == action.args
                && chain.priority == action.priority
                && chain.recurring.recurrence == wanted.recurrence
        };
        let mut is_new = true;
        for _ in 0..TRIES {
            let known = self.chains_under(key).await?;
            if known.iter().any(same) {
                return Ok(Ensured::Unchanged);
            }
            is_new &= known.is_empty();
            for chain in &known {
                match self.end(chain.id).await {
                    // Somebody else has ended it just now.
                    Ok(()) | Err(Error::WrongChainState { .. } | Error::NoSuchChain(_)) => {}
                    Err(error) => return Err(error),
                }
            }
            let keyed = action.clone().unique(Unique::Key(key.to_owned()));
            match self.insert(vec![keyed]).await?.pop().flatten() {
                Some(id) if is_new => return Ok(Ensured::Created(id)),
                Some(id) => return Ok(Ensured::Replaced(id)),
                None if self.runs_under(key).await? => return Ok(Ensured::Running),
                // Somebody else has stored one between the two steps.
                None => {}
            }
        }
        Ok(Ensured::Running)
    }

    /// The chains that go on under a key: one at the most, unless somebody stores them without it being unique.
    async fn chains_under(&self, key: &str) -> Result<Vec<Chain>> {
        let states = vec![ChainState::Active, ChainState::Paused];
        self.chains(ChainQuery { key: Some(key.to_owned()), states, ..ChainQuery::default() }).await
    }

    /// Whether an instance of a chain that has ended still runs under a key.
    async fn runs_under(&self, key: &str) -> Result<bool> {
        let states = vec![ChainState::Ended];
        let ended = ChainQuery { key: Some(key.to_owned()), states, ..ChainQuery::default() };
        let heads = self.chains(ended).await?.into_iter().filter_map(|chain| chain.head);
        let heads = self.0.store.fetch(heads.collect()).await?;
        Ok(heads.iter().any(|head| head.status == Status::InProgress))
    }
}
