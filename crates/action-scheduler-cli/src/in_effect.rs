//! What is in effect, and where each value came from: for `check-config`, and for the page of settings.

use std::time::Duration;

use action_scheduler::RunnerConfig;
use action_scheduler::store::redact;
use action_scheduler_server::ServerConfig;
use action_scheduler_server::about::{About, BoundHandler};

use crate::app::{App, Origin};
use crate::config::{self, Config};
use crate::output::time::short;
use crate::{runner, server, traces, wordpress};

/// A setting: its key, its value, and where that came from.
pub type Setting = (String, String, Origin);

/// What a server says about how it was started.
pub fn about(config: &Config, url: &str, settings: Vec<Setting>) -> About {
    let file = config.file.as_ref().map(|file| file.display().to_string());
    let handlers = config.handlers.iter().map(|handler| BoundHandler {
        pattern: handler.pattern.as_str().to_owned(),
        priority: handler.priority.0,
        calls: handler.call.to_string(),
        origin: match &file {
            Some(file) => format!("{file}:{}", handler.line),
            None => format!("line {}", handler.line),
        },
    });
    let mut handlers: Vec<BoundHandler> = handlers.collect();
    handlers.sort_by_key(|handler| handler.priority);
    let settings = settings.into_iter().map(|(key, value, origin)| {
        action_scheduler_server::about::Setting { key, value, origin: origin.to_string() }
    });
    About { store: redact(url), file, settings: settings.collect(), handlers }
}

/// The settings in effect, key by key.
pub fn settings(
    app: &App,
    config: &Config,
    runner: &RunnerConfig,
    cleaner: Option<Duration>,
    server: Option<&ServerConfig>,
) -> Vec<Setting> {
    let mut settings: Vec<Setting> = Vec::new();
    let zone = app.zone(config);
    let top = [
        ("store", redact(&app.store_url(config))),
        ("time_zone", zone.iana_name().unwrap_or("UTC").to_owned()),
    ];
    for (key, value) in top {
        settings.push((key.to_owned(), value, app.origin(config, key, key)));
    }
    for (key, value, origin) in runner::rows(app, config, runner) {
        settings.push((format!("runner.{key}"), value, origin));
    }
    let interval = cleaner.map_or_else(|| "never".to_owned(), short);
    let origin = app.origin(config, "clean_interval", "cleaner.interval");
    settings.push(("cleaner.interval".to_owned(), interval, origin));
    for (key, value, origin) in server::rows(app, config, server) {
        settings.push((format!("server.{key}"), value, origin));
    }
    if app.wordpress().is_given() {
        for (key, value, origin) in wordpress::rows(app, config) {
            settings.push((format!("wordpress.{key}"), value, origin));
        }
    }
    for (key, value, origin) in traces::rows(config) {
        settings.push((format!("traces.{key}"), value, origin));
    }
    for (key, value) in config::policy_rows(&config.policy) {
        let path = format!("policy.{key}");
        let origin = from_file(config, &path);
        settings.push((path, value, origin));
    }
    for (pattern, change) in &config.hooks {
        for (key, value) in config::changed_rows(change, &config.policy) {
            let bare = pattern.as_str();
            let is_bare = bare.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
            let section = if is_bare { format!("hooks.{bare}") } else { format!("hooks.{bare:?}") };
            let path = format!("{section}.{key}");
            // What a table does not say is taken from [policy].
            let origin = match config.line(&path) {
                Some(_) => from_file(config, &path),
                None => from_file(config, &format!("policy.{key}")),
            };
            settings.push((path, value, origin));
        }
    }
    settings
}

fn from_file(config: &Config, path: &str) -> Origin {
    match (config.line(path), &config.file) {
        (Some(line), Some(file)) => Origin::File(file.clone(), line),
        _ => Origin::Default,
    }
}
