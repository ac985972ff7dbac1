//! A server as a process.

use std::fs::OpenOptions;
use std::path::PathBuf;
use std::process::Child;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::folder::Folder;
use super::programs;

/// A server that listens on a port and works in a folder; it may be running or not.
#[derive(Debug)]
pub(super) struct Instance {
    program: &'static str,
    folder: Folder,
    port: u16,
    /// How many megabytes its small disk has, if it has one.
    small_disk: Option<u32>,
    child: Option<Child>,
}

impl Instance {
    /// One that is not running, or was started by another process.
    pub(super) fn new(program: &'static str, folder: Folder, port: u16) -> Self {
        Self { program, folder, port, small_disk: None, child: None }
    }

    /// Gives it a disk of so many megabytes in the folder `small`, empty at each start.
    pub(super) fn add_small_disk(&mut self, megabytes: u32) {
        self.small_disk = Some(megabytes);
    }

    pub(super) fn folder(&self) -> &Folder {
        &self.folder
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Whether this started it, and neither stopped nor killed it.
    pub(super) fn is_running(&self) -> bool {
        self.child.is_some()
    }

    /// Starts the program, and waits until it answers.
    pub(super) async fn start(&mut self, args: &[String], answers: impl AsyncFn() -> bool) {
        self.spawn(args);
        let what = format!("{} answers; its log is {}", self.program, self.log().display());
        let has_started = async || {
            let child = self.child.as_mut();
            let ended = child.and_then(|child| child.try_wait().expect("a child"));
            if let Some(ended) = ended {
                panic!("{} did not start: {ended}\n{}", self.program, self.log_tail());
            }
            answers().await
        };
        until(&what, has_started).await;
    }

    /// Asks it to end with this signal, and waits until it did.
    pub(super) async fn stop(&mut self, signal: Signal) {
        if let Some(child) = self.child.take() {
            kill_process(Pid::from_child(&child), signal).expect("a child that is not waited for");
            reap(child).await;
        }
    }

    /// Kills it with all its processes; returns when they are gone.
    pub(super) async fn kill(&mut self) {
        self.folder.kill_all();
        if let Some(child) = self.child.take() {
            reap(child).await;
        }
    }

    fn spawn(&mut self, args: &[String]) {
        assert!(self.child.is_none(), "{} is running already", self.program);
        let log = OpenOptions::new().create(true).append(true).open(self.log());
        let log = log.expect("a log file in a folder of one's own");
        let folder = self.folder.path();
        let mut command = match self.small_disk {
            Some(megabytes) => programs::command_with_small_disk(self.program, folder, megabytes),
            None => programs::command(self.program, folder),
        };
        command.args(args).stdout(log.try_clone().expect("a file descriptor")).stderr(log);
        let spawned = command.spawn();
        self.child =
            Some(spawned.unwrap_or_else(|error| panic!("starting {}: {error}", self.program)));
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    /// The last lines that it wrote.
    pub(super) fn log_tail(&self) -> String {
        const LINES: usize = 30;
        let log = std::fs::read(self.log()).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(LINES)..].join("\n")
    }
}

/// Waits until something is so, as long as that may take on a busy machine.
pub(super) async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    const LONGEST: Duration = Duration::from_secs(60);
    let begun = Instant::now();
    while !holds().await {
        assert!(begun.elapsed() < LONGEST, "waited {LONGEST:?} until {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn reap(mut child: Child) {
    let reaped = tokio::task::spawn_blocking(move || child.wait());
    reaped.await.expect("no panic").expect("a child");
}
