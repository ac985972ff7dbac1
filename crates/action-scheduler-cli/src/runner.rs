//! The options of a runner, and what they come to with the config file.

use std::time::Duration;

use action_scheduler::runner::{BatchSize, Until};
use action_scheduler::store::ClaimFilter;
use action_scheduler::{Group, Hook, RunnerConfig};
use clap::Args;

use crate::app::{App, Origin};
use crate::config::Config;
use crate::input::{self, CleanInterval, Limit};
use crate::output::time::short;

/// Options of `serve` and `run`.
#[derive(Debug, Clone, Default, Args)]
pub struct RunnerOptions {
    /// How many actions are executed at once; 1 is strictly one after another [default: 10, and one for each processor
    /// with --wordpress]
    #[arg(long, value_name = "N", env = "ACTION_SCHEDULER_RUNNER_WORKERS", hide_env = true,
          value_parser = input::workers)]
    pub workers: Option<usize>,

    /// Start so much work before a worker is free for it, or 0; see the manual's configuration [default: 0, and 50ms
    /// with --wordpress]
    #[arg(long, value_name = "TIME", env = "ACTION_SCHEDULER_RUNNER_START_AHEAD", hide_env = true,
          value_parser = input::duration)]
    pub start_ahead: Option<Duration>,

    /// How many actions a claim takes: a number, or auto for about a second of work [default: auto]
    #[arg(long, value_name = "N", env = "ACTION_SCHEDULER_RUNNER_BATCH_SIZE", hide_env = true,
          value_parser = input::batch_size)]
    pub batch_size: Option<BatchSize>,

    /// How many claims may be open at once over all runners: a number, or unlimited [default: 5]
    #[arg(long, value_name = "N", env = "ACTION_SCHEDULER_RUNNER_CONCURRENT_BATCHES",
          hide_env = true, value_parser = input::concurrent_batches)]
    pub concurrent_batches: Option<Limit>,

    /// Only these hooks, separated by commas
    #[arg(
        long,
        value_name = "HOOKS",
        env = "ACTION_SCHEDULER_RUNNER_HOOKS",
        hide_env = true,
        value_delimiter = ','
    )]
    pub hooks: Option<Vec<Hook>>,

    /// Only this group
    #[arg(long, value_name = "GROUP", env = "ACTION_SCHEDULER_RUNNER_GROUP", hide_env = true)]
    pub group: Option<Group>,

    /// None of these groups, separated by commas; does not count with --group
    #[arg(
        long,
        value_name = "GROUPS",
        env = "ACTION_SCHEDULER_RUNNER_EXCLUDE_GROUPS",
        hide_env = true,
        value_delimiter = ','
    )]
    pub exclude_groups: Option<Vec<Group>>,

    /// How often to look for work at least [default: 5s, and 1s with --wordpress]
    #[arg(long, value_name = "TIME", env = "ACTION_SCHEDULER_RUNNER_POLL_INTERVAL",
          hide_env = true, value_parser = input::positive_duration)]
    pub poll_interval: Option<Duration>,

    /// Without a sign of life for this long, this runner is taken for dead [default: 15s]
    #[arg(long, value_name = "TIME", env = "ACTION_SCHEDULER_RUNNER_LEASE", hide_env = true,
          value_parser = input::positive_duration)]
    pub lease: Option<Duration>,

    /// How long running actions have to finish when the runner is stopped [default: 30s]
    #[arg(long, value_name = "TIME", env = "ACTION_SCHEDULER_RUNNER_GRACE", hide_env = true,
          value_parser = input::duration)]
    pub grace: Option<Duration>,

    /// Claim nothing more after this long [default: none]
    #[arg(long, value_name = "TIME", env = "ACTION_SCHEDULER_RUNNER_TIME_LIMIT",
          hide_env = true, value_parser = input::positive_duration)]
    pub time_limit: Option<Duration>,

    /// Claim nothing more when this process uses so much memory, such as 256M [default: none]
    #[arg(long, value_name = "SIZE", env = "ACTION_SCHEDULER_RUNNER_MEMORY_LIMIT",
          hide_env = true, value_parser = input::bytes)]
    pub memory_limit: Option<u64>,
}

impl RunnerOptions {
    /// What the options, the config file and the defaults come to.
    pub fn resolve(&self, config: &Config, until: Until, defaults: RunnerConfig) -> RunnerConfig {
        let file = &config.runner;
        let limit = self.concurrent_batches.or(file.concurrent_batches);
        RunnerConfig {
            workers: self.workers.or(file.workers).unwrap_or(defaults.workers),
            start_ahead: self.start_ahead.or(file.start_ahead).unwrap_or(defaults.start_ahead),
            batch_size: self.batch_size.or(file.batch_size).unwrap_or(defaults.batch_size),
            concurrent_batches: limit.unwrap_or(Limit(defaults.concurrent_batches)).0,
            filter: ClaimFilter {
                hooks: self.hooks.clone().or(file.hooks.clone()).unwrap_or_default(),
                group: self.group.clone().or(file.group.clone()),
                exclude_groups: self
                    .exclude_groups
                    .clone()
                    .or(file.exclude_groups.clone())
                    .unwrap_or_default(),
                exclude_hooks: Vec::new(),
            },
            poll_interval: self
                .poll_interval
                .or(file.poll_interval)
                .unwrap_or(defaults.poll_interval),
            lease: self.lease.or(file.lease).unwrap_or(defaults.lease),
            grace: self.grace.or(file.grace).unwrap_or(defaults.grace),
            time_limit: self.time_limit.or(file.time_limit).or(defaults.time_limit),
            memory_limit: self.memory_limit.or(file.memory_limit).or(defaults.memory_limit),
            until,
        }
    }
}

/// Options of the cleaner that `serve` runs.
#[derive(Debug, Clone, Default, Args)]
pub struct CleanerOptions {
    /// How often to delete what has been kept long enough, or never [default: 1m]
    #[arg(long, value_name = "TIME", env = "ACTION_SCHEDULER_CLEANER_INTERVAL", hide_env = true,
          value_parser = input::clean_interval)]
    pub clean_interval: Option<CleanInterval>,
}

impl CleanerOptions {
    /// What the option, the config file and the default come to.
    pub fn resolve(&self, config: &Config) -> Option<Duration> {
        self.clean_interval.or(config.clean_interval).unwrap_or_default().0
    }
}

/// A runner's settings as keys of the config file, each with where it came from.
pub fn rows(
    app: &App,
    config: &Config,
    runner: &RunnerConfig,
) -> Vec<(&'static str, String, Origin)> {
    let none = || "none".to_owned();
    let names = |names: Vec<&str>| if names.is_empty() { none() } else { names.join(", ") };
    let filter = &runner.filter;
    let values = [
        ("workers", runner.workers.to_string()),
        ("start_ahead", short(runner.start_ahead)),
        ("batch_size", batch_size(runner.batch_size)),
        (
            "concurrent_batches",
            runner.concurrent_batches.map_or_else(|| "unlimited".to_owned(), |n| n.to_string()),
        ),
        (
            "hooks",
            match filter.hooks.is_empty() {
                true => "all".to_owned(),
                false => names(filter.hooks.iter().map(Hook::as_str).collect()),
            },
        ),
        (
            "group",
            filter.group.as_ref().map_or_else(|| "all".to_owned(), |group| format!("{group:?}")),
        ),
        ("exclude_groups", names(filter.exclude_groups.iter().map(Group::as_str).collect())),
        ("poll_interval", short(runner.poll_interval)),
        ("lease", short(runner.lease)),
        ("grace", short(runner.grace)),
        ("time_limit", runner.time_limit.map_or_else(none, short)),
        ("memory_limit", runner.memory_limit.map_or_else(none, |bytes| format!("{bytes} bytes"))),
    ];
    let rows = values
        .into_iter()
        .map(|(key, value)| (key, value, app.origin(config, key, &format!("runner.{key}"))));
    rows.collect()
}

fn batch_size(size: BatchSize) -> String {
    match size {
        BatchSize::Auto => "auto".to_owned(),
        BatchSize::Fixed(number) => number.to_string(),
    }
}
