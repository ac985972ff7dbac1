//! One attempt: the handlers of an action, called in order, within their time.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::mpsc::UnboundedSender;
use tokio_util::sync::CancellationToken;

use super::plan::Plan;
use crate::action::{self, ActionId};
use crate::handler::{Failure, HandlerContext};

/// How long a handler has, once it is told to end, before it is ended by force.
pub(super) const LAST_MOMENT: Duration = Duration::from_secs(5);

/// An attempt that has been started in the store.
pub(super) struct Attempt {
    pub(super) context: HandlerContext,
    pub(super) plan: Arc<Plan>,
    pub(super) cancellation: CancellationToken,
}

/// What an attempt reports.
pub(super) struct Report {
    pub(super) action: ActionId,
    pub(super) attempt: action::Attempt,
    pub(super) news: News,
}

/// The news of an attempt.
pub(super) enum News {
    /// It ran longer than its timeout and goes on.
    TimedOut,
    /// It has come to its end.
    Ended(Result<(), Failure>),
}

impl Attempt {
    /// Runs to the end, or until `kill_after`. Dropping this ends the handler at once.
    pub(super) async fn run(self, reports: UnboundedSender<Report>) {
        let (action, attempt) = (self.context.id(), self.context.attempt());
        // The other end is gone only when the runner is, and then nobody wants to know.
        let report = |news| drop(reports.send(Report { action, attempt, news }));
        let policy = &self.plan.policy;
        let mut work = std::pin::pin!(self.call_handlers());
        let in_time = tokio::time::timeout(policy.timeout, &mut work).await;
        let result = match in_time {
            Ok(result) => result,
            Err(_) => {
                report(News::TimedOut);
                let remaining = policy.kill_after.saturating_sub(policy.timeout);
                // Whoever listens has a moment to end in good order first.
                let notice = LAST_MOMENT.min(remaining / 2);
                let before_notice =
                    tokio::time::timeout(remaining.saturating_sub(notice), &mut work).await;
                match before_notice {
                    Ok(result) => result,
                    Err(_) => {
                        self.cancellation.cancel();
                        tokio::time::timeout(notice, &mut work).await.unwrap_or_else(|_| {
                            Err(Failure::new(format!(
                                "killed after {} s",
                                policy.kill_after.as_secs_f64()
                            )))
                        })
                    }
                }
            }
        };
        report(News::Ended(result));
    }

    /// Calls the handlers one after another; the first failure is the attempt's. A panic is a failure.
    async fn call_handlers(&self) -> Result<(), Failure> {
        if self.plan.handlers.is_empty() {
            return Err(Failure::permanent(format!(
                "no handler is bound to the hook {:?}",
                self.context.hook()
            )));
        }
        for handler in &self.plan.handlers {
            AssertUnwindSafe(handler.call(&self.context)).catch_unwind().await.unwrap_or_else(
                |panic| {
                    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
                    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
                    Err(Failure::new(format!("the handler panicked: {}", text.unwrap_or_default())))
                },
            )?;
        }
        Ok(())
    }
}
