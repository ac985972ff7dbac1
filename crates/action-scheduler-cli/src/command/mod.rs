//! The commands, one file each: its arguments, and what it does.

mod action;
mod bench;
mod cancel;
mod chain;
mod check_config;
mod clean;
mod completions;
mod cron;
mod db;
mod each;
mod migrate;
mod run;
mod schedule;
mod serve;
mod serve_sites;
mod session;
mod sign_in_link;
mod status;
mod token;
mod user;
mod watch;
mod wordpress;

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
    #[command(subcommand)]
    Schedule(schedule::What),
    /// Cancel pending actions of a hook or group
    Cancel(cancel::Options),
    /// Delete finished actions that have been kept long enough
    Clean(clean::Options),
    /// Look at and change single actions
    #[command(subcommand)]
    Action(action::What),
    /// Look at, pause and resume the chains of recurring actions
    #[command(subcommand)]
    Chain(chain::What),
    /// Understand cron expressions
    #[command(subcommand)]
    Cron(cron::What),
    /// Manage who may sign in to the web admin
    #[command(subcommand)]
    User(user::What),
    /// Manage what programs call the HTTP API with
    #[command(subcommand)]
    Token(token::What),
    /// Look at and end sessions in browsers
    #[command(subcommand)]
    Session(session::What),
    /// Print a link that signs you in to the web admin, once
    SignInLink(sign_in_link::Options),
    /// Show counts, runners and what needs attention
    Status(status::Options),
    /// Show the status again and again
    Watch(watch::Options),
    /// Move everything to another store, or see what the layout of a store lacks
    Migrate(migrate::Options),
    /// Look after the database that a store is in
    #[command(subcommand)]
    Db(db::What),
    /// Look at a WordPress site, and connect it
    #[command(subcommand)]
    Wordpress(wordpress::What),
    /// Check the config file and show what is in effect
    CheckConfig(check_config::Options),
    /// Measure how fast the engine is on this machine
    Bench(bench::Options),
    /// Take part in a measurement
    #[command(hide = true)]
    BenchRunner(bench::runner::Options),
    /// Clients that `bench` starts
    #[command(hide = true)]
    BenchClients(bench::clients::Options),
    /// Print a completion script for a shell
    Completions(completions::Options),
}

impl Command {
    /// Whether it looks for the sites of `--wordpress` itself; any other is about one site.
    pub fn finds_its_own_sites(&self) -> bool {
        matches!(self, Command::Serve(_) | Command::Wordpress(_))
    }
}

/// Runs a command.
pub async fn run(app: &mut App, command: Command) -> Result<()> {
    match command {
        Command::Serve(options) => serve::run(app, options).await,
        Command::Run(options) => run::run(app, options).await,
        Command::Schedule(what) => schedule::run(app, what).await,
        Command::Cancel(options) => cancel::run(app, options).await,
        Command::Clean(options) => clean::run(app, options).await,
        Command::Action(what) => action::run(app, what).await,
        Command::Chain(what) => chain::run(app, what).await,
        Command::Cron(what) => cron::run(app, what),
        Command::User(what) => user::run(app, what).await,
        Command::Token(what) => token::run(app, what).await,
        Command::Session(what) => session::run(app, what).await,
        Command::SignInLink(options) => sign_in_link::run(app, options).await,
        Command::Status(options) => status::run(app, &options).await,
        Command::Watch(options) => watch::run(app, options).await,
        Command::Migrate(options) => migrate::run(app, options).await,
        Command::Db(what) => db::run(app, what).await,
        Command::Wordpress(what) => wordpress::run(app, what).await,
        Command::CheckConfig(options) => check_config::run(app, &options),
        Command::Bench(options) => bench::run(app, options).await,
        Command::BenchRunner(options) => bench::runner::run(app, &options).await,
        Command::BenchClients(options) => bench::clients::run(&options).await,
        Command::Completions(options) => completions::run(&options),
    }
}
