//! The one thread that writes. Whatever waits when it is free goes into one transaction: a commit costs the same for one
//! caller as for a hundred.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior};
use tokio::sync::{oneshot, watch};

use super::error::{StoreResult, wrap};
use super::names::Names;
use super::row;
use super::sequence::Sequence;
use super::turns::Turns;
use crate::error::{Error, Result, StoreError, StoreErrorKind};
use crate::store::set_back::SeenTimes;
use crate::time::Clock;

/// A transaction in the making, as one caller sees it.
pub(super) struct Write<'a> {
    pub connection: &'a Connection,
    pub names: &'a mut Names,
    pub now: Timestamp,
    pub seen: &'a mut SeenTimes,
    /// Where log entries get their numbers from.
    pub sequence: &'a Sequence,
    /// Set when there may be new work to claim once this is committed.
    pub wakes: bool,
}

/// A caller's part of a transaction: does its work, and hands back how to tell the caller once it is committed. It is
/// given nothing to work with when there is no transaction to be had.
struct Job {
    isolation: Isolation,
    work: Work,
}

type Work = Box<dyn FnOnce(Option<&mut Write<'_>>) -> Done + Send>;

/// What becomes of a transaction when one of several jobs in it fails.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Isolation {
    /// The job alone is undone: for whatever reads rows that others may have written. Costs a copy of every page it
    /// touches.
    Own,
    /// All is undone: for what can only fail as the disk does, and has to be fast.
    Shared,
}

struct Done {
    succeeded: bool,
    /// Called with the error if there was no transaction, or if it could not be committed.
    reply: Reply,
}

type Reply = Box<dyn FnOnce(Option<&StoreError>)>;

enum Message {
    Job(Job),
    /// Look whether another process has written.
    LookAround,
}

/// The writing end of the store.
pub(super) struct Writer {
    messages: Option<mpsc::Sender<Message>>,
    /// Closed when the thread has ended.
    ended: Mutex<mpsc::Receiver<()>>,
    /// Whether a look around is already on its way.
    looking: Arc<AtomicBool>,
}

impl Writer {
    pub(super) fn spawn(
        connection: Connection,
        file: Arc<str>,
        clock: Clock,
        wake: Arc<watch::Sender<u64>>,
    ) -> StoreResult<Self> {
        let newest = latest_stamp(&connection).map_err(wrap(&file))?.unwrap_or_else(|| clock.now());
        let (messages, inbox) = mpsc::channel();
        let looking = Arc::new(AtomicBool::new(false));
        let mut loop_ = Loop {
            turns: Turns::of(&file),
            connection,
            file,
            clock,
            wake,
            looking: Arc::clone(&looking),
            names: Names::default(),
            seen: SeenTimes::since(newest),
        };
        let (end, ended) = mpsc::channel();
        std::thread::Builder::new()
            .name("sqlite-writer".into())
            .spawn(move || {
                loop_.run(&inbox);
                drop(end);
            })
            .map_err(|error| {
                StoreError::new(StoreErrorKind::Other, format!("cannot start a thread: {error}"))
            })?;
        Ok(Self { messages: Some(messages), ended: Mutex::new(ended), looking })
    }

    /// Runs a job in the next transaction and waits until that is committed.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        isolation: Isolation,
        job: impl FnOnce(&mut Write<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (answer, answered) = oneshot::channel();
        let work = Box::new(move |write: Option<&mut Write<'_>>| {
            let result = write.map(job);
            Done {
                succeeded: matches!(result, Some(Ok(_))),
                reply: Box::new(move |error| {
                    let result = match (error, result) {
                        (_, Some(Err(own))) => Err(own),
                        (Some(error), _) => {
                            Err(StoreError::new(error.kind, error.message.clone()).into())
                        }
                        (None, Some(Ok(value))) => Ok(value),
                        (None, None) => Err(closed()),
                    };
                    // A caller that has gone away does not want the answer.
                    let _ = answer.send(result);
                }),
            }
        });
        let sent = self
            .messages
            .as_ref()
            .is_some_and(|messages| messages.send(Message::Job(Job { isolation, work })).is_ok());
        if !sent {
            return Err(closed());
        }
        answered.await.map_err(|_| closed())?
    }

    /// Something that asks the writer to look whether another process has written.
    pub(super) fn look_around(&self) -> impl Fn() + Send + 'static {
        let messages = self.messages.clone();
        let looking = Arc::clone(&self.looking);
        move || {
            if let Some(messages) = &messages
                && !looking.swap(true, Ordering::AcqRel)
            {
                // The writer being gone means that the store is closed.
                let _ = messages.send(Message::LookAround);
            }
        }
    }

    /// Ends the thread once everything asked for so far is done. When it stands before the lock of another program it is
    /// left behind after a few seconds.
    pub(super) fn close(&mut self) {
        self.messages = None;
        // The thread ends by dropping the other end.
        let _ = self.ended.lock().map(|ended| ended.recv_timeout(Duration::from_secs(5)));
    }
}

/// How long a busy writer waits for more to come into a transaction: a fraction of what its commit takes.
const GATHER: Duration = Duration::from_micros(50);

/// What goes into one transaction.
#[derive(Default)]
struct Gathered {
    jobs: VecDeque<Job>,
    /// Someone asked for a look around.
    look: bool,
}

impl Gathered {
    const MOST: usize = 1024;

    fn add(&mut self, message: Message) {
        match message {
            Message::Job(job) => self.jobs.push_back(job),
            Message::LookAround => self.look = true,
        }
    }

    /// Adds what is there.
    fn add_all(&mut self, inbox: &mpsc::Receiver<Message>) {
        while self.jobs.len() < Self::MOST
            && let Ok(message) = inbox.try_recv()
        {
            self.add(message);
        }
    }

    /// Adds what is there, and what comes in a moment.
    fn await_more(&mut self, inbox: &mpsc::Receiver<Message>) {
        let until = Instant::now() + GATHER;
        while self.jobs.len() < Self::MOST
            && let Ok(message) = inbox.recv_timeout(until.saturating_duration_since(Instant::now()))
        {
            self.add(message);
        }
    }
}

fn closed() -> Error {
    StoreError::new(StoreErrorKind::Unavailable, "the SQLite store is closed").into()
}

/// When the newest action was stored.
fn latest_stamp(connection: &Connection) -> rusqlite::Result<Option<Timestamp>> {
    connection
        .query_row("SELECT created_at FROM actions ORDER BY id DESC LIMIT 1", [], |row| {
            row::time(row, 0)
        })
        .optional()
}

struct Loop {
    turns: Turns,
    connection: Connection,
    file: Arc<str>,
    clock: Clock,
    wake: Arc<watch::Sender<u64>>,
    looking: Arc<AtomicBool>,
    names: Names,
    seen: SeenTimes,
}

/// How long the writer waits for a job of its own before it takes the lock only to see whether others are done with it.
const LULL: Duration = Duration::from_millis(1);

impl Loop {
    fn run(&mut self, inbox: &mpsc::Receiver<Message>) {
        let mut seen = self.data_version();
        let mut committed = Instant::now();
        // Whether someone was writing when last looked, who may not be done.
        let mut others_write = false;
        loop {
            let received = if others_write {
                inbox.recv_timeout(LULL)
            } else {
                inbox.recv().map_err(mpsc::RecvTimeoutError::from)
            };
            let (held_lock, told) = match received {
                Ok(first) => {
                    // Whoever was told of the last commit is about to ask for the next one: what a busy caller does in
                    // turn goes into one transaction.
                    let mut gathered = Gathered::default();
                    gathered.add(first);
                    if committed.elapsed() < GATHER {
                        gathered.await_more(inbox);
                    } else {
                        gathered.add_all(inbox);
                    }
                    let any = !gathered.jobs.is_empty();
                    if any {
                        self.commit(&mut gathered, inbox);
                        committed = Instant::now();
                    }
                    if gathered.look {
                        self.looking.store(false, Ordering::Release);
                    }
                    (any, gathered.look)
                }
                Err(mpsc::RecvTimeoutError::Timeout) => (self.let_others_finish(), false),
                Err(mpsc::RecvTimeoutError::Disconnected) => return,
            };
            if told || others_write {
                let now = self.data_version();
                if now != seen {
                    seen = now;
                    self.wake.send_modify(|count| *count = count.wrapping_add(1));
                }
                // The file system tells of a transaction when it is written, which is before it is there to be seen:
                // nothing tells of that moment, but whoever has held the lock since then has come after it.
                others_write = !held_lock;
            }
        }
    }

    /// A number that changes when another connection has written (not this one).
    fn data_version(&self) -> Option<i64> {
        self.connection.pragma_query_value(None, "data_version", |row| row.get(0)).ok()
    }

    /// Waits for whoever is writing.
    fn let_others_finish(&self) -> bool {
        let _turn = self.turns.take();
        // Writes nothing. Should the lock not be had, a job that needs it says why.
        self.connection.execute_batch("BEGIN IMMEDIATE; ROLLBACK").is_ok()
    }

    fn commit(&mut self, gathered: &mut Gathered, inbox: &mpsc::Receiver<Message>) {
        let mut replies = Vec::with_capacity(gathered.jobs.len());
        let mut wakes = false;
        // To its end, and with it goes what SQLite does then about a long log: while others write, the log could never be
        // begun anew.
        let turn = self.turns.take();
        let outcome = self.transact(gathered, inbox, &mut replies, &mut wakes);
        drop(turn);
        if let Err(error) = &outcome {
            // Names that were stored in it are not there any more.
            self.names = Names::default();
            // Nor is what was dated anew.
            self.seen.came_back();
            tracing::error!(%error, "a transaction failed");
        }
        replies.extend(gathered.jobs.drain(..).map(|job| (job.work)(None).reply));
        for reply in replies {
            reply(outcome.as_ref().err());
        }
        if wakes && outcome.is_ok() {
            self.wake.send_modify(|count| *count = count.wrapping_add(1));
        }
    }

    /// Runs the jobs in one transaction.
    fn transact(
        &mut self,
        gathered: &mut Gathered,
        inbox: &mpsc::Receiver<Message>,
        replies: &mut Vec<Reply>,
        wakes: &mut bool,
    ) -> StoreResult<()> {
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(wrap(&self.file))?;
        // What came while others held the lock.
        gathered.add_all(inbox);
        let lone = gathered.jobs.len() == 1;
        let mut any_succeeded = false;
        let mut sequence = Sequence::default();
        while let Some(Job { isolation, work }) = gathered.jobs.pop_front() {
            let has_savepoint = !lone && isolation == Isolation::Own;
            if has_savepoint {
                transaction.execute_batch("SAVEPOINT job").map_err(wrap(&self.file))?;
            }
            let changes = transaction.total_changes();
            let now = self.clock.now();
            self.seen.see(now);
            let mut write = Write {
                connection: &transaction,
                names: &mut self.names,
                now,
                seen: &mut self.seen,
                sequence: &sequence,
                wakes: false,
            };
            let done = work(Some(&mut write));
            *wakes |= write.wakes && done.succeeded;
            any_succeeded |= done.succeeded;
            replies.push(done.reply);
            if !done.succeeded {
                // What they have seen of the file may be undone.
                self.names = Names::default();
                sequence = Sequence::default();
                if has_savepoint {
                    transaction.execute_batch("ROLLBACK TO job").map_err(wrap(&self.file))?;
                } else if transaction.total_changes() != changes {
                    let message = format!(
                        "{}: a write failed half way; nothing was stored, try again",
                        self.file
                    );
                    return Err(StoreError::new(StoreErrorKind::Other, message));
                }
            }
            if has_savepoint {
                transaction.execute_batch("RELEASE job").map_err(wrap(&self.file))?;
            }
        }
        if any_succeeded { transaction.commit() } else { transaction.rollback() }
            .map_err(wrap(&self.file))
    }
}
