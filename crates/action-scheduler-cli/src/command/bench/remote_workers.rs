//! `bench-remote-workers`: remote workers that `bench --remote` starts as a process of its own. Nobody else calls it.

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};
use futures_util::future::try_join_all;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::io::AsyncReadExt;
use tokio::process::Command;

use super::wire::Wire;

const NAME: &str = "bench-remote-workers";
/// Where it reads whom it asks and with which token: command lines can be seen by all on a machine.
const ADDRESS: &str = "ACTION_SCHEDULER_BENCH_ADDRESS";
const TOKEN: &str = "ACTION_SCHEDULER_BENCH_TOKEN";

/// The hook they serve.
pub(super) const HOOK: &str = "bench";

/// What they do.
#[derive(Debug, Args)]
#[command(name = NAME)]
pub struct Options {
    /// What they do
    #[arg(long, value_enum)]
    task: Task,
    /// How many there are, each with a connection of its own
    #[arg(long)]
    workers: u32,
    /// How many actions each of them asks for at once
    #[arg(long)]
    batch: u32,
}

/// What they do.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Task {
    /// Wait for work that does not come, until they are told to stop.
    Wait,
    /// Do all there is to do, once they are told to begin.
    Drain,
}

/// What they say, a line each.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Word {
    /// All are there.
    Ready,
    /// They have done so many actions.
    Done(u64),
}

/// The command that starts some.
pub(super) fn command(
    program: &Path,
    address: &str,
    token: &str,
    task: Task,
    workers: u32,
    batch: u32,
) -> Command {
    let task = match task {
        Task::Wait => "wait",
        Task::Drain => "drain",
    };
    let mut command = Command::new(program);
    command
        .args([NAME, "--task", task, "--workers", &workers.to_string()])
        .args(["--batch", &batch.to_string()])
        .env(ADDRESS, address)
        .env(TOKEN, token);
    command
}

/// Does it.
pub async fn run(options: &Options) -> Result<()> {
    let (Ok(address), Ok(token)) = (std::env::var(ADDRESS), std::env::var(TOKEN)) else {
        bail!("{ADDRESS} and {TOKEN} are not set; `bench` sets them");
    };
    let workers = (1..=options.workers).map(|_| Worker::register(&address, &token));
    let mut workers = try_join_all(workers).await?;
    match options.task {
        Task::Wait => {
            try_join_all(workers.iter_mut().map(Worker::wait)).await?;
            say(&Word::Ready)?;
            stdin_moves().await?;
        }
        Task::Drain => {
            say(&Word::Ready)?;
            stdin_moves().await?;
            let drains = workers.iter_mut().map(|worker| worker.drain(options.batch));
            let done = try_join_all(drains).await?;
            say(&Word::Done(done.iter().sum()))?;
        }
    }
    Ok(())
}

fn say(word: &Word) -> Result<()> {
    crate::output::print(&serde_json::to_string(word)?)
}

/// Completes when something, or the end, is read from stdin.
async fn stdin_moves() -> Result<()> {
    let mut byte = [0];
    // Nothing read is the end, which says the same.
    tokio::io::stdin().read(&mut byte).await.map(drop)?;
    Ok(())
}

struct Worker {
    wire: Wire,
    path: String,
}

impl Worker {
    async fn register(address: &str, token: &str) -> Result<Self> {
        let mut wire = Wire::connect(address, token).await?;
        let known = wire.post("/workers", &json!({ "name": "bench", "lease": 60 })).await?;
        Ok(Self { wire, path: format!("/workers/{}", known["id"]) })
    }

    async fn wait(&mut self) -> Result<()> {
        let ask = json!({ "hooks": [HOOK], "wait": 60 });
        self.wire.send(&format!("{}/claim", self.path), &ask).await
    }

    /// How many actions it has done when there are no more.
    async fn drain(&mut self, batch: u32) -> Result<u64> {
        let ask = json!({ "hooks": [HOOK], "limit": batch });
        let (claim, report) = (format!("{}/claim", self.path), format!("{}/results", self.path));
        let mut done = 0;
        loop {
            let mut answer = self.wire.post(&claim, &ask).await?;
            let Some(Value::Array(work)) = answer.get_mut("work").map(Value::take) else {
                bail!("a claim was answered without `work`: {answer}");
            };
            if work.is_empty() {
                return Ok(done);
            }
            done += work.len() as u64;
            let results: Vec<Value> = work.iter().map(complete).collect();
            self.wire.post(&report, &json!({ "results": results })).await?;
        }
    }
}

fn complete(work: &Value) -> Value {
    json!({
        "action": work["action"],
        "claim": work["claim"],
        "attempt": work["attempt"],
        "result": "complete",
    })
}

/// How long the memory of a server has to stand still to be taken for what those that wait cost.
pub(super) const STILL: Duration = Duration::from_secs(2);
