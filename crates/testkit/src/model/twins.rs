//! Which thing in the store is which in the model.

use std::collections::BTreeMap;
use std::fmt::Debug;

use action_scheduler::action::{Action, ActionId, ChainId, ClaimId, RunnerId};
use action_scheduler::store::{
    ChainChanged, Change, Claiming, Cleaned, Once, Pick, Recorded, Start, Stranded, Succession,
    Target,
};
use proptest::test_runner::{TestCaseError, TestCaseResult};

use super::calls::{Answer, Call};

type Found<T> = Result<T, TestCaseError>;

/// Pairs of ids: the model's and the store's.
#[derive(Debug)]
pub(super) struct Twins<T> {
    there: BTreeMap<T, T>,
    back: BTreeMap<T, T>,
}

impl<T> Default for Twins<T> {
    fn default() -> Self {
        Self { there: BTreeMap::new(), back: BTreeMap::new() }
    }
}

impl<T: Copy + Ord + Debug> Twins<T> {
    pub(super) fn pair(&mut self, model: T, store: T) -> TestCaseResult {
        let known = (self.there.insert(model, store), self.back.insert(store, model));
        match known {
            (None, None) => Ok(()),
            (Some(other), Some(_)) if other == store => Ok(()),
            _ => Err(fail(format!("the store gave {store:?} out a second time"))),
        }
    }

    fn pair_both(&mut self, model: Option<T>, store: Option<T>) -> TestCaseResult {
        match (model, store) {
            (Some(model), Some(store)) => self.pair(model, store),
            _ => Ok(()),
        }
    }

    pub(super) fn there(&self, model: T) -> T {
        *self.there.get(&model).expect("what is spoken of has been paired")
    }

    pub(super) fn back(&self, store: T) -> Found<T> {
        let unknown = || fail(format!("the store speaks of {store:?}, which it never gave out"));
        self.back.get(&store).copied().ok_or_else(unknown)
    }

    fn back_one(&self, store: Option<T>) -> Found<Option<T>> {
        store.map(|store| self.back(store)).transpose()
    }
}

fn fail(message: String) -> TestCaseError {
    TestCaseError::fail(message)
}

/// All pairs.
#[derive(Debug, Default)]
pub(super) struct Ids {
    pub(super) actions: Twins<ActionId>,
    pub(super) runners: Twins<RunnerId>,
    pub(super) claims: Twins<ClaimId>,
    pub(super) chains: Twins<ChainId>,
}

impl Ids {
    /// A call on the model as one on the store.
    pub(super) fn there(&self, call: &Call) -> Call {
        let mut call = call.clone();
        let action = |id: &mut ActionId| *id = self.actions.there(*id);
        let target = |target: &mut Target| {
            if let Target::Ids(ids) = target {
                ids.iter_mut().for_each(action);
            }
        };
        match &mut call {
            Call::Heartbeat(runner) | Call::Unregister(runner) => {
                *runner = self.runners.there(*runner);
            }
            Call::Recover(runners, _) => {
                runners.iter_mut().for_each(|runner| *runner = self.runners.there(*runner));
            }
            Call::Claim(request) => {
                request.runner = self.runners.there(request.runner);
                if let Pick::Ids(ids) = &mut request.pick {
                    ids.iter_mut().for_each(action);
                }
            }
            Call::Start(starts) => {
                for Start { action: id, claim, .. } in starts {
                    (*id, *claim) = (self.actions.there(*id), self.claims.there(*claim));
                }
            }
            Call::Finish(finishes) => {
                for finish in finishes {
                    finish.action = self.actions.there(finish.action);
                    finish.claim = self.claims.there(finish.claim);
                    if let Some(Succession { chain, .. }) = &mut finish.succession {
                        *chain = self.chains.there(*chain);
                    }
                }
            }
            Call::Release(claims) => {
                claims.iter_mut().for_each(|claim| *claim = self.claims.there(*claim));
            }
            Call::Cancel(of) | Call::Delete(of) | Call::Requeue(of, _) => target(of),
            Call::ChangeChain(chain, _) => *chain = self.chains.there(*chain),
            Call::Note(notes) => notes.iter_mut().for_each(|(id, _)| action(id)),
            Call::Insert(_)
            | Call::InsertOnce(..)
            | Call::Kept(_)
            | Call::Register
            | Call::Advance(_)
            | Call::Clean(_)
            | Call::CleanOrphans
            | Call::Look(_) => {}
        }
        call
    }

    /// Pairs what both gave out as answers to the same call.
    pub(super) fn pair_new(&mut self, model: &Answer, store: &Answer) -> TestCaseResult {
        match (model, store) {
            (Answer::Inserted(model), Answer::Inserted(store))
            | (Answer::Once(Once::New(model)), Answer::Once(Once::New(store))) => {
                for (model, store) in model.iter().zip(store) {
                    self.actions.pair_both(*model, *store)?;
                }
            }
            (Answer::Registered(model), Answer::Registered(store)) => {
                self.runners.pair(*model, *store)?;
            }
            (
                Answer::Claiming(Claiming::Claimed(model)),
                Answer::Claiming(Claiming::Claimed(store)),
            ) => self.claims.pair(model.id, store.id)?,
            (Answer::Recorded(model), Answer::Recorded(store)) => {
                let next = |recorded: &Recorded| match recorded {
                    Recorded::Yes { next, .. } => *next,
                    Recorded::Superseded => None,
                };
                for (model, store) in model.iter().zip(store) {
                    self.actions.pair_both(next(model), next(store))?;
                }
            }
            (
                Answer::Chain(ChainChanged::Done(model)),
                Answer::Chain(ChainChanged::Done(store)),
            ) => self.actions.pair_both(*model, *store)?,
            _ => {}
        }
        Ok(())
    }

    /// An answer of the store as one of the model.
    pub(super) fn back(&self, answer: Answer) -> Found<Answer> {
        let actions = |all: Vec<Action>| {
            all.into_iter().map(|action| self.action_back(action)).collect::<Found<Vec<_>>>()
        };
        let ids = |ids: Vec<Option<ActionId>>| {
            ids.into_iter().map(|id| self.actions.back_one(id)).collect::<Found<Vec<_>>>()
        };
        Ok(match answer {
            Answer::Inserted(all) => Answer::Inserted(ids(all)?),
            Answer::Once(Once::New(all)) => Answer::Once(Once::New(ids(all)?)),
            Answer::Once(Once::Before(all)) => Answer::Once(Once::Before(ids(all)?)),
            Answer::Registered(runner) => Answer::Registered(self.runners.back(runner)?),
            Answer::Claiming(Claiming::Claimed(mut claim)) => {
                claim.id = self.claims.back(claim.id)?;
                for action in &mut claim.actions {
                    action.id = self.actions.back(action.id)?;
                    if let Some(chain) = &mut action.chain {
                        chain.id = self.chains.back(chain.id)?;
                    }
                }
                Answer::Claiming(Claiming::Claimed(claim))
            }
            Answer::Recorded(mut all) => {
                for one in &mut all {
                    if let Recorded::Yes { next, paused } = one {
                        *next = self.actions.back_one(*next)?;
                        *paused = self.chains.back_one(*paused)?;
                    }
                }
                Answer::Recorded(all)
            }
            Answer::Recovered(mut recovery) => {
                for Stranded { action, claim, runner } in &mut recovery.stranded {
                    action.id = self.actions.back(action.id)?;
                    if let Some(chain) = &mut action.chain {
                        chain.id = self.chains.back(chain.id)?;
                    }
                    *claim = self.claims.back(*claim)?;
                    *runner = self.runners.back_one(*runner)?;
                }
                Answer::Recovered(recovery)
            }
            Answer::Changes(mut changes) => {
                for change in &mut changes {
                    let (Change::Done(id) | Change::Missing(id) | Change::Refused(id, _)) = change;
                    *id = self.actions.back(*id)?;
                }
                Answer::Changes(changes)
            }
            Answer::Chain(ChainChanged::Done(next)) => {
                Answer::Chain(ChainChanged::Done(self.actions.back_one(next)?))
            }
            Answer::Cleaned(Cleaned { deleted, next }) => {
                let back = |mut cursor: action_scheduler::store::CleanCursor| {
                    cursor.id = self.actions.back(cursor.id)?;
                    Ok::<_, TestCaseError>(cursor)
                };
                Answer::Cleaned(Cleaned { deleted, next: next.map(back).transpose()? })
            }
            Answer::Found(page, rest, count) => {
                Answer::Found(actions(page)?, actions(rest)?, count)
            }
            answer => answer,
        })
    }

    pub(super) fn action_back(&self, action: Action) -> Found<Action> {
        Ok(Action {
            id: self.actions.back(action.id)?,
            claim: self.claims.back_one(action.claim)?,
            chain: self.chains.back_one(action.chain)?,
            ..action
        })
    }
}
