//! What is done to actions that are stored, to one or to many.

use jiff::Timestamp;

use super::Scheduler;
use crate::action::{ActionId, Status};
use crate::error::{Error, Result};
use crate::observer::Event;
use crate::store::{Change, Requeue, Target};

/// Something that is done to an action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deed {
    /// It is canceled, pending or in-progress as it is. A handler that is running is not interrupted, but what it reports
    /// changes nothing any more, and a recurring action is not continued.
    Cancel {
        /// Why, for the log.
        reason: Option<String>,
    },
    /// It is deleted with its log, unless it is in-progress.
    Delete,
    /// A failed, canceled or complete action gets a new attempt, due now.
    Rerun,
    /// A pending action is due now. The date it had still holds for the next instance of a recurring one.
    RunNow,
    /// A pending action gets another date.
    Reschedule(Timestamp),
}

impl Deed {
    /// Whether it can be done to an action of this status.
    pub fn allows(&self, status: Status) -> bool {
        match self.requeue() {
            Some(to) => to.allowed().contains(&status),
            None if *self == Deed::Delete => status != Status::InProgress,
            None => !status.is_finished(),
        }
    }

    /// What has been done to an action then, as a word or two: `canceled`.
    pub fn done(&self) -> &'static str {
        match self {
            Deed::Cancel { .. } => "canceled",
            Deed::Delete => "deleted",
            Deed::Rerun => "re-run",
            Deed::RunNow => "run now",
            Deed::Reschedule(_) => "rescheduled",
        }
    }

    /// To what it can be done.
    fn allowed(&self) -> &'static str {
        match self {
            Deed::Cancel { .. } => "a pending or in-progress action",
            Deed::Delete => "an action that is not in-progress",
            Deed::Rerun => "a complete, failed or canceled action",
            Deed::RunNow | Deed::Reschedule(_) => "a pending action that no runner has claimed",
        }
    }

    fn requeue(&self) -> Option<Requeue> {
        match self {
            Deed::Cancel { .. } | Deed::Delete => None,
            Deed::Rerun => Some(Requeue::Rerun),
            Deed::RunNow => Some(Requeue::RunNow),
            Deed::Reschedule(at) => Some(Requeue::At(*at)),
        }
    }
}

impl Scheduler {
    /// Does something to an action.
    pub async fn do_to(&self, id: ActionId, deed: &Deed) -> Result<()> {
        let changes = self.apply(Target::Ids(vec![id]), deed).await?;
        changes.iter().try_for_each(|change| match *change {
            Change::Done(_) => Ok(()),
            Change::Missing(id) => Err(Error::NoSuchAction(id)),
            Change::Refused(action, status) => {
                let (verb, allowed) = (deed.done(), deed.allowed());
                Err(Error::WrongStatus { action, status, verb, allowed })
            }
        })
    }

    /// Does something to actions, and tells those who listen.
    pub(super) async fn apply(&self, target: Target, deed: &Deed) -> Result<Vec<Change>> {
        let (store, context) = (&self.0.store, &self.0.context);
        let changes = match deed.requeue() {
            Some(to) => return store.requeue(target, to, context).await,
            None => match deed {
                Deed::Cancel { reason } => store.cancel(target, reason.clone(), context).await?,
                _ => store.delete(target).await?,
            },
        };
        let actions = done(&changes);
        if !actions.is_empty() {
            self.tell_of_ends();
            self.observers().tell(&match deed {
                Deed::Delete => Event::Deleted { actions },
                _ => Event::Canceled { actions },
            });
        }
        Ok(changes)
    }

    /// Cancels an action that is pending or in-progress. A handler that is running is not interrupted, but what it
    /// reports changes nothing any more, and a recurring action is not continued.
    pub async fn cancel(&self, id: ActionId) -> Result<()> {
        self.do_to(id, &Deed::Cancel { reason: None }).await
    }

    /// Deletes an action that is not in-progress, with its log.
    pub async fn delete(&self, id: ActionId) -> Result<()> {
        self.do_to(id, &Deed::Delete).await
    }

    /// Gives a failed, canceled or complete action a new attempt, due now.
    pub async fn rerun(&self, id: ActionId) -> Result<()> {
        self.do_to(id, &Deed::Rerun).await
    }

    /// Makes a pending action due now. The date it had still holds for the next instance of a recurring one.
    pub async fn run_now(&self, id: ActionId) -> Result<()> {
        self.do_to(id, &Deed::RunNow).await
    }

    /// Gives a pending action another date.
    pub async fn reschedule(&self, id: ActionId, at: Timestamp) -> Result<()> {
        self.do_to(id, &Deed::Reschedule(at)).await
    }
}

/// The actions to which it was done.
pub(super) fn done(changes: &[Change]) -> Vec<ActionId> {
    changes
        .iter()
        .filter_map(|change| match change {
            Change::Done(id) => Some(*id),
            Change::Missing(_) | Change::Refused(..) => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deed_is_done_only_to_what_it_makes_sense_for() {
        let allowed = |deed: Deed| -> Vec<&str> {
            let statuses = Status::ALL.into_iter().filter(|status| deed.allows(*status));
            statuses.map(Status::as_str).collect()
        };
        assert_eq!(allowed(Deed::Cancel { reason: None }), ["pending", "in-progress"]);
        assert_eq!(allowed(Deed::Delete), ["pending", "complete", "failed", "canceled"]);
        assert_eq!(allowed(Deed::Rerun), ["complete", "failed", "canceled"]);
        assert_eq!(allowed(Deed::RunNow), ["pending"]);
        assert_eq!(allowed(Deed::Reschedule(Timestamp::MIN)), ["pending"]);
    }
}
