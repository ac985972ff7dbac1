//! `[runner]`: how the runner works.

use std::time::Duration;

use action_scheduler::runner::BatchSize;
use action_scheduler::{Group, Hook};

use super::read::Section;
use crate::input::{self, CleanInterval, Limit};

/// What `[runner]` says; `None` is not said.
#[derive(Debug, Clone, Default)]
pub struct RunnerSection {
    /// How many actions are executed at once.
    pub workers: Option<usize>,
    /// How much work is started before a worker is free for it.
    pub start_ahead: Option<Duration>,
    /// How many actions a claim takes.
    pub batch_size: Option<BatchSize>,
    /// How many claims may be open at once, over all runners.
    pub concurrent_batches: Option<Limit>,
    /// Only these hooks.
    pub hooks: Option<Vec<Hook>>,
    /// Only this group.
    pub group: Option<Group>,
    /// None of these groups.
    pub exclude_groups: Option<Vec<Group>>,
    /// How often it looks for work at least.
    pub poll_interval: Option<Duration>,
    /// Without a sign of life for this long it is taken for dead.
    pub lease: Option<Duration>,
    /// How long running handlers have to finish when it stops.
    pub grace: Option<Duration>,
    /// How long `run` runs.
    pub time_limit: Option<Duration>,
    /// How much memory `run` may use.
    pub memory_limit: Option<u64>,
}

impl RunnerSection {
    /// Reads the section.
    pub fn read(mut section: Section<'_, '_>) -> Self {
        let runner = Self {
            workers: checked(&mut section, "workers", input::workers),
            start_ahead: section.duration("start_ahead"),
            batch_size: checked(&mut section, "batch_size", input::batch_size),
            concurrent_batches: checked(
                &mut section,
                "concurrent_batches",
                input::concurrent_batches,
            ),
            hooks: names(&mut section, "hooks"),
            group: section.text("group", str::parse),
            exclude_groups: names(&mut section, "exclude_groups"),
            poll_interval: positive(&mut section, "poll_interval"),
            lease: positive(&mut section, "lease"),
            grace: section.duration("grace"),
            time_limit: positive(&mut section, "time_limit"),
            memory_limit: checked(&mut section, "memory_limit", input::bytes),
        };
        section.close();
        runner
    }
}

/// Reads `[cleaner]`: how often `serve` cleans.
pub fn read_cleaner(mut section: Section<'_, '_>) -> Option<CleanInterval> {
    let interval = checked(&mut section, "interval", input::clean_interval);
    section.close();
    interval
}

/// A value that is text or a number.
pub(super) fn checked<T, E: std::fmt::Display>(
    section: &mut Section<'_, '_>,
    key: &'static str,
    read: impl FnOnce(&str) -> Result<T, E>,
) -> Option<T> {
    let item = section.item(key)?;
    let text = item.text_or_number()?;
    item.checked(read(&text))
}

pub(super) fn positive(section: &mut Section<'_, '_>, key: &'static str) -> Option<Duration> {
    checked(section, key, input::positive_duration)
}

fn names<T: std::str::FromStr<Err: std::fmt::Display>>(
    section: &mut Section<'_, '_>,
    key: &'static str,
) -> Option<Vec<T>> {
    let item = section.item(key)?;
    let names = item.texts()?;
    names.iter().map(|name| item.checked(name.parse())).collect()
}
