//! `--wordpress`: which site a call is about, and the PHP workers that run its actions.

use std::path::PathBuf;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use action_scheduler::handler::Handlers;
use action_scheduler::policy::HookPattern;
use action_scheduler::{Priority, RunnerConfig};
use action_scheduler_wordpress::attach::{Found, find_sites};
use action_scheduler_wordpress::php::{Php, User};
use action_scheduler_wordpress::site::{Installation, Site};
use action_scheduler_wordpress::{PhpWorkers, WorkerLimit, WorkerSettings};
use anyhow::{Result, bail};
use clap::Args;

use crate::app::{App, Origin};
use crate::config::{Config, WordPressSection};
use crate::failure::{BadInput, NotDone};
use crate::output::time::short;

/// Which WordPress, and how its PHP is run.
#[derive(Debug, Clone, Default, Args)]
pub struct WordPressOptions {
    /// Work on the queue of the WordPress in this folder; with `serve`, more than one, or a path with a *
    #[arg(
        long,
        value_name = "DIR",
        env = "ACTION_SCHEDULER_WORDPRESS",
        hide_env = true,
        value_delimiter = ',',
        conflicts_with = "store"
    )]
    pub wordpress: Vec<PathBuf>,

    /// Which site of a network, such as shop.example/second
    #[arg(
        long,
        value_name = "NAME",
        env = "ACTION_SCHEDULER_SITE",
        hide_env = true,
        requires = "wordpress"
    )]
    pub site: Option<String>,

    /// The PHP program for --wordpress [default: php]
    #[arg(long, value_name = "PROGRAM", env = "ACTION_SCHEDULER_WORDPRESS_PHP", hide_env = true)]
    pub php: Option<PathBuf>,

    /// As whom PHP runs for --wordpress, when this runs as root [default: the owner of wp-config.php]
    #[arg(long, value_name = "USER", env = "ACTION_SCHEDULER_WORDPRESS_PHP_USER", hide_env = true)]
    pub php_user: Option<String>,
}

/// The site of a call.
#[derive(Debug, Clone)]
pub struct OneSite {
    /// The site.
    pub site: Site,
    /// How its PHP is run.
    pub php: Php,
    /// How its workers are kept.
    settings: WorkerSettings,
}

impl WordPressOptions {
    /// Whether the call is about WordPress at all.
    pub fn is_given(&self) -> bool {
        !self.wordpress.is_empty()
    }

    /// How a queue is run unless something else is asked for. That of a site: PHP computes more than it waits, most
    /// callbacks take less time than a commit, and a site without the bridge says nothing of new work.
    pub fn usual_runner(&self) -> RunnerConfig {
        let usual = RunnerConfig::default();
        match self.is_given() {
            true => RunnerConfig {
                workers: available_parallelism().map_or(1, usize::from),
                start_ahead: Duration::from_millis(50),
                poll_interval: Duration::from_secs(1),
                ..usual
            },
            false => usual,
        }
    }

    /// How PHP is run, with what the config file says of it.
    pub fn php(&self, file: &WordPressSection) -> Result<Php> {
        let mut php = file.php();
        if let Some(program) = &self.php {
            php.program.clone_from(program);
        }
        if let Some(name) = self.php_user.as_ref().or(file.php_user.as_ref()) {
            let user = User::named(name).map_err(|error| BadInput(error.to_string()))?;
            php.user = Some(user);
        }
        Ok(php)
    }

    /// The sites that are there now.
    pub async fn found(&self, file: &WordPressSection) -> Result<Found> {
        self.named(find_sites(&self.wordpress, &self.php(file)?).await)
    }

    /// Those of some sites that --site names.
    fn named(&self, mut found: Found) -> Result<Found> {
        if let Some(name) = &self.site {
            let names = names(&found);
            found.sites.retain(|(site, _)| site.name == *name);
            if found.sites.is_empty() && found.problems.is_empty() {
                bail!(BadInput(format!(
                    "--site {name:?}: there is no such site; there are {names}"
                )));
            }
        }
        Ok(found)
    }

    /// The one site that the call is about.
    pub async fn one(&self, file: &WordPressSection) -> Result<OneSite> {
        only(self.found(file).await?, file)
    }

    /// The one site of an installation that the call is about, which need not have the tables of a queue.
    pub async fn one_of(
        &self,
        installation: &Installation,
        file: &WordPressSection,
    ) -> Result<OneSite> {
        let sites = installation.every_site().await;
        let sites = sites.map_err(|error| NotDone(error.to_string()))?;
        let sites = sites.into_iter().map(|site| (site, installation.php.clone())).collect();
        only(self.named(Found { sites, problems: Vec::new() })?, file)
    }
}

/// The one site that was found.
fn only(mut found: Found, file: &WordPressSection) -> Result<OneSite> {
    if let Some(problem) = found.problems.first() {
        bail!(NotDone(problem.clone()));
    }
    match (found.sites.pop(), found.sites.is_empty()) {
        (Some((site, php)), true) => Ok(OneSite::new(site, php, file)),
        (Some(last), false) => {
            found.sites.push(last);
            bail!(BadInput(format!(
                "--wordpress: {} sites are there; choose one with --site: {}",
                found.sites.len(),
                names(&found)
            )))
        }
        (None, _) => bail!(NotDone("--wordpress: there is no site".to_owned())),
    }
}

/// How PHP is run, as keys of the config file, each with where it came from.
pub fn rows(app: &App, config: &Config) -> Vec<(&'static str, String, Origin)> {
    let (options, file) = (app.wordpress(), &config.wordpress);
    let none = || "none".to_owned();
    let bytes = |bytes: u64| format!("{bytes} bytes");
    let (php, workers) = (file.php(), file.workers());
    let user = options.php_user.clone().or(file.php_user.clone());
    let program = options.php.clone().unwrap_or(php.program);
    let values = [
        ("php", program.display().to_string()),
        ("php_user", user.unwrap_or_else(|| "the owner of wp-config.php".to_owned())),
        ("nice", php.nice.to_string()),
        ("memory_limit", file.memory_limit.map_or(php.memory_limit, bytes)),
        ("address_space", php.address_space.map_or_else(none, bytes)),
        (
            "inherit_env",
            match php.inherit_env.is_empty() {
                true => none(),
                false => php.inherit_env.join(", "),
            },
        ),
        ("worker_actions", workers.actions.to_string()),
        ("worker_age", short(workers.age)),
        ("worker_memory", bytes(workers.memory)),
        ("worker_idle", short(workers.idle)),
    ];
    let from = |key| app.origin(config, key, &format!("wordpress.{key}"));
    values.into_iter().map(|(key, value)| (key, value, from(key))).collect()
}

fn names(found: &Found) -> String {
    let names: Vec<&str> = found.sites.iter().map(|(site, _)| site.name.as_str()).collect();
    names.join(", ")
}

impl OneSite {
    /// A site that was found, whose workers are kept as the config file says.
    pub fn new(site: Site, php: Php, file: &WordPressSection) -> Self {
        Self { site, php, settings: file.workers() }
    }

    /// The workers of the site, as many as the runner has, in the name of `context`.
    pub fn workers(&self, runner: &RunnerConfig, context: &str) -> PhpWorkers {
        let settings = WorkerSettings {
            workers: runner.workers,
            context: context.to_owned(),
            ..self.settings.clone()
        };
        let limit = WorkerLimit::new(runner.workers);
        PhpWorkers::new(self.site.clone(), self.php.clone(), settings, limit)
    }
}

/// Handlers that leave everything to PHP.
pub fn all_to(workers: &PhpWorkers) -> Result<Handlers> {
    let mut handlers = Handlers::default();
    let all: HookPattern = "*".parse()?;
    handlers.bind(all, Priority::default(), Arc::new(workers.clone()));
    Ok(handlers)
}

/// Replaces the workers at each SIGHUP, for as long as this is awaited.
pub async fn recycle_on_hangup(recycle: impl Fn()) -> Result<()> {
    let mut hangups = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup())?;
    while hangups.recv().await.is_some() {
        tracing::info!("PHP workers are replaced, each once it has nothing to do");
        recycle();
    }
    Ok(())
}
