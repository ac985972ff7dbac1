//! Working processes, as a test handles them.

use std::io::{BufRead, BufReader, Lines, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use action_scheduler::{ActionId, Scheduler, Status};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};
use testkit::crash::{Folder, Orders};

/// A store, and a folder that is kept for a look when the test fails; one test at a time, as each needs all the
/// processors.
pub struct Scene {
    pub folder: Folder,
    pub store: String,
    kept: Option<tempfile::TempDir>,
    _turn: MutexGuard<'static, ()>,
}

impl Scene {
    /// With a SQLite file in the folder.
    pub fn new() -> Self {
        Self::with_store(|folder| format!("sqlite:{}", folder.database().display()))
    }

    /// With the store at this URL.
    pub fn at(store: &str) -> Self {
        Self::with_store(|_| store.to_owned())
    }

    fn with_store(store: impl FnOnce(&Folder) -> String) -> Self {
        static TURN: Mutex<()> = Mutex::new(());
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = tempfile::tempdir().unwrap();
        let folder = Folder::new(kept.path());
        Self { store: store(&folder), folder, kept: Some(kept), _turn: turn }
    }

    pub fn orders(&self) -> Orders {
        Orders::new(&self.store, self.folder.path())
    }

    /// A scheduler of the test's own on the same store.
    pub async fn scheduler(&self) -> Scheduler {
        let store = action_scheduler::store::open(&self.store).await.unwrap();
        Scheduler::builder(store).policies(testkit::crash::policies()).build()
    }

    /// The calls that handlers have written down so far: id, attempt, hook.
    pub fn calls(&self) -> Vec<(ActionId, u32, String)> {
        let parse = |line: &str| {
            let mut words = line.split(' ');
            let mut next = || words.next().unwrap_or_else(|| panic!("a torn line: {line:?}"));
            (next().parse().unwrap(), next().parse().unwrap(), next().to_owned())
        };
        lines(&self.folder.calls()).iter().map(|line| parse(line)).collect()
    }

    /// Fails if a process met an error where there should be none.
    pub fn assert_no_errors(&self) {
        assert_eq!(lines(&self.folder.errors()), [""; 0]);
    }

    /// Fails if a process met an error that does not say this.
    pub fn assert_errors_only_say(&self, what: &[&str]) {
        let others: Vec<String> = lines(&self.folder.errors())
            .into_iter()
            .filter(|line| !what.iter().any(|what| line.contains(what)))
            .collect();
        assert_eq!(others, [""; 0]);
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        if std::thread::panicking()
            && let Some(kept) = self.kept.take()
        {
            eprintln!("{}, and what processes wrote down: {}", self.store, kept.keep().display());
        }
    }
}

/// The lines of a file; none if it is not there.
pub fn lines(file: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

/// A working process; it is killed when this is dropped.
pub struct Worker {
    child: Child,
    stdin: ChildStdin,
    stdout: Lines<BufReader<ChildStdout>>,
}

impl Worker {
    pub fn spawn(orders: &Orders) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_crash_worker"))
            .arg(serde_json::to_string(orders).unwrap())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdin = child.stdin.take().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, stdin, stdout }
    }

    /// Waits until it says this.
    pub fn says(&mut self, word: &str) {
        let said = self.stdout.next().expect("a worker that lives").unwrap();
        assert_eq!(said, word);
    }

    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Stops it in good order and waits until it has ended.
    pub fn stop(mut self) {
        self.stdin.write_all(b"stop\n").unwrap();
        assert!(self.child.wait().unwrap().success());
    }

    /// SIGSTOP: it holds still, all of it, until [`Worker::thaw`].
    pub fn freeze(&self) {
        self.signal(Signal::STOP);
        // The signal only begins it: a thread that runs goes on until it has heard of it.
        let pid = Pid::from_child(&self.child);
        waitid(WaitId::Pid(pid), WaitIdOptions::STOPPED).unwrap();
    }

    /// SIGCONT.
    pub fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // It may have ended, and a test that is failing already has nothing to gain from another panic.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until a condition holds, as long as that may take on a busy machine.
pub async fn until(what: &str, holds: impl AsyncFnMut() -> bool) {
    until_at_last(Duration::from_secs(60), what, holds).await;
}

/// The same, for what may take longer.
pub async fn until_at_last(longest: Duration, what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !holds().await {
        assert!(begun.elapsed() < longest, "waited {longest:?} in vain until {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Waits until nothing is left to do but future instances of chains, and only so many runners are known.
pub async fn until_drained(scheduler: &Scheduler, runners: u64) {
    const LONGEST: Duration = Duration::from_secs(240);
    let begun = Instant::now();
    loop {
        let stats = scheduler.stats().await.unwrap();
        let count = |status: Status| stats.counts.get(status.as_str()).copied();
        let chains = stats.chains.get(&action_scheduler::store::ChainState::Active).copied();
        if count(Status::InProgress) == Some(0)
            && count(Status::Pending) == Some(chains.unwrap_or_default())
            && stats.claims == 0
            && stats.runners == runners
        {
            return;
        }
        assert!(begun.elapsed() < LONGEST, "it is not drained after {LONGEST:?}: {stats:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
