//! Deletes what has been kept as long as its policy says, in batches, at a pace that leaves the store to others.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::action::{Hook, Status};
use crate::error::{Invalid, Result};
use crate::runner::Shutdown;
use crate::scheduler::Scheduler;
use crate::store::{CleanBatch, CleanMode, HookScope};

/// What is cleaned, and how fast.
#[derive(Debug, Clone)]
pub struct CleanOptions {
    /// Which statuses; each must be a finished one. The default is all three: a policy without retention keeps its own.
    pub statuses: Vec<Status>,
    /// Delete what changed last before this date, whatever the policies say.
    pub before: Option<Timestamp>,
    /// How many actions are looked at in one transaction (1,000).
    pub batch_size: u32,
    /// How many batches are made at most; `None` is until all is clean.
    pub batches: Option<u32>,
    /// How long to rest after each batch; besides, the cleaner always rests as long as the batch took.
    pub pause: Duration,
    /// Whether anything is deleted.
    pub mode: CleanMode,
}

impl Default for CleanOptions {
    fn default() -> Self {
        Self {
            statuses: vec![Status::Complete, Status::Canceled, Status::Failed],
            before: None,
            batch_size: 1000,
            batches: None,
            pause: Duration::ZERO,
            mode: CleanMode::Delete,
        }
    }
}

/// What was cleaned.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct CleanReport {
    /// How many actions of each status were deleted, or would have been.
    pub deleted: BTreeMap<&'static str, u64>,
    /// How many rows that belonged to nothing were deleted.
    pub orphans: u64,
    /// How many batches it took.
    pub batches: u32,
}

impl CleanReport {
    /// How many actions were deleted in all, or would have been.
    pub fn total(&self) -> u64 {
        self.deleted.values().sum()
    }
}

/// Cleans a scheduler's store by its policies.
#[derive(Clone)]
pub struct Cleaner {
    scheduler: Scheduler,
}

impl Cleaner {
    /// A cleaner; nothing happens until it is told to.
    pub fn new(scheduler: Scheduler) -> Self {
        Self { scheduler }
    }

    /// Cleans in the background, a round every `interval`, until it is told to stop.
    pub async fn keep(self, interval: Duration, shutdown: Shutdown) {
        let mut rounds = tokio::time::interval(interval.max(Duration::from_secs(1)));
        rounds.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let options = CleanOptions::default();
        loop {
            tokio::select! {
                () = shutdown.stopping() => return,
                _ = rounds.tick() => {}
            }
            let clean = self.clean(&options, |_| ());
            tokio::select! {
                () = shutdown.stopping() => return,
                cleaned = clean => match cleaned {
                    Ok(report) if report.total() + report.orphans > 0 => {
                        tracing::info!(actions = report.total(), orphans = report.orphans, "cleaned");
                    }
                    Ok(_) => {}
                    Err(error) => tracing::error!(%error, "cannot clean; trying again in the next round"),
                }
            }
        }
    }

    /// Cleans once. `progress` is told the number of actions deleted so far, after each batch.
    pub async fn clean(
        &self,
        options: &CleanOptions,
        progress: impl Fn(u64),
    ) -> Result<CleanReport> {
        if let Some(status) = options.statuses.iter().find(|status| !status.is_finished()) {
            let expected = "only complete, failed and canceled actions can be cleaned";
            return Err(Invalid::new("status", status.as_str(), expected).into());
        }
        let mut report = CleanReport::default();
        for rule in self.rules(options).await? {
            if !self.apply(&rule, options, &mut report, &progress).await? {
                return Ok(report);
            }
        }
        if options.mode == CleanMode::Delete {
            report.orphans = self.clean_orphans(options).await?;
        }
        Ok(report)
    }

    /// What to delete: one rule for the hooks that have nothing of their own, and one for each other length of time.
    async fn rules(&self, options: &CleanOptions) -> Result<Vec<Rule>> {
        let now = self.scheduler.now();
        let everything = || HookScope::AllBut(Vec::new());
        if let Some(before) = options.before {
            let rule = |status: &Status| Rule { status: *status, before, hooks: everything() };
            return Ok(options.statuses.iter().map(rule).collect());
        }
        let policies = self.scheduler.policies();
        let special: Vec<Hook> = match policies.patterns().next() {
            None => Vec::new(),
            Some(_) => {
                let mut hooks = self.scheduler.store().hooks().await?;
                hooks.retain(|hook| policies.patterns().any(|pattern| pattern.matches(hook)));
                hooks
            }
        };
        let mut rules = Vec::new();
        for status in &options.statuses {
            let mut add = |kept: Option<Duration>, hooks| {
                let kept = kept.and_then(|kept| SignedDuration::try_from(kept).ok());
                if let Some(before) = kept.and_then(|kept| now.checked_sub(kept).ok()) {
                    rules.push(Rule { status: *status, before, hooks });
                }
            };
            add(policies.base().retention.of(*status), HookScope::AllBut(special.clone()));
            let mut by_length: BTreeMap<Option<Duration>, Vec<Hook>> = BTreeMap::new();
            for hook in &special {
                by_length
                    .entry(policies.of(hook).retention.of(*status))
                    .or_default()
                    .push(hook.clone());
            }
            for (kept, hooks) in by_length {
                add(kept, HookScope::Only(hooks));
            }
        }
        Ok(rules)
    }

    /// Deletes what a rule says; `false` when the number of batches is used up.
    async fn apply(
        &self,
        rule: &Rule,
        options: &CleanOptions,
        report: &mut CleanReport,
        progress: &impl Fn(u64),
    ) -> Result<bool> {
        let mut after = None;
        loop {
            if options.batches.is_some_and(|most| report.batches >= most) {
                return Ok(false);
            }
            let begun = Instant::now();
            let cleaned = self
                .scheduler
                .store()
                .clean(CleanBatch {
                    status: rule.status,
                    before: rule.before,
                    hooks: rule.hooks.clone(),
                    limit: options.batch_size.max(1),
                    after,
                    mode: options.mode,
                })
                .await?;
            if cleaned.deleted > 0 {
                report.batches += 1;
                *report.deleted.entry(rule.status.as_str()).or_default() += cleaned.deleted;
                progress(report.total());
            }
            after = cleaned.next;
            if after.is_none() {
                return Ok(true);
            }
            rest(options, begun).await;
        }
    }

    async fn clean_orphans(&self, options: &CleanOptions) -> Result<u64> {
        let mut orphans = 0;
        loop {
            let begun = Instant::now();
            let deleted = self.scheduler.store().clean_orphans(options.batch_size.max(1)).await?;
            if deleted == 0 {
                return Ok(orphans);
            }
            orphans += deleted;
            rest(options, begun).await;
        }
    }
}

/// Half of the time, at least, belongs to others.
async fn rest(options: &CleanOptions, begun: Instant) {
    tokio::time::sleep(options.pause.max(begun.elapsed())).await;
}

/// What to delete of a status.
struct Rule {
    status: Status,
    before: Timestamp,
    hooks: HookScope,
}
