//! A drain by several processes.

use std::num::NonZeroU32;
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use futures_util::future::try_join_all;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio_util::sync::CancellationToken;

use super::drain::{Drained, Shares};
use super::failed;
use super::part::Word;
use crate::error::Result;

/// Gives the command of a process that calls [`super::part::run`] on the store that is measured.
pub type StartRunner<'a> = &'a (dyn Fn() -> Command + Send + Sync);

/// Starts the processes, and lets them drain.
pub(super) async fn drain(
    wanted: u64,
    count: NonZeroU32,
    start: StartRunner<'_>,
) -> Result<Drained> {
    let mut processes = (1..=count.get())
        .map(|number| Process::start(number, start()))
        .collect::<Result<Vec<_>>>()?;
    try_join_all(processes.iter_mut().map(Process::ready)).await?;
    let begun = Instant::now();
    let counts = Counts::new(processes.len(), wanted);
    let drains = processes.into_iter().zip(&counts.ran);
    let drains = drains.map(|(process, ran)| process.drain(&counts, ran));
    let ends = try_join_all(drains).await?;
    Ok(Drained {
        time: begun.elapsed(),
        shares: Shares(ends.iter().map(|end| end.ran).collect()),
        peak_memory: ends.iter().filter_map(|end| end.peak_memory).max(),
    })
}

/// How far each process has come by its own word.
struct Counts {
    ran: Vec<AtomicU64>,
    wanted: u64,
    /// All together have run what is to be run.
    complete: CancellationToken,
}

impl Counts {
    fn new(processes: usize, wanted: u64) -> Self {
        let ran = (0..processes).map(|_| AtomicU64::new(0)).collect();
        Self { ran, wanted, complete: CancellationToken::new() }
    }

    /// `process` is one of [`Counts::ran`].
    fn set(&self, process: &AtomicU64, ran: u64) {
        process.store(ran, Ordering::Relaxed);
        let total: u64 = self.ran.iter().map(|ran| ran.load(Ordering::Relaxed)).sum();
        if total >= self.wanted {
            self.complete.cancel();
        }
    }
}

/// How the part of a process came out.
struct End {
    ran: u64,
    peak_memory: Option<u64>,
}

struct Process {
    number: u32,
    child: Child,
    /// Until it is told to stop.
    tell: Option<ChildStdin>,
    words: Lines<BufReader<ChildStdout>>,
}

impl Process {
    fn start(number: u32, mut command: Command) -> Result<Self> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let failed = |problem: String| failed(format!("starting runner {number}: {problem}"));
        let mut child = command.spawn().map_err(|error| failed(error.to_string()))?;
        let (tell, words) = (child.stdin.take(), child.stdout.take());
        let words = words.ok_or_else(|| failed("it has no stdout".to_owned()))?;
        Ok(Self { number, child, tell, words: BufReader::new(words).lines() })
    }

    async fn ready(&mut self) -> Result<()> {
        let line = self.words.next_line().await;
        match self.understood(line).await? {
            Word::Ready => Ok(()),
            word => Err(self.failed(format!("said {word:?} before it was ready"))),
        }
    }

    /// Lets it work until all together have run enough, then tells it to stop, and waits until it has.
    async fn drain(mut self, counts: &Counts, own: &AtomicU64) -> Result<End> {
        if let Some(tell) = &mut self.tell {
            let told = tell.write_all(b"go\n").await;
            told.map_err(|error| self.failed(format!("cannot be told to begin: {error}")))?;
        }
        loop {
            let line = tokio::select! {
                line = self.words.next_line() => line,
                () = counts.complete.cancelled(), if self.tell.is_some() => {
                    // It reads the end of its stdin.
                    self.tell = None;
                    continue;
                }
            };
            match self.understood(line).await? {
                Word::Ran(ran) => counts.set(own, ran),
                Word::Done { ran, peak_memory } => return Ok(End { ran, peak_memory }),
                word @ Word::Ready => return Err(self.failed(format!("said {word:?} again"))),
            }
        }
    }

    async fn understood(&mut self, line: std::io::Result<Option<String>>) -> Result<Word> {
        match line {
            Ok(Some(line)) => serde_json::from_str(&line)
                .map_err(|error| self.failed(format!("said {line:?}: {error}"))),
            Ok(None) => {
                let ended = self.child.wait().await;
                let ended =
                    ended.map_or_else(|error| error.to_string(), |status| status.to_string());
                // What it says on stderr is seen as it is said.
                Err(self.failed(format!("ended before the drain did: {ended}")))
            }
            Err(error) => Err(self.failed(format!("cannot be heard: {error}"))),
        }
    }

    fn failed(&self, problem: String) -> crate::Error {
        failed(format!("runner {} {problem}", self.number))
    }
}
