//! Time and death: what ran too long is marked, then given up; what the dead left behind is recovered.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::Hub;
use super::charge::InCharge;
use super::record::Settled;
use crate::action::{ActionId, RunnerId};
use crate::error::Result;
use crate::handler::Failure;
use crate::runner::recovery::{Watched, recover};
use crate::runner::verdict::Verdict;
use crate::store::{AttemptsOf, OpenAttempt};

/// How often to look at the clock: it may have jumped.
const LOOK: Duration = Duration::from_secs(1);

/// How long to wait when the store fails, or when what is due is just being reported.
const AGAIN: Duration = Duration::from_millis(100);

/// How often to look for the dead.
const RECOVER: Duration = Duration::from_secs(3);

impl Hub {
    /// Looks after what ran too long.
    pub(super) async fn keep_time(self: &Arc<Self>) {
        loop {
            let alarm = async {
                match self.charge.first_alarm() {
                    Some(at) => self.scheduler.store().clock().sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = alarm => {}
                () = self.charge.sooner.notified() => continue,
                () = tokio::time::sleep(LOOK) => continue,
            }
            let pause = match self.sweep().await {
                Ok(0) => AGAIN,
                Ok(_) => continue,
                Err(error) => {
                    tracing::warn!(%error, "cannot mark what ran too long; trying again");
                    5 * AGAIN
                }
            };
            tokio::time::sleep(pause).await;
        }
    }

    /// Marks what ran longer than its timeout, and gives up what ran longer than it may at all. How many it looked at.
    async fn sweep(self: &Arc<Self>) -> Result<usize> {
        let _one_at_a_time = self.sweeping.lock().await;
        let due = self.charge.begin_due(self.scheduler.now());
        if due.is_empty() {
            return Ok(0);
        }
        let count = due.len();
        let ids = due.iter().map(|held| held.ticket.action).collect();
        let open = match self.scheduler.store().attempts(AttemptsOf::Actions(ids)).await {
            Ok(open) => open,
            Err(error) => {
                self.charge.set_busy(due.iter().map(|held| held.ticket), false);
                return Err(error);
            }
        };
        let open: HashMap<ActionId, OpenAttempt> =
            open.into_iter().map(|open| (open.action.id, open)).collect();
        let mut settled: HashMap<RunnerId, Vec<Settled>> = HashMap::new();
        for held in due {
            let still = open.get(&held.ticket.action).filter(|open| {
                open.claim == held.ticket.claim && open.action.attempts == held.ticket.attempt
            });
            match still {
                // It has come to its end elsewhere.
                None => self.close(&held.ticket),
                Some(open) => {
                    let held = InCharge { timed_out: open.timed_out, ..held };
                    if let Some(one) = self.overdue(held) {
                        settled.entry(one.held.worker).or_default().push(one);
                    }
                }
            }
        }
        for of_worker in settled.into_values() {
            self.store_overdue(of_worker).await?;
        }
        Ok(count)
    }

    /// What is to be stored of an attempt that ran too long.
    fn overdue(&self, held: InCharge) -> Option<Settled> {
        if self.scheduler.now() >= held.kill_at {
            let verdict = self.killed(&held);
            return Some(Settled { held, verdict });
        }
        if held.timed_out {
            self.charge.has_timed_out(&held.ticket);
            return None;
        }
        let verdict = self.case(&held).timed_out();
        Some(Settled { held, verdict })
    }

    /// What it means that an attempt ran longer than it may.
    pub(super) fn killed(&self, held: &InCharge) -> Verdict {
        let seconds = self.plan(&held.action).policy.kill_after.as_secs_f64();
        self.case(held).ended(Err(Failure::new(format!("killed after {seconds} s"))))
    }

    async fn store_overdue(self: &Arc<Self>, settled: Vec<Settled>) -> Result<()> {
        let (failed, rest): (Vec<_>, Vec<_>) =
            settled.into_iter().partition(|one| self.is_failed_already(one));
        for one in failed {
            let context = one.held.context.clone();
            self.log_failure(one, &context).await?;
        }
        self.record(rest).await.map(drop)
    }

    /// Recovers what dead runners left behind: workers have no other to do it for them.
    pub(super) async fn keep_recovering(&self) {
        let mut watched = Watched::new(RECOVER);
        let mut ticks = tokio::time::interval(RECOVER);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            if let Err(error) = recover(&self.scheduler, &mut watched, None).await {
                tracing::warn!(%error, "cannot look for dead runners; trying again");
            }
        }
    }
}
