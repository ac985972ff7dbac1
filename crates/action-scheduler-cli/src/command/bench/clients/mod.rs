//! `bench-clients`: a process of clients that `bench` starts, so that what they cost is not taken for the server's. Nobody
//! else calls it.

mod creator;
mod viewer;
mod wire;
mod worker;

use std::process::Stdio;

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

pub(super) use self::wire::Wire;

const NAME: &str = "bench-clients";
/// Where it reads whom it asks and with which token: command lines can be seen by all on a machine.
const ADDRESS: &str = "ACTION_SCHEDULER_BENCH_ADDRESS";
const TOKEN: &str = "ACTION_SCHEDULER_BENCH_TOKEN";

/// The hook of the actions that they create, or run.
pub(super) const HOOK: &str = "bench";

/// What they do.
#[derive(Debug, Clone, Args)]
#[command(name = NAME)]
pub struct Options {
    /// What they do
    #[arg(long, value_enum)]
    pub(super) task: Task,
    /// How many there are, each with a connection of its own
    #[arg(long)]
    pub(super) connections: u32,
    /// With how many actions each of them deals at once
    #[arg(long, default_value_t = 1)]
    pub(super) batch: u32,
    /// How many actions they create together
    #[arg(long, default_value_t = 0)]
    pub(super) actions: u64,
}

/// What they do, from when their stdin is closed if it does not say otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Task {
    /// As remote workers, wait for work that does not come, until stdin is closed.
    Wait,
    /// As remote workers, do all there is to do.
    Drain,
    /// Create actions.
    Create,
    /// Have the overview open as a browser has it, until stdin is closed.
    Watch,
}

/// What they say, a line each.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Word {
    /// All are there.
    Ready,
    /// They did so many things: workers and creators dealt with actions, viewers looked at the page.
    Done(u64),
}

/// Does it.
pub async fn run(options: &Options) -> Result<()> {
    let (Ok(address), Ok(token)) = (std::env::var(ADDRESS), std::env::var(TOKEN)) else {
        bail!("{ADDRESS} and {TOKEN} are not set; `bench` sets them");
    };
    let server = Place { address: &address, token: &token };
    let done = match options.task {
        Task::Wait => worker::wait(server, options).await,
        Task::Drain => worker::drain(server, options).await,
        Task::Create => creator::create(server, options).await,
        Task::Watch => viewer::watch(server, options).await,
    };
    say(&Word::Done(done?))
}

/// Whom they ask, and with which token.
#[derive(Clone, Copy)]
struct Place<'a> {
    address: &'a str,
    token: &'a str,
}

fn say(word: &Word) -> Result<()> {
    crate::output::print(&serde_json::to_string(word)?)
}

/// Says that all are there. Completes when stdin is closed.
async fn ready() -> Result<()> {
    say(&Word::Ready)?;
    // Nothing is said there.
    tokio::io::stdin().read(&mut [0]).await.map(drop)?;
    Ok(())
}

/// Such a process, as `bench` sees it. It ends with this.
pub(super) struct Clients {
    child: Child,
    tell: Option<ChildStdin>,
    words: Lines<BufReader<ChildStdout>>,
}

impl Clients {
    /// Starts one, and waits until all of its clients are there.
    pub(super) async fn start(address: &str, token: &str, options: &Options) -> Result<Self> {
        let Options { task, connections, batch, actions } = options;
        let task = task.to_possible_value().context("every task has a name")?;
        let mut command = Command::new(std::env::current_exe()?);
        command
            .args([NAME, "--task", task.get_name(), "--connections", &connections.to_string()])
            .args(["--batch", &batch.to_string(), "--actions", &actions.to_string()])
            .env(ADDRESS, address)
            .env(TOKEN, token)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true);
        let mut child = command.spawn().context("starting the clients")?;
        let tell = child.stdin.take();
        let words = child.stdout.take().context("the clients have no stdout")?;
        let mut clients = Self { child, tell, words: BufReader::new(words).lines() };
        match clients.word().await? {
            Word::Ready => Ok(clients),
            word @ Word::Done(_) => bail!("the clients said {word:?} before they were ready"),
        }
    }

    /// Closes their stdin, and waits until they are done: how many things they did.
    pub(super) async fn finish(mut self) -> Result<u64> {
        self.tell = None;
        match self.word().await? {
            Word::Done(done) => {
                self.child.wait().await?;
                Ok(done)
            }
            word @ Word::Ready => bail!("the clients said {word:?} again"),
        }
    }

    async fn word(&mut self) -> Result<Word> {
        match self.words.next_line().await? {
            Some(line) => Ok(serde_json::from_str(&line)?),
            None => bail!("the clients ended: {}", self.child.wait().await?),
        }
    }
}
