//! `[wordpress]`: how the PHP of sites is run, and what of theirs is run beside their queues.

use std::path::PathBuf;
use std::time::Duration;

use action_scheduler_wordpress::WorkerSettings;
use action_scheduler_wordpress::attach::WpCron;
use action_scheduler_wordpress::php::Php;

use super::read::Section;
use super::runner::{checked, positive};
use crate::input;

/// How far a process can stand back for others (nice(1)).
const MOST_NICE: u32 = 19;

/// What `[wordpress]` says; `None` is not said.
#[derive(Debug, Clone, Default)]
pub struct WordPressSection {
    /// The PHP program.
    pub php: Option<PathBuf>,
    /// As whom it runs.
    pub php_user: Option<String>,
    /// How much it stands back for others.
    pub nice: Option<u8>,
    /// PHP's own limit of memory, in bytes.
    pub memory_limit: Option<u64>,
    /// The limit of its whole address space, in bytes.
    pub address_space: Option<u64>,
    /// Variables of the environment that it sees.
    pub inherit_env: Option<Vec<String>>,
    /// After so many actions a worker is replaced.
    pub worker_actions: Option<u64>,
    /// A worker of this age is replaced.
    pub worker_age: Option<Duration>,
    /// A worker that uses so many bytes after an action is replaced.
    pub worker_memory: Option<u64>,
    /// A worker that has had nothing to do for so long is ended.
    pub worker_idle: Option<Duration>,
    /// How many workers there may be over all sites.
    pub all_workers: Option<usize>,
    /// What is done about the events of WP-Cron.
    pub wp_cron: Option<WpCron>,
}

impl WordPressSection {
    /// Reads the section.
    pub fn read(mut section: Section<'_, '_>) -> Self {
        let name = |text: &str| match text {
            "" => Err("expected a name"),
            text => Ok(text.to_owned()),
        };
        let wordpress = Self {
            php: section.text("php", name).map(PathBuf::from),
            php_user: section.text("php_user", name),
            nice: section
                .item("nice")
                .and_then(|item| item.number(0..=MOST_NICE))
                .and_then(|nice| nice.try_into().ok()),
            memory_limit: checked(&mut section, "memory_limit", input::bytes),
            address_space: checked(&mut section, "address_space", input::bytes),
            inherit_env: section.item("inherit_env").and_then(|item| item.texts()),
            worker_actions: section
                .item("worker_actions")
                .and_then(|item| item.number(1..=u32::MAX))
                .map(u64::from),
            worker_age: positive(&mut section, "worker_age"),
            worker_memory: checked(&mut section, "worker_memory", input::bytes),
            worker_idle: positive(&mut section, "worker_idle"),
            all_workers: checked(&mut section, "all_workers", input::workers),
            wp_cron: section
                .bool("wp_cron")
                .map(|is_run| if is_run { WpCron::Moved } else { WpCron::Left }),
        };
        section.close();
        wordpress
    }

    /// How PHP is run, as far as this says.
    pub fn php(&self) -> Php {
        let usual = Php::default();
        Php {
            program: self.php.clone().unwrap_or(usual.program),
            user: None,
            nice: self.nice.unwrap_or(usual.nice),
            memory_limit: self.memory_limit.map_or(usual.memory_limit, |bytes| bytes.to_string()),
            address_space: self.address_space.or(usual.address_space),
            inherit_env: self.inherit_env.clone().unwrap_or(usual.inherit_env),
        }
    }

    /// How workers are kept, as far as this says.
    pub fn workers(&self) -> WorkerSettings {
        let usual = WorkerSettings::default();
        WorkerSettings {
            actions: self.worker_actions.unwrap_or(usual.actions),
            age: self.worker_age.unwrap_or(usual.age),
            memory: self.worker_memory.unwrap_or(usual.memory),
            idle: self.worker_idle.unwrap_or(usual.idle),
            ..usual
        }
    }
}
