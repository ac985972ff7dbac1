//! The command line of Action Scheduler.

mod app;
mod cli;
mod command;
mod config;
mod demo;
mod doubts;
mod failure;
mod in_effect;
mod input;
mod observe;
mod output;
mod password;
mod runner;
mod server;
mod signals;
mod terminal;
mod traces;
mod wordpress;

use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches};

use crate::app::App;
use crate::cli::Cli;

fn main() -> ExitCode {
    let matches = Cli::command().get_matches();
    let result = match Cli::from_arg_matches(&matches) {
        Ok(cli) => run(cli, &matches),
        Err(error) => error.exit(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failure::tell(&error),
    }
}

fn run(cli: Cli, matches: &clap::ArgMatches) -> anyhow::Result<()> {
    terminal::start_logging(cli.log_level(), cli.global.log_format, cli.global.color);
    let runtime = tokio::runtime::Runtime::new()?;
    let result = runtime.block_on(async {
        let mut app = App::new(cli.global, matches);
        if !cli.command.finds_its_own_sites() {
            app.find_site().await?;
        }
        command::run(&mut app, cli.command).await
    });
    // What still waits on a thread, such as a read of the terminal, must not keep the process alive.
    runtime.shutdown_background();
    result
}
