//! `check-config`: whether the config file is right, and what is in effect.

use std::path::PathBuf;

use action_scheduler::runner::Until;
use action_scheduler::store::StoreUrl;
use anyhow::Result;
use clap::Args;
use serde_json::{Value, json};

use crate::app::App;
use crate::config::Config;
use crate::doubts::doubts;
use crate::failure::BadInput;
use crate::in_effect::{self, Setting};
use crate::output::safe::safe;
use crate::output::{self, Cell, Records};
use crate::runner::{CleanerOptions, RunnerOptions};
use crate::server::ServerOptions;
use crate::traces;

const EXAMPLES: &str = "\
Examples:
  action-scheduler check-config
  action-scheduler check-config shop.toml --json

Everything is read as `serve` reads it: cron expressions, time zones, commands, URLs, secrets. The
options of `serve` can be given too, to see what they come to. Exit code 2 when something is wrong;
every problem is told with its line.";

/// Which file.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Options {
    /// The config file [default: as for every command]
    file: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten, next_help_heading = "Options of serve")]
    runner: RunnerOptions,
    #[command(flatten)]
    cleaner: CleanerOptions,
    #[command(flatten)]
    server: ServerOptions,
}

/// Checks the file.
pub fn run(app: &App, options: &Options) -> Result<()> {
    let named = options.file.as_deref().or(app.config_file());
    let config = Config::load(named)?;
    let url = app.store_url(&config);
    url.parse::<StoreUrl>().map_err(|error| BadInput(error.to_string()))?;
    config.bind()?;
    traces::resolve(&config)?;
    let server = options.server.resolve(&config)?;
    if let Some(server) = &server {
        action_scheduler_server::check(server)?;
    }
    for doubt in doubts(&config) {
        output::note(format_args!("warning: {}", safe(&doubt)));
    }
    let runner = options.runner.resolve(&config, Until::Stopped, app.wordpress().usual_runner());
    let cleaner = options.cleaner.resolve(&config);
    let settings = in_effect::settings(app, &config, &runner, cleaner, server.as_ref());
    match options.json {
        true => output::print(&output::json(&as_json(&config, &settings))?),
        false => print(app, &config, &settings),
    }
}

fn print(app: &App, config: &Config, settings: &[Setting]) -> Result<()> {
    let rows = settings.iter().map(|(key, value, origin)| {
        vec![Cell::plain(key), Cell::plain(value), Cell::plain(origin.to_string())]
    });
    let mut parts = vec![match &config.file {
        Some(file) => format!("{} is right", file.display()),
        None => "there is no config file; these are the defaults".to_owned(),
    }];
    let settings = Records { fields: vec!["setting", "value", "from"], rows: rows.collect() };
    parts.push(settings.table(&app.terminal));
    if !config.handlers.is_empty() {
        let rows = config.handlers.iter().map(|handler| {
            vec![
                Cell::plain(handler.pattern.as_str()),
                Cell::plain(handler.priority),
                Cell::plain(handler.call.to_string()),
                Cell::plain(format!("line {}", handler.line)),
            ]
        });
        let handlers =
            Records { fields: vec!["handler", "priority", "calls", "from"], rows: rows.collect() };
        parts.push(handlers.table(&app.terminal));
    }
    if !config.schedules.is_empty() {
        let rows = config.schedules.iter().map(|declared| {
            vec![
                Cell::plain(&declared.name),
                Cell::plain(&declared.action.hook),
                Cell::plain(&declared.action.args),
                Cell::plain(&declared.action.group),
                Cell::plain(&declared.action.schedule),
            ]
        });
        let schedules = Records {
            fields: vec!["schedule", "hook", "args", "group", "runs"],
            rows: rows.collect(),
        };
        parts.push(schedules.table(&app.terminal));
    }
    output::print(&parts.join("\n\n"))
}

fn as_json(config: &Config, settings: &[Setting]) -> Value {
    let settings: serde_json::Map<String, Value> = settings
        .iter()
        .map(|(key, value, origin)| {
            (key.clone(), json!({ "value": value, "from": origin.to_string() }))
        })
        .collect();
    let handlers: Vec<Value> = config
        .handlers
        .iter()
        .map(|handler| {
            json!({
                "hook": handler.pattern.as_str(),
                "priority": handler.priority,
                "calls": handler.call.to_string(),
                "line": handler.line,
            })
        })
        .collect();
    let schedules: Vec<Value> = config
        .schedules
        .iter()
        .map(|declared| {
            json!({
                "name": declared.name,
                "hook": declared.action.hook,
                "args": declared.action.args,
                "group": declared.action.group,
                "priority": declared.action.priority,
                "schedule": declared.action.schedule,
            })
        })
        .collect();
    json!({
        "file": config.file.as_ref().map(|file| file.display().to_string()),
        "settings": settings,
        "handlers": handlers,
        "schedules": schedules,
    })
}
