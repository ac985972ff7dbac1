//! An action in the making: `scheduler.enqueue_async("hook", args).group("g").priority(5).await`.

use std::future::IntoFuture;
use std::pin::Pin;

use jiff::Timestamp;
use serde::Serialize;

use super::Scheduler;
use crate::action::{ActionId, Group, Hook, NewAction, Priority, Unique};
use crate::args::Args;
use crate::error::{Error, Invalid, Result};
use crate::schedule::cron::{Cron, Dialect};
use crate::schedule::{Missed, Recurrence, Recurring, Schedule};

/// An action in the making. Awaiting it stores it and gives its id, or `None` when it was refused as a duplicate.
///
/// What is wrong with any part comes out as the error of the `await`; nothing is stored then.
#[must_use = "nothing is stored until it is awaited"]
pub struct Scheduling<'a> {
    scheduler: &'a Scheduler,
    action: Result<NewAction>,
}

impl<'a> Scheduling<'a> {
    fn new(
        scheduler: &'a Scheduler,
        hook: &str,
        args: impl Serialize,
        schedule: impl FnOnce() -> Result<Schedule>,
    ) -> Self {
        let action = || Ok(NewAction::new(Hook::new(hook)?, schedule()?).args(Args::new(args)?));
        Self { scheduler, action: action() }
    }

    pub(super) fn asynchronous(scheduler: &'a Scheduler, hook: &str, args: impl Serialize) -> Self {
        Self::new(scheduler, hook, args, || Ok(Schedule::Async))
    }

    pub(super) fn single(
        scheduler: &'a Scheduler,
        at: Timestamp,
        hook: &str,
        args: impl Serialize,
    ) -> Self {
        Self::new(scheduler, hook, args, || Ok(Schedule::Single(at)))
    }

    pub(super) fn recurring(
        scheduler: &'a Scheduler,
        first: Timestamp,
        recurrence: Recurrence,
        hook: &str,
        args: impl Serialize,
    ) -> Self {
        Self::new(scheduler, hook, args, || {
            Ok(Schedule::Recurring(Recurring { first, recurrence }))
        })
    }

    pub(super) fn cron(
        scheduler: &'a Scheduler,
        from: Timestamp,
        expression: &str,
        hook: &str,
        args: impl Serialize,
    ) -> Self {
        Self::new(scheduler, hook, args, || {
            let cron = Cron::parse(expression, Dialect::Standard, None)?;
            Ok(Schedule::Recurring(Recurring::cron(cron, Missed::Skip, from)?))
        })
    }

    fn with(mut self, change: impl FnOnce(NewAction) -> Result<NewAction>) -> Self {
        self.action = self.action.and_then(change);
        self
    }

    /// In this group.
    pub fn group(self, group: &str) -> Self {
        self.with(|action| Ok(action.group(Group::new(group)?)))
    }

    /// With this priority: 0 first, 255 last, 10 unless set.
    pub fn priority(self, priority: u8) -> Self {
        self.with(|action| Ok(action.priority(Priority(priority))))
    }

    /// Refused when one like it is pending or in-progress.
    pub fn unique(self, unique: Unique) -> Self {
        self.with(|action| Ok(action.unique(unique)))
    }

    /// What happens to dates that passed while nothing ran. Not for intervals that count from the end of the run: they
    /// have no such dates.
    pub fn missed(self, choice: Missed) -> Self {
        self.with(|mut action| match &mut action.schedule {
            Schedule::Recurring(Recurring {
                recurrence: Recurrence::Cron { missed, .. }, ..
            }) => {
                *missed = choice;
                Ok(action)
            }
            Schedule::Recurring(Recurring {
                recurrence: Recurrence::Interval(interval), ..
            }) => {
                interval.cadence = interval.cadence.with_missed(choice)?;
                Ok(action)
            }
            Schedule::Async | Schedule::Single(_) => Err(Invalid::new(
                "missed",
                choice.to_string(),
                "only a recurring action can miss dates",
            )
            .into()),
        })
    }

    /// The action, not stored: for [`Scheduler::insert`] and [`Scheduler::statements`].
    pub fn into_action(self) -> Result<NewAction> {
        self.action
    }
}

impl<'a> IntoFuture for Scheduling<'a> {
    type Output = Result<Option<ActionId>, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let ids = self.scheduler.insert(vec![self.action?]).await?;
            Ok(ids.into_iter().next().flatten())
        })
    }
}
