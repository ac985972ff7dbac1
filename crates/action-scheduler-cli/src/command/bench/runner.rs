//! `bench-runner`: a runner that `bench` starts as a process of its own. Nobody else calls it.

use std::path::Path;

use action_scheduler::bench::part;
use anyhow::{Result, bail};
use clap::Args;
use tokio::process::Command;

use crate::app::App;

const NAME: &str = "bench-runner";
/// Where it reads its store: command lines can be seen by all on a machine, and URLs may hold a password.
const STORE: &str = "ACTION_SCHEDULER_STORE";

/// How it runs.
#[derive(Debug, Args)]
#[command(name = NAME)]
pub struct Options {
    /// How many actions are executed at once
    #[arg(long)]
    workers: u32,
}

/// The command that starts one.
pub(super) fn command(program: &Path, store: &str, workers: u32) -> Command {
    let mut command = Command::new(program);
    command.args([NAME, "--workers", &workers.to_string()]).env(STORE, store);
    command
}

/// Does its part.
pub async fn run(app: &App, options: &Options) -> Result<()> {
    let Some(store) = app.store() else { bail!("{STORE} is not set; `bench` sets it") };
    Ok(part::run(&store.parse()?, options.workers as usize).await?)
}
