//! A worker: a PHP process that has loaded a site's WordPress and runs one action after another.

mod frame;
mod task;

use std::io;
use std::time::{Duration, Instant};

use action_scheduler::handler::child::{Ending, Group, Tail, printable, status_in_words};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::net::unix::pipe;
use tokio::time::timeout;

use self::frame::{Done, Ended, Load, Stale, Word, frame, take};
pub use self::frame::{PostsUse, Ready};
pub(crate) use self::task::Task;
use crate::php::{OUTPUT_KEPT, Php, Running};
use crate::site::Site;

/// The worker's side of it.
const SCRIPT: &str = include_str!("worker.php");

/// WordPress loads in a fraction of a second; one that takes this long hangs.
const LOADING: Duration = Duration::from_secs(60);

/// How long a worker whose action is canceled has to say where it was.
const LAST_WORDS: Duration = Duration::from_millis(800);

/// How long the exit status of a process that hung up is waited for.
const EXIT: Duration = Duration::from_millis(500);

/// How long PHP's own shutdown may take: plugins hang things on it.
const SHUTDOWN: Duration = Duration::from_secs(10);

/// A running worker.
pub(crate) struct Worker {
    group: Group,
    channel: UnixStream,
    /// What has come over the channel and is not taken yet.
    arrived: Vec<u8>,
    output: Option<pipe::Receiver>,
    tail: Tail,
    seq: u64,
    /// What it loaded.
    pub(crate) ready: Ready,
    /// When it was started.
    pub(crate) started: Instant,
    /// How many actions it has run.
    pub(crate) actions: u64,
    /// How much memory PHP used after the last one, in bytes.
    pub(crate) memory: u64,
}

/// Why a site could not be loaded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("WordPress cannot be loaded: {reason}")]
pub struct LoadError {
    /// What PHP said.
    pub reason: String,
    /// Whether the site is in maintenance mode.
    pub maintenance: bool,
}

/// What became of a task.
#[derive(Debug)]
pub(crate) enum Ran {
    /// It came to its end; the worker is ready for the next one.
    Done {
        /// Why it failed, if it did.
        reason: Option<String>,
        /// How many actions it stored.
        stored: u64,
    },
    /// It was not begun, as the worker is of the past; the worker has ended.
    NotBegun(String),
    /// The worker ended, for this reason, and the action with it.
    Ended {
        /// Why.
        reason: String,
        /// How many actions it stored before.
        stored: u64,
    },
}

/// What happened on the side of the process.
enum Happened {
    Word(Word),
    /// The channel is of no use any more, for this reason.
    Broken(Option<String>),
    Exited(String),
    Canceled,
}

impl Worker {
    /// Starts PHP and loads a site.
    pub(crate) async fn start(
        php: &Php,
        site: &Site,
        check_after: Duration,
    ) -> Result<Self, LoadError> {
        let load = async {
            let running = php.start(SCRIPT, &[]).await;
            let running = running.map_err(|error| LoadError::new(php.not_started(&error)))?;
            Self::load(running, site, check_after).await
        };
        timeout(LOADING, load).await.unwrap_or_else(|_| {
            Err(LoadError::new(format_args!("it was not loaded within {} s", LOADING.as_secs())))
        })
    }

    async fn load(running: Running, site: &Site, check_after: Duration) -> Result<Self, LoadError> {
        let Running { group, channel, output } = running;
        let mut worker = Self {
            group,
            channel,
            arrived: Vec::new(),
            output: Some(output),
            tail: Tail::new(OUTPUT_KEPT),
            seq: 0,
            ready: Ready::default(),
            started: Instant::now(),
            actions: 0,
            memory: 0,
        };
        let load = Load {
            name: &site.name,
            folder: &site.folder.to_string_lossy(),
            host: &site.host,
            path: &site.path,
            https: site.https,
            output: OUTPUT_KEPT,
            check_after: check_after.as_secs_f64(),
        };
        let sent = worker.send(b'L', &load).await;
        let happened = match sent {
            Ok(()) => worker.next(std::future::pending()).await,
            Err(_) => Happened::Broken(None),
        };
        match happened {
            Happened::Word(Word::Ready(ready)) => {
                worker.memory = ready.memory;
                worker.ready = ready;
                worker.forget_output();
                Ok(worker)
            }
            Happened::Word(Word::Ended(Ended { reason, maintenance, .. })) => {
                let reason = match maintenance {
                    true => "the site is in maintenance mode".to_owned(),
                    false => reason,
                };
                Err(LoadError { reason, maintenance })
            }
            Happened::Word(word) => Err(LoadError::new(format_args!("PHP said {word:?}"))),
            other => Err(LoadError::new(worker.why_ended(other).await)),
        }
    }

    /// Whether the process is still there, as far as can be told.
    pub(crate) fn is_alive(&self) -> bool {
        // Between actions a worker says nothing: whatever can be read is its end.
        let mut byte = [0];
        matches!(self.channel.try_read(&mut byte), Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }

    /// Does what it is asked to. Dropped before that is done, the worker has to be dropped too.
    pub(crate) async fn perform(&mut self, task: &Task<'_>) -> Ran {
        self.seq += 1;
        self.actions += 1;
        let sent = match task.frame(self.seq) {
            Ok(bytes) => self.channel.write_all(&bytes).await,
            Err(error) => Err(io::Error::other(error)),
        };
        if let Err(error) = sent {
            // A frame that did not go out whole is never run.
            return Ran::NotBegun(format!("the PHP worker had ended ({error})"));
        }
        match self.next(task.canceled()).await {
            Happened::Word(Word::Done(done)) if done.seq == self.seq => self.done(task, done),
            Happened::Word(Word::Stale(Stale { seq, why })) if seq == self.seq => {
                Ran::NotBegun(why)
            }
            Happened::Word(Word::Ended(ended)) if ended.seq == self.seq => self.ended(task, ended),
            Happened::Word(word) => {
                let reason = format!("the PHP worker answered what it was not asked: {word:?}");
                Ran::Ended { reason, stored: 0 }
            }
            Happened::Canceled => self.last_words(task).await,
            other => {
                let reason = self.why_ended(other).await;
                self.tell(task, "", &[]);
                Ran::Ended { reason, stored: 0 }
            }
        }
    }

    fn done(&mut self, task: &Task<'_>, done: Done) -> Ran {
        self.memory = done.memory;
        self.drain_output();
        self.tell(task, &done.output, &done.warnings);
        Ran::Done { reason: done.reason, stored: done.stored }
    }

    fn ended(&mut self, task: &Task<'_>, ended: Ended) -> Ran {
        self.drain_output();
        self.tell(task, &ended.output, &ended.warnings);
        Ran::Ended { reason: ended.reason, stored: ended.stored }
    }

    /// It takes too long, or everything is to stop: the worker may say where it was.
    async fn last_words(&mut self, task: &Task<'_>) -> Ran {
        self.group.ask_to_end();
        let said = timeout(LAST_WORDS, self.next(std::future::pending())).await;
        match said {
            Ok(Happened::Word(Word::Done(done))) if done.seq == self.seq => self.done(task, done),
            Ok(Happened::Word(Word::Ended(ended))) if ended.seq == self.seq => {
                let ended = Ended { reason: format!("ended by force: {}", ended.reason), ..ended };
                self.ended(task, ended)
            }
            _ => {
                self.drain_output();
                self.tell(task, "", &[]);
                Ran::Ended { reason: "ended by force".to_owned(), stored: 0 }
            }
        }
    }

    /// Ends it in good order, or else by force.
    pub(crate) async fn retire(mut self) {
        // It ends when nobody wants anything of it any more. Whether that works, its end tells.
        let _ = self.channel.shutdown().await;
        let mut output = self.output.take();
        let read = async {
            match &mut output {
                Some(output) => self.tail.read(output).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = timeout(SHUTDOWN, self.group.end(std::future::pending(), Duration::ZERO)) => {}
            // Whoever holds the other end of the pipe, it is not to keep us from ending the group.
            () = async { read.await; std::future::pending().await } => {}
        }
    }

    async fn send(&mut self, kind: u8, payload: &impl serde::Serialize) -> io::Result<()> {
        let bytes = frame(kind, payload).map_err(io::Error::other)?;
        self.channel.write_all(&bytes).await
    }

    /// Waits for the next word, while what is printed is taken in.
    async fn next(&mut self, canceled: impl Future<Output = ()>) -> Happened {
        let mut canceled = std::pin::pin!(canceled);
        let mut chunk = [0; 8192];
        loop {
            match take(&mut self.arrived) {
                Ok(None) => {}
                Ok(Some(word)) => return Happened::Word(word),
                Err(garbage) => return Happened::Broken(Some(garbage.to_string())),
            }
            let output = async {
                match &mut self.output {
                    Some(output) => output.read(&mut chunk).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                read = self.channel.read_buf(&mut self.arrived) => match read {
                    Ok(1..) => {}
                    Ok(0) | Err(_) => return Happened::Broken(None),
                },
                read = output => match read {
                    Ok(length @ 1..) => self.tail.push(chunk.get(..length).unwrap_or_default()),
                    Ok(0) | Err(_) => self.output = None,
                },
                ending = self.group.end(std::future::pending(), Duration::ZERO) => {
                    if let Some(word) = self.left_over().await {
                        return Happened::Word(word);
                    }
                    return Happened::Exited(exit_in_words(ending));
                }
                () = &mut canceled => return Happened::Canceled,
            }
        }
    }

    /// What a process that has exited had said before. A child of its own may hold the channel open still.
    async fn left_over(&mut self) -> Option<Word> {
        let read = async { while let Ok(1..) = self.channel.read_buf(&mut self.arrived).await {} };
        let _ = timeout(EXIT, read).await;
        take(&mut self.arrived).ok().flatten()
    }

    /// Why there will be no answer any more.
    async fn why_ended(&mut self, happened: Happened) -> String {
        let reason = match happened {
            Happened::Exited(status) => format!("the PHP worker ended without a word: {status}"),
            Happened::Broken(Some(garbage)) => garbage,
            Happened::Broken(None) | Happened::Word(_) | Happened::Canceled => {
                let ending = self.group.end(std::future::pending(), Duration::ZERO);
                match timeout(EXIT, ending).await {
                    Ok(ending) => {
                        format!("the PHP worker ended without a word: {}", exit_in_words(ending))
                    }
                    Err(_) => {
                        "the connection to the PHP worker was closed from its side".to_owned()
                    }
                }
            }
        };
        self.drain_output();
        let text = self.tail.text();
        match text.lines().rfind(|line| !line.trim().is_empty()) {
            Some(line) => format!("{reason}; the last it printed: {}", line.trim()),
            None => reason,
        }
    }

    /// Takes in what has been printed up to now.
    fn drain_output(&mut self) {
        let mut chunk = [0; 8192];
        while let Some(output) = &self.output {
            match output.try_read(&mut chunk) {
                Ok(length @ 1..) => self.tail.push(chunk.get(..length).unwrap_or_default()),
                Ok(0) => self.output = None,
                Err(_) => return,
            }
        }
    }

    fn forget_output(&mut self) {
        self.drain_output();
        self.tail = Tail::new(OUTPUT_KEPT);
    }

    /// Passes on what was printed, and what PHP warned of.
    fn tell(&mut self, task: &Task<'_>, captured: &str, warnings: &[String]) {
        let printed = [printable(captured.as_bytes()), self.tail.text()];
        let printed: Vec<&str> =
            printed.iter().map(String::as_str).filter(|text| !text.is_empty()).collect();
        if !printed.is_empty() {
            task.printed(printed.join("\n"));
            self.tail = Tail::new(OUTPUT_KEPT);
        }
        for warning in warnings {
            task.warned(printable(warning.as_bytes()));
        }
    }
}

impl LoadError {
    fn new(reason: impl ToString) -> Self {
        Self { reason: reason.to_string(), maintenance: false }
    }
}

fn exit_in_words(ending: io::Result<Ending>) -> String {
    match ending {
        Ok(Ending::Own(status) | Ending::Canceled(status)) => status_in_words(status),
        Err(error) => format!("its end could not be awaited: {error}"),
    }
}
