//! The commands, one file each: its arguments, and what it does.

mod action;
mod bench;
mod cancel;
mod chain;
mod check_config;
mod clean;
mod completions;
mod cron;
mod migrate;
mod run;
mod schedule;
mod serve;
mod status;
mod watch;

use anyhow::Result;
use clap::Subcommand;

use crate::app::App;

/// A command.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run actions as they fall due, until stopped
    Serve(serve::Options),
    /// Run what is due, then exit
    Run(run::Options),
    /// Schedule an action
    Schedule(schedule::Options),
    /// Cancel pending actions of a hook or group
    Cancel(cancel::Options),
    /// Delete finished actions that have been kept long enough
    Clean(clean::Options),
    /// Look at and change single actions
    Action(action::Options),
    /// Look at, pause and resume the chains of recurring actions
    Chain(chain::Options),
    /// Understand cron expressions
    Cron(cron::Options),
    /// Show counts, runners and what needs attention
    Status(status::Options),
    /// Show the status again and again
    Watch(watch::Options),
    /// Move everything to another store, or see what the layout of a store lacks
    Migrate(migrate::Options),
    /// Check the config file and show what is in effect
    CheckConfig(check_config::Options),
    /// Measure how fast the engine is on this machine
    Bench(bench::Options),
    /// Print a completion script for a shell
    Completions(completions::Options),
}

/// Runs a command.
pub async fn run(app: &App, command: Command) -> Result<()> {
    match command {
        Command::Serve(options) => serve::run(app, options).await,
        Command::Run(options) => run::run(app, options).await,
        Command::Schedule(options) => schedule::run(app, options).await,
        Command::Cancel(options) => cancel::run(app, options).await,
        Command::Clean(options) => clean::run(app, options).await,
        Command::Action(options) => action::run(app, options).await,
        Command::Chain(options) => chain::run(app, options).await,
        Command::Cron(options) => cron::run(app, options),
        Command::Status(options) => status::run(app, &options).await,
        Command::Watch(options) => watch::run(app, options).await,
        Command::Migrate(options) => migrate::run(app, options).await,
        Command::CheckConfig(options) => check_config::run(app, &options),
        Command::Bench(options) => bench::run(app, options).await,
        Command::Completions(options) => completions::run(&options),
    }
}
