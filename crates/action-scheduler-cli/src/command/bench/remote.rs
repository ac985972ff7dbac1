//! Remote workers over HTTP: how fast a pool of them drains, and what many that wait cost.

use std::process::Stdio;
use std::time::{Duration, Instant};

use action_scheduler::action::NewAction;
use action_scheduler::runner::{peak_memory, used_memory};
use action_scheduler::{Query, Schedule, Scheduler, Shutdown, Status};
use action_scheduler_server::access::accounts::{Accounts, Actor, NewToken};
use action_scheduler_server::{Server, ServerConfig};
use anyhow::{Context, Result, bail};
use serde::Serialize;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use super::remote_workers::{self, HOOK, STILL, Task, Word};
use super::{Options, Rows, Target, per_second};
use crate::output::thousands;

/// How many actions are stored at once.
const BULK: u64 = 1000;

/// What was measured.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// How many actions were drained.
    actions: u64,
    /// By how many workers, each with a connection of its own.
    connections: u32,
    /// How many actions each asked for at once.
    remote_batch: u32,
    /// Actions per second, from the first question to the last answer.
    remote_drain_per_s: f64,
    /// How many workers waited for work.
    waiting: u32,
    /// How much more memory the server used while they did.
    waiting_mib: Option<f64>,
    /// The most memory the server used at any time.
    peak_rss_mib: Option<f64>,
}

/// Measures it.
pub(super) async fn measure(
    target: &Target,
    options: &Options,
    progress: &(dyn Fn(&str) + Send + Sync),
) -> Result<Report> {
    let scheduler = Scheduler::builder(target.url.open().await?)
        .context(action_scheduler::Context::new("bench"))
        .build();
    if scheduler.count(Query::new()).await? > 0 {
        bail!("the store has actions; measure on one of its own");
    }
    scheduler.bind_remote(HOOK.parse()?);
    let mut config = ServerConfig::default();
    config.listen.set_port(0);
    let server = Server::bind(scheduler.clone(), config).await?;
    let accounts = Accounts::new(scheduler.store().clone());
    let token = NewToken { name: "bench".parse()?, scopes: "work".parse()?, lifetime: None };
    let token = accounts.create_token(token, &Actor::command_line()).await?;
    let address = server.address().to_string();
    let shutdown = Shutdown::new();
    let serving = tokio::spawn(server.run(shutdown.clone()));
    let program = std::env::current_exe()?;
    let start = |task, workers| {
        let batch = options.remote_batch;
        Workers::start(remote_workers::command(
            &program,
            &address,
            token.reveal(),
            task,
            workers,
            batch,
        ))
    };

    progress("workers that wait");
    let before = used_memory();
    let waiting = start(Task::Wait, options.waiting)?.ready().await?;
    let after = memory_at_rest().await;
    waiting.stop().await?;

    progress("storing what is drained");
    store(&scheduler, options.actions).await?;
    progress("remote drain");
    let draining = start(Task::Drain, options.connections)?.ready().await?;
    let begun = Instant::now();
    let done = draining.drain().await?;
    let time = begun.elapsed();
    let complete = scheduler.count(Query::new().status(Status::Complete)).await?;
    if (done, complete) != (options.actions, options.actions) {
        bail!("of {} actions {done} were done and {complete} are complete", options.actions);
    }
    shutdown.stop();
    serving.await??;
    let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    Ok(Report {
        actions: options.actions,
        connections: options.connections,
        remote_batch: options.remote_batch,
        remote_drain_per_s: options.actions as f64 / time.as_secs_f64().max(1e-9),
        waiting: options.waiting,
        waiting_mib: before.zip(after).map(|(before, after)| mib(after.saturating_sub(before))),
        peak_rss_mib: peak_memory().map(mib),
    })
}

/// What is shown.
pub(super) fn rows(report: &Report) -> Rows {
    let mut rows = vec![
        ("remote drain", per_second(report.remote_drain_per_s)),
        ("by workers", format!("{}, {} at once", report.connections, report.remote_batch)),
        ("workers that wait", thousands(u64::from(report.waiting))),
    ];
    rows.extend(report.waiting_mib.map(|mib| ("memory for them", format!("{mib:.1} MiB"))));
    rows.extend(report.peak_rss_mib.map(|mib| ("peak memory", format!("{mib:.0} MiB"))));
    rows
}

async fn store(scheduler: &Scheduler, actions: u64) -> Result<()> {
    let hook: action_scheduler::Hook = HOOK.parse()?;
    let mut left = actions;
    while left > 0 {
        let some = left.min(BULK);
        let new = (0..some).map(|_| NewAction::new(hook.clone(), Schedule::Async));
        scheduler.insert(new.collect()).await?;
        left -= some;
    }
    Ok(())
}

/// How much memory is used when that has stood still for a while.
async fn memory_at_rest() -> Option<u64> {
    let mut most = used_memory()?;
    let mut since = Instant::now();
    while since.elapsed() < STILL {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let now = used_memory()?;
        if now > most {
            (most, since) = (now, Instant::now());
        }
    }
    Some(most)
}

/// The process with the workers.
struct Workers {
    child: Child,
    tell: Option<ChildStdin>,
    words: Lines<BufReader<ChildStdout>>,
}

impl Workers {
    fn start(mut command: Command) -> Result<Self> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().context("starting the workers")?;
        let tell = child.stdin.take();
        let words = child.stdout.take().context("the workers have no stdout")?;
        Ok(Self { child, tell, words: BufReader::new(words).lines() })
    }

    async fn ready(mut self) -> Result<Self> {
        match self.word().await? {
            Word::Ready => Ok(self),
            word @ Word::Done(_) => bail!("the workers said {word:?} before they were ready"),
        }
    }

    /// Lets them do all there is. How many actions they did.
    async fn drain(mut self) -> Result<u64> {
        // They read the end of their stdin.
        self.tell = None;
        match self.word().await? {
            Word::Done(done) => {
                self.child.wait().await?;
                Ok(done)
            }
            word @ Word::Ready => bail!("the workers said {word:?} again"),
        }
    }

    async fn stop(mut self) -> Result<()> {
        self.tell = None;
        self.child.wait().await?;
        Ok(())
    }

    async fn word(&mut self) -> Result<Word> {
        match self.words.next_line().await? {
            Some(line) => Ok(serde_json::from_str(&line)?),
            None => bail!("the workers ended: {}", self.child.wait().await?),
        }
    }
}
