//! Workers that want the same wait in one line. Only the first looks at the store, when there may be something: a thousand
//! that wait cost one claim for each wake-up, and the one that came first is served first.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::{Mutex as Turns, OwnedMutexGuard, watch};

use super::handing::Handed;
use super::{Ask, Assignment, Hub, RemoteError, RemoteWorkers};
use crate::action::{Hook, RunnerId};
use crate::error::Invalid;
use crate::store::ClaimFilter;
use crate::time::Clock;

/// The first in line looks at least this often, whatever wakes it in between.
const POLL: Duration = Duration::from_secs(5);

/// How soon to look again when something was due that could not be claimed.
const AGAIN: Duration = Duration::from_millis(20);

/// The lines, one for each filter that someone waits with.
pub(super) struct Lines {
    wake: watch::Receiver<u64>,
    lines: Mutex<HashMap<ClaimFilter, Weak<Turns<Look>>>>,
}

/// What the one whose turn it was has seen. The next one goes on from there.
pub(super) struct Look {
    wake: watch::Receiver<u64>,
    /// When to look again; `None` is now.
    next: Option<Next>,
}

struct Next {
    due: Option<Timestamp>,
    at_the_latest: Instant,
}

impl Lines {
    pub(super) fn new(wake: watch::Receiver<u64>) -> Self {
        Self { wake, lines: Mutex::default() }
    }

    fn of(&self, filter: &ClaimFilter) -> Arc<Turns<Look>> {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(line) = lines.get(filter).and_then(Weak::upgrade) {
            return line;
        }
        lines.retain(|_, line| line.strong_count() > 0);
        let line = Arc::new(Turns::new(Look { wake: self.wake.clone(), next: None }));
        lines.insert(filter.clone(), Arc::downgrade(&line));
        line
    }
}

impl Look {
    /// What is stored from here on is not in the answer.
    pub(super) fn begin(&mut self) {
        self.wake.mark_unchanged();
        self.next = None;
    }

    /// There was nothing, and the first date is this.
    pub(super) fn saw_nothing(&mut self, due: Option<Timestamp>) {
        self.next = Some(Next { due, at_the_latest: Instant::now() + POLL });
    }

    /// There was something, but it could not be claimed.
    pub(super) fn try_again(&mut self) {
        self.next = Some(Next { due: None, at_the_latest: Instant::now() + AGAIN });
    }

    /// Completes when there may be something.
    async fn worth_while(&mut self, clock: &Clock) {
        let Some(Next { due, at_the_latest }) = &self.next else { return };
        let due = async {
            match due {
                // A date comes with the next whole millisecond of the timer, not the one before.
                Some(due) => {
                    clock
                        .sleep_until(due.checked_add(Duration::from_millis(1)).unwrap_or(*due))
                        .await;
                }
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.wake.changed() => {}
            () = due => {}
            () = tokio::time::sleep_until((*at_the_latest).into()) => {}
        }
    }
}

impl Hub {
    pub(super) async fn claim(
        self: &Arc<Self>,
        worker: RunnerId,
        ask: Ask,
    ) -> Result<Vec<Assignment>, RemoteError> {
        let filter = self.filter_of(&ask)?;
        self.alive(worker).await?;
        let _waits = self.waits(worker);
        let over = tokio::time::Instant::now() + ask.wait.min(RemoteWorkers::LONGEST_WAIT);
        let line = self.lines.of(&filter);
        let patience = async {
            tokio::select! {
                () = tokio::time::sleep_until(over) => {}
                () = self.closing.cancelled() => {}
            }
        };
        tokio::pin!(patience);
        let mut turn: OwnedMutexGuard<Look> = tokio::select! {
            biased;
            turn = Arc::clone(&line).lock_owned() => turn,
            () = &mut patience => return Ok(Vec::new()),
        };
        // One that does not wait looks once, and does not take another's word for it.
        let mut looks_at_once = ask.wait.is_zero();
        loop {
            if !std::mem::take(&mut looks_at_once) {
                tokio::select! {
                    biased;
                    () = turn.worth_while(self.scheduler.store().clock()) => {}
                    () = &mut patience => return Ok(Vec::new()),
                }
            }
            turn = match self.hand_out(turn, worker, filter.clone(), ask.limit).await? {
                Handed::Work(work) => return Ok(work),
                Handed::Nothing(_) if ask.wait.is_zero() => return Ok(Vec::new()),
                // It stays the first in line.
                Handed::Nothing(turn) => turn,
            }
        }
    }

    /// What may be handed out for a question, always in the same words.
    fn filter_of(&self, ask: &Ask) -> Result<ClaimFilter, RemoteError> {
        if ask.hooks.is_empty() || ask.hooks.len() > RemoteWorkers::MOST {
            let problem = format_args!("expected 1 to {} hooks", RemoteWorkers::MOST);
            return Err(Invalid::new("hooks", ask.hooks.len().to_string(), problem).into());
        }
        if ask.limit == 0 || ask.limit as usize > RemoteWorkers::MOST {
            let problem = format_args!("expected 1 to {}", RemoteWorkers::MOST);
            return Err(Invalid::new("limit", ask.limit.to_string(), problem).into());
        }
        let remote = self.scheduler.remote_hooks();
        let is_remote = |hook: &Hook| remote.iter().any(|pattern| pattern.matches(hook));
        if let Some(other) = ask.hooks.iter().find(|hook| !is_remote(hook)) {
            return Err(RemoteError::NotRemote(other.clone()));
        }
        let (mut hooks, mut exclude_groups) = (ask.hooks.clone(), ask.exclude_groups.clone());
        hooks.sort_unstable();
        hooks.dedup();
        match ask.group {
            Some(_) => exclude_groups.clear(),
            None => {
                exclude_groups.sort_unstable();
                exclude_groups.dedup();
            }
        }
        Ok(ClaimFilter {
            hooks,
            group: ask.group.clone(),
            exclude_groups,
            exclude_hooks: Vec::new(),
        })
    }
}
