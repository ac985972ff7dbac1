//! A runner in a process of its own, which the benchmark starts to share in a drain: what it does, and what the two say to
//! each other.
//!
//! The process says lines of JSON on its stdout. It begins when it reads a line, and ends when its stdin is closed: so it
//! ends with the benchmark, too, whatever became of that.

use std::io::Write;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, BufReader, Lines, Stdin};

use super::drain::Drainer;
use super::{failed, of};
use crate::error::Result;
use crate::runner::peak_memory;
use crate::store::StoreUrl;

/// What the process says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Word {
    /// The store is open.
    Ready,
    /// It has run so many actions by now.
    Ran(u64),
    /// It has stopped, and all is recorded.
    Done {
        /// How many actions it ran.
        ran: u64,
        /// The most memory it used, where the system tells.
        peak_memory: Option<u64>,
    },
}

/// How often it says how far it has come: what is said takes part of the processors that are measured.
const WORDS: Duration = Duration::from_millis(10);

/// Takes part in a drain, with words on stdin and stdout.
pub async fn run(store: &StoreUrl, workers: usize) -> Result<()> {
    let store = store.open().await?;
    let mut told = BufReader::new(tokio::io::stdin()).lines();
    say(Word::Ready)?;
    if !is_told(&mut told).await? {
        return Ok(());
    }
    let mut drainer = Drainer::of(of(&store), workers, WORDS)?;
    let mut said = 0;
    loop {
        tokio::select! {
            goes_on = drainer.goes_on() => {
                if !goes_on {
                    break;
                }
                let ran = drainer.ran();
                if ran != said {
                    say(Word::Ran(ran))?;
                    said = ran;
                }
            }
            told = is_told(&mut told) => {
                if !told? {
                    break;
                }
            }
        }
    }
    let ran = drainer.stop().await?;
    say(Word::Done { ran, peak_memory: peak_memory() })
}

/// Waits for a line; `false` when there are no more.
async fn is_told(lines: &mut Lines<BufReader<Stdin>>) -> Result<bool> {
    let line =
        lines.next_line().await.map_err(|error| failed(format!("reading stdin: {error}")))?;
    Ok(line.is_some())
}

fn say(word: Word) -> Result<()> {
    let write = || {
        let mut out = std::io::stdout().lock();
        serde_json::to_writer(&mut out, &word)?;
        out.write_all(b"\n")?;
        out.flush()
    };
    write().map_err(|error| failed(format!("telling the benchmark: {error}")))
}
