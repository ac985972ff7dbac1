//! The config file, `action-scheduler.toml`: from text to the library's types, with a place for every problem.
//!
//! Every key is described in `docs/configuration.md`.

mod alerts;
pub mod handler;
mod policy;
mod read;
mod runner;
mod schedule;
mod server;
mod traces;
mod wordpress;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use action_scheduler::handler::Handlers;
use action_scheduler::policy::{HookPattern, PolicyChange};
use action_scheduler::store::StoreUrl;
use action_scheduler::{Policies, Policy};
use action_scheduler_server::alerts::Alerts;
use anyhow::{Context, Result, bail};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use toml::de::DeTable;

pub use self::alerts::AlertsSection;
pub use self::handler::HandlerConfig;
pub use self::policy::{changed_rows, rows as policy_rows};
pub use self::read::Problem;
use self::read::{Reading, Section};
pub use self::runner::RunnerSection;
pub use self::schedule::Declared;
pub use self::server::ServerSection;
pub use self::traces::{Endpoint, TracesSection};
pub use self::wordpress::WordPressSection;
use crate::failure::BadInput;
use crate::input::{self, CleanInterval};

/// Where a config file is looked for when none is named, first to last.
pub const PLACES: [&str; 2] =
    ["action-scheduler.toml", "/etc/action-scheduler/action-scheduler.toml"];

/// What a config file says.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// The file; `None` when there is none.
    pub file: Option<PathBuf>,
    /// The URL of the store; its file is relative to the folder of the config file.
    pub store: Option<String>,
    /// The zone that dates are read and shown in.
    pub time_zone: Option<TimeZone>,
    /// How the runner works.
    pub runner: RunnerSection,
    /// How often `serve` cleans.
    pub clean_interval: Option<CleanInterval>,
    /// The web admin and the HTTP API.
    pub server: ServerSection,
    /// How the PHP of WordPress sites is run.
    pub wordpress: WordPressSection,
    /// What is watched for, and who is told.
    pub alerts: AlertsSection,
    /// Where traces are sent.
    pub traces: TracesSection,
    /// The policy of all hooks.
    pub policy: Policy,
    /// What differs from it, by pattern.
    pub hooks: Vec<(HookPattern, PolicyChange)>,
    /// What hooks are bound to.
    pub handlers: Vec<HandlerConfig>,
    /// Recurring actions that are to be there.
    pub schedules: Vec<Declared>,
    /// The line of every key that was found.
    lines: BTreeMap<String, usize>,
}

impl Config {
    /// Reads a file; without a name, the first of [`PLACES`] that exists.
    pub fn load(file: Option<&Path>) -> Result<Self> {
        let found = || PLACES.iter().map(Path::new).find(|file| file.exists());
        let Some(file) = file.or_else(found) else { return Ok(Self::default()) };
        let bytes = std::fs::read(file).map_err(|error| {
            BadInput(format!("config file {:?} cannot be read: {error}", file.display()))
        })?;
        let text = String::from_utf8(bytes).map_err(|error| {
            let at = error.utf8_error().valid_up_to();
            BadInput(format!("config file {:?} is not UTF-8, at byte {at}", file.display()))
        })?;
        let folder = std::path::absolute(file)
            .with_context(|| format!("finding the folder of {:?}", file.display()))?
            .parent()
            .map(Path::to_path_buf)
            .unwrap_or_default();
        let mut config = Self::parse(&text, &folder)
            .map_err(|problems| BadInput(refusal(&file.display().to_string(), &problems)))?;
        config.file = Some(file.to_path_buf());
        Ok(config)
    }

    /// Reads a text. `folder` is what relative paths are relative to.
    pub fn parse(text: &str, folder: &Path) -> Result<Self, Vec<Problem>> {
        let reading = Reading::new(text);
        let mut config = Self::default();
        match DeTable::parse(text) {
            Ok(table) => {
                let mut root = Section::root(&reading, table.get_ref());
                config.read(&mut root, folder);
                root.close();
            }
            Err(error) => {
                reading.refuse_at(error.span().map(|span| span.start), error.message());
            }
        }
        let (problems, lines) = reading.finish();
        config.lines = lines;
        if problems.is_empty() { Ok(config) } else { Err(problems) }
    }

    fn read(&mut self, root: &mut Section<'_, '_>, folder: &Path) {
        self.store = root.text("store", |url| store_in(url, folder));
        self.time_zone = root.text("time_zone", input::time_zone);
        if let Some(section) = root.section("runner") {
            self.runner = RunnerSection::read(section);
        }
        self.clean_interval = root.section("cleaner").and_then(runner::read_cleaner);
        if let Some(section) = root.section("alerts") {
            self.alerts = AlertsSection::read(section, folder);
        }
        if let Some(section) = root.section("server") {
            self.server = ServerSection::read(section, folder);
        }
        if let Some(section) = root.section("traces") {
            self.traces = TracesSection::read(section, folder);
        }
        if let Some(section) = root.section("wordpress") {
            self.wordpress = WordPressSection::read(section);
        }
        if let Some(section) = root.section("policy") {
            self.policy = policy::read_base(section);
        }
        if let Some(mut section) = root.section("hooks") {
            for (name, item) in section.items() {
                let pattern = item.checked(name.parse::<HookPattern>());
                let change = item.section().map(|section| policy::read(section, &self.policy));
                self.hooks.extend(pattern.zip(change));
            }
        }
        for section in root.sections("handler") {
            self.handlers.extend(handler::read(section, folder));
        }
        // The zone of one call, from its options or environment, must not change what the file declares.
        let zone = self.time_zone.clone().unwrap_or(TimeZone::UTC);
        let now = Timestamp::now();
        for section in root.sections("schedule") {
            self.schedules.extend(schedule::read(section, &zone, now, &self.schedules));
        }
    }

    /// The policies of hooks.
    pub fn policies(&self) -> Policies {
        let mut policies = Policies::new(self.policy.clone());
        for (pattern, change) in &self.hooks {
            policies.set(pattern.clone(), change.clone());
        }
        policies
    }

    /// The handlers, ready to be called. Secrets are read here.
    pub fn bind(&self) -> Result<Handlers> {
        let mut handlers = Handlers::default();
        for handler in &self.handlers {
            let bound =
                handler.call.bind().map_err(|problem| self.refused(handler.line, problem))?;
            match bound {
                Some(bound) => handlers.bind(handler.pattern.clone(), handler.priority, bound),
                None => handlers.bind_remote(handler.pattern.clone()),
            }
        }
        Ok(handlers)
    }

    /// The alerts, ready to be told. Secrets are read here.
    pub fn bind_alerts(&self) -> Result<Alerts> {
        Ok(self.alerts.bind().map_err(|(line, problem)| self.refused(line, problem))?)
    }

    /// The headers that the collector of traces is sent. Secrets are read here.
    pub fn bind_trace_headers(&self) -> Result<Vec<(String, String)>> {
        Ok(self.traces.bind_headers().map_err(|problem| self.refused(self.traces.line, problem))?)
    }

    /// A problem that shows only when what stands at a line is put to use.
    fn refused(&self, line: usize, message: String) -> BadInput {
        let file = self.file.as_deref().map(|file| file.display().to_string());
        let problem = Problem { line: Some(line), message };
        BadInput(refusal(&file.unwrap_or_default(), &[problem]))
    }

    /// The line that sets a key, such as `runner.workers`.
    pub fn line(&self, path: &str) -> Option<usize> {
        self.lines.get(path).copied()
    }
}

/// All the problems of a file as one message.
fn refusal(file: &str, problems: &[Problem]) -> String {
    match problems {
        [only] => format!("config file {file:?}, {only}"),
        _ => {
            let lines: Vec<String> =
                problems.iter().map(|problem| format!("  {problem}")).collect();
            format!("config file {file:?} has {} problems:\n{}", problems.len(), lines.join("\n"))
        }
    }
}

/// A store URL from a config file, its relative file made relative to the folder.
fn store_in(url: &str, folder: &Path) -> Result<String> {
    Ok(match url.parse()? {
        StoreUrl::Sqlite { file } if file.is_empty() => {
            bail!("expected sqlite:FILE, such as \"sqlite:shop.db\"")
        }
        StoreUrl::Sqlite { file } => format!("sqlite:{}", folder.join(file).display()),
        _ => url.to_owned(),
    })
}

#[cfg(test)]
mod tests;
