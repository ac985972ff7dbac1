//! A site with plugins, its queue, and workers for it.

use std::path::PathBuf;
use std::time::Duration;

use action_scheduler::policy::{HookPattern, Policies};
use action_scheduler::runner::{RunReport, Until};
use action_scheduler::{
    Action, ActionId, Context, Policy, Priority, Runner, RunnerConfig, Scheduler, Shutdown,
};
use action_scheduler_wordpress::php::Php;
use action_scheduler_wordpress::site::{Installation, Site};
use action_scheduler_wordpress::{PhpWorkers, WorkerLimit, WorkerSettings};
use serde::Serialize;
use testkit::servers::WordPress;

pub const MAILER: (&str, &str) = ("order-mailer", include_str!("../plugins/order-mailer.php"));
pub const RENEWALS: (&str, &str) = ("renewals", include_str!("../plugins/renewals.php"));
pub const MISBEHAVING: (&str, &str) = ("misbehaving", include_str!("../plugins/misbehaving.php"));

/// A site with plugins, its queue, and workers for it.
pub struct Scene {
    pub wordpress: WordPress,
    pub scheduler: Scheduler,
    pub workers: PhpWorkers,
}

/// What is special about a scene.
pub struct Setting {
    pub php: Php,
    pub workers: WorkerSettings,
    pub limit: WorkerLimit,
    pub policy: Policy,
}

impl Default for Setting {
    fn default() -> Self {
        Self {
            php: Php::default(),
            // Looking for changes before each action.
            workers: WorkerSettings { check_after: Duration::ZERO, ..WorkerSettings::default() },
            limit: WorkerLimit::new(8),
            policy: Policy::default(),
        }
    }
}

impl Scene {
    pub async fn new(plugins: &[(&str, &str)]) -> Self {
        Self::set(plugins, Setting::default()).await
    }

    pub async fn set(plugins: &[(&str, &str)], setting: Setting) -> Self {
        Self::on(WordPress::install().await, plugins, setting).await
    }

    pub async fn on(wordpress: WordPress, plugins: &[(&str, &str)], setting: Setting) -> Self {
        for (name, source) in plugins {
            wordpress.add_plugin(name, source);
        }
        let installation = Installation::open(&wordpress.path(), &setting.php).await.unwrap();
        let site = installation.sites().await.unwrap().remove(0);
        Self::at(wordpress, installation, site, setting).await
    }

    pub async fn at(
        wordpress: WordPress,
        installation: Installation,
        site: Site,
        setting: Setting,
    ) -> Self {
        let workers =
            PhpWorkers::new(site.clone(), installation.php.clone(), setting.workers, setting.limit);
        let scheduler = Scheduler::builder(site.store.open().await.unwrap())
            .policies(Policies::new(setting.policy))
            .context(Context::new("test"))
            .build();
        let all: HookPattern = "*".parse().unwrap();
        scheduler.bind(all, Priority::default(), std::sync::Arc::new(workers.clone()));
        Self { wordpress, scheduler, workers }
    }

    pub async fn enqueue(&self, hook: &str, args: impl Serialize) -> ActionId {
        self.scheduler.enqueue_async(hook, args).await.unwrap().unwrap()
    }

    pub async fn drain(&self) -> RunReport {
        let config = RunnerConfig {
            workers: 2,
            until: Until::Drained { batches: None },
            ..RunnerConfig::default()
        };
        Runner::new(self.scheduler.clone(), config).run(Shutdown::new()).await.unwrap()
    }

    pub async fn action(&self, id: ActionId) -> Action {
        self.scheduler.store().fetch(vec![id]).await.unwrap().remove(0)
    }

    /// The log of an action, a line for each entry.
    pub async fn log(&self, id: ActionId) -> Vec<String> {
        let entries = self.scheduler.store().logs(vec![id]).await.unwrap();
        entries.iter().map(action_scheduler::LogEntry::text).collect()
    }

    /// Runs an action alone; gives its log without how it began.
    pub async fn run(&self, hook: &str, args: impl Serialize) -> Vec<String> {
        let id = self.enqueue(hook, args).await;
        self.drain().await;
        let mut log = self.log(id).await;
        assert_eq!(log[..2], ["action created", "action started via test"], "{log:?}");
        log.split_off(2)
    }

    /// A file that callbacks write.
    pub fn file(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.wordpress.path().join(name)
    }

    /// Where a plugin is, as PHP tells it.
    pub fn plugin(&self, name: &str) -> String {
        self.path(&format!("wp-content/mu-plugins/{name}.php")).display().to_string()
    }
}
