//! What every command needs: the config, the store, the terminal.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use action_scheduler::handler::Handlers;
use action_scheduler::scheduler::SchedulerBuilder;
use action_scheduler::store::StoreUrl;
use action_scheduler::{Context as Actor, Scheduler, Store};
use anyhow::{Result, bail};
use clap::ArgMatches;
use clap::parser::ValueSource;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::cli::Global;
use crate::config::Config;
use crate::failure::NotDone;
use crate::output::time::Dates;
use crate::terminal::{LogFormat, Terminal};
use crate::wordpress::{OneSite, WordPressOptions};

/// The store that is used when none is named.
pub const DEFAULT_STORE: &str = "sqlite:action-scheduler.db";

/// One call of the program.
pub struct App {
    /// The terminal.
    pub terminal: Terminal,
    global: Global,
    matches: ArgMatches,
    site: Option<OneSite>,
}

impl App {
    /// Nothing is read or opened yet.
    pub fn new(global: Global, matches: &ArgMatches) -> Self {
        let terminal = Terminal::detect(global.color);
        Self { terminal, global, matches: matches.clone(), site: None }
    }

    /// Finds the site of `--wordpress`, if there is one: it is the store from here on.
    pub async fn find_site(&mut self) -> Result<()> {
        if self.global.wordpress.is_given() {
            let file = self.config()?.wordpress;
            self.site = Some(self.global.wordpress.one(&file).await?);
        }
        Ok(())
    }

    /// The site is this one: it is the store from here on.
    pub fn set_site(&mut self, site: OneSite) {
        self.site = Some(site);
    }

    /// The site that was found.
    pub fn site(&self) -> Option<&OneSite> {
        self.site.as_ref()
    }

    /// What was said of WordPress.
    pub fn wordpress(&self) -> &WordPressOptions {
        &self.global.wordpress
    }

    /// Reads the config file.
    pub fn config(&self) -> Result<Config> {
        Config::load(self.config_file())
    }

    /// The config file that was named.
    pub fn config_file(&self) -> Option<&Path> {
        self.global.config.as_deref()
    }

    /// Whether log lines are JSON, among which nothing else should stand.
    pub fn logs_json(&self) -> bool {
        self.global.log_format == LogFormat::Json
    }

    /// The store that was asked for by this call itself, not by the environment.
    pub fn store_option(&self) -> Option<&str> {
        let is_asked = value_source(&self.matches, "store") == Some(ValueSource::CommandLine);
        self.global.store.as_deref().filter(|_| is_asked)
    }

    /// The store that was named, by this call or by the environment.
    pub fn store(&self) -> Option<&str> {
        self.global.store.as_deref()
    }

    /// The zone that dates are read and shown in.
    pub fn zone(&self, config: &Config) -> TimeZone {
        self.global.time_zone.clone().or(config.time_zone.clone()).unwrap_or(TimeZone::UTC)
    }

    /// The URL of the store; that of a site without its password.
    pub fn store_url(&self, config: &Config) -> String {
        if let Some(one) = &self.site {
            return one.site.store.to_string();
        }
        let url = self.global.store.clone().or(config.store.clone());
        url.unwrap_or_else(|| DEFAULT_STORE.to_owned())
    }

    /// The URL of the store, read.
    pub fn store_place(&self, config: &Config) -> Result<StoreUrl> {
        match &self.site {
            Some(one) => Ok(one.site.store.clone()),
            None => Ok(self.store_url(config).parse()?),
        }
    }

    /// Opens a store that must be there already.
    pub async fn existing(&self) -> Result<Opened> {
        self.open_with(self.config_of_existing()?).await
    }

    /// Reads the config file, if the store it leads to is there already.
    pub fn config_of_existing(&self) -> Result<Config> {
        let config = self.config()?;
        let url = self.store_url(&config);
        if let Some(file) = file_of(&url)
            && !file.exists()
        {
            bail!(NotDone(format!(
                "there is no database at {:?}; `schedule` or `serve` creates it, and --store \
                 names another",
                file.display()
            )));
        }
        Ok(config)
    }

    /// Opens the store of a config.
    pub async fn open_with(&self, config: Config) -> Result<Opened> {
        let url = self.store_url(&config);
        let scheduler = self.builder(&url, &config, "CLI").await?.build();
        Ok(Opened { scheduler, config, url })
    }

    /// A scheduler with the config's policies, in the name of `actor`; its handlers are not bound yet.
    pub async fn builder(
        &self,
        url: &str,
        config: &Config,
        actor: &str,
    ) -> Result<SchedulerBuilder> {
        let store = match &self.site {
            Some(one) => one.site.store.open().await?,
            None => action_scheduler::store::open(url).await?,
        };
        Ok(self.over(store, config, actor))
    }

    /// As [`App::builder`], over a store that is open.
    pub fn over(&self, store: Arc<dyn Store>, config: &Config, actor: &str) -> SchedulerBuilder {
        Scheduler::builder(store)
            .policies(config.policies())
            .handlers(Handlers::default())
            .context(Actor::new(actor))
            .time_zone(self.zone(config))
    }

    /// Where the value of an option came from. `id` is that of the option, `path` the key in the config file.
    pub fn origin(&self, config: &Config, id: &str, path: &str) -> Origin {
        let flag = || Origin::Flag(format!("--{}", id.replace('_', "-")));
        match value_source(&self.matches, id) {
            Some(ValueSource::CommandLine) => flag(),
            Some(ValueSource::EnvVariable) => {
                Origin::Environment(format!("ACTION_SCHEDULER_{}", {
                    path.replace(['.', '-'], "_").to_uppercase()
                }))
            }
            _ => match (config.line(path), &config.file) {
                (Some(line), Some(file)) => Origin::File(file.clone(), line),
                _ => Origin::Default,
            },
        }
    }
}

/// The source of an option, wherever in the tree it was given.
fn value_source(matches: &ArgMatches, id: &str) -> Option<ValueSource> {
    let here = matches.try_contains_id(id).ok().and_then(|_| matches.value_source(id));
    let below = || matches.subcommand().and_then(|(_, matches)| value_source(matches, id));
    match here {
        Some(source) if source != ValueSource::DefaultValue => Some(source),
        _ => below().or(here),
    }
}

/// The file of a store that is a file.
pub fn file_of(url: &str) -> Option<PathBuf> {
    let file = url.strip_prefix("sqlite:")?;
    (!file.is_empty()).then(|| PathBuf::from(file))
}

/// An open store.
pub struct Opened {
    /// The scheduler over it.
    pub scheduler: Scheduler,
    /// The config it was opened with.
    pub config: Config,
    /// Its URL.
    pub url: String,
}

impl Opened {
    /// How dates are shown.
    pub fn dates(&self) -> Dates {
        dates(&self.scheduler)
    }
}

/// How dates are shown: in the scheduler's zone, seen from its present.
pub fn dates(scheduler: &Scheduler) -> Dates {
    let now: Timestamp = scheduler.now();
    Dates { zone: scheduler.time_zone().clone(), now }
}

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Nobody said anything.
    Default,
    /// A line of the config file.
    File(PathBuf, usize),
    /// An environment variable.
    Environment(String),
    /// An option of the command line.
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Default => f.write_str("default"),
            Origin::File(file, line) => write!(f, "{}:{line}", file.display()),
            Origin::Environment(name) => f.write_str(name),
            Origin::Flag(name) => f.write_str(name),
        }
    }
}
