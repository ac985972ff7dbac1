//! What a test and the working processes that it kills have to agree on: the store, the hooks, how their handlers come
//! out, and the files beside the store in which the processes write down what they do.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use action_scheduler::policy::{Backoff, HookPattern, OnCrash, PolicyChange};
use action_scheduler::{ActionId, Attempt, Policies};
use serde::{Deserialize, Serialize};

/// What a working process is to do; given to it as JSON, its only argument.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Orders {
    /// The URL of the store.
    pub store: String,
    /// Where the files beside the store are.
    pub folder: PathBuf,
    /// Decides how handlers come out; the same for all processes of a test.
    pub outcomes: u64,
    /// Decides what this process enqueues.
    pub seed: u64,
    /// How many times it enqueues something; `None` is on and on.
    pub enqueues: Option<u64>,
    /// It waits at most this long between two of these.
    pub pause: Duration,
    /// Whether it also cancels, re-runs, runs early and resumes.
    pub meddles: bool,
    /// Whether it goes on, and enqueues something else, when the store is away or full; otherwise that ends it.
    pub bears_outages: bool,
    /// Only these hooks; empty is any.
    pub hooks: Vec<String>,
    /// See [`action_scheduler::RunnerConfig::lease`].
    pub lease: Duration,
    /// See [`action_scheduler::RunnerConfig::poll_interval`].
    pub poll_interval: Duration,
    /// See [`action_scheduler::RunnerConfig::workers`].
    pub workers: usize,
    /// See [`action_scheduler::RunnerConfig::batch_size`].
    pub batch_size: u32,
    /// See [`action_scheduler::RunnerConfig::concurrent_batches`].
    pub concurrent_batches: Option<u32>,
}

impl Orders {
    /// To run what is in this store, and enqueue nothing.
    pub fn new(store: &str, folder: &Path) -> Self {
        Self {
            store: store.to_owned(),
            folder: folder.to_owned(),
            outcomes: 0,
            seed: 0,
            enqueues: Some(0),
            pause: Duration::from_millis(6),
            meddles: false,
            bears_outages: false,
            hooks: Vec::new(),
            lease: Duration::from_secs(15),
            poll_interval: Duration::from_secs(5),
            workers: 8,
            batch_size: 10,
            concurrent_batches: Some(5),
        }
    }
}

/// A hook, its policy, and what its handler does after it has written down the call.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Kind {
    /// Its name.
    pub hook: &'static str,
    /// How often it is tried.
    pub max_attempts: u32,
    /// Whether it is tried again after a crash.
    pub survives_crashes: bool,
    /// A chain of it is paused after this many failures in a row.
    pub failure_threshold: Option<u32>,
    /// Of a hundred calls, how many fail.
    pub fails: u64,
}

const fn kind(hook: &'static str, max_attempts: u32, fails: u64) -> Kind {
    Kind { hook, max_attempts, survives_crashes: false, failure_threshold: None, fails }
}

/// Hooks that run once for each action.
pub const SINGLE: [Kind; 5] = [
    kind("plain", 1, 0),
    kind("failing", 1, 50),
    kind("retried", 3, 50),
    Kind { survives_crashes: true, ..kind("surviving", 1, 10) },
    Kind { survives_crashes: true, ..kind("surviving_retried", 3, 40) },
];

/// The hook of actions that are stored with [`action_scheduler::Unique::Args`].
pub const UNIQUE: Kind = kind("unique", 1, 10);

/// Hooks that recur.
pub const RECURRING: [Kind; 5] = [
    kind("every", 1, 0),
    kind("every_failing", 1, 50),
    kind("every_retried", 3, 40),
    Kind { survives_crashes: true, ..kind("every_surviving", 1, 10) },
    Kind { failure_threshold: Some(2), ..kind("every_pausing", 1, 50) },
];

/// A hook whose handler goes on until the test lets it end: see [`Folder::gate`].
pub const HELD: Kind = kind("held", 1, 0);

/// The same, and it is tried again after a crash.
pub const HELD_SURVIVING: Kind = Kind { survives_crashes: true, ..kind("held_surviving", 1, 0) };

/// The args of an action that has none.
pub const NO_ARGS: [u8; 0] = [];

impl Kind {
    /// Every kind there is.
    pub fn all() -> impl Iterator<Item = Kind> {
        SINGLE.into_iter().chain(RECURRING).chain([UNIQUE, HELD, HELD_SURVIVING])
    }

    /// The kind that has this hook.
    pub fn of(hook: &str) -> Option<Kind> {
        Self::all().find(|kind| kind.hook == hook)
    }

    /// Whether a call fails. It depends on nothing but these, so that a test knows how each call came out.
    pub fn call_fails(&self, outcomes: u64, action: ActionId, attempt: Attempt) -> bool {
        self.chance(outcomes, action, attempt).below(100) < self.fails
    }

    /// How long a call takes.
    pub fn call_takes(&self, outcomes: u64, action: ActionId, attempt: Attempt) -> Duration {
        let mut chance = self.chance(!outcomes, action, attempt);
        match chance.below(10) {
            0..4 => Duration::ZERO,
            _ => Duration::from_micros(chance.below(20_000)),
        }
    }

    fn chance(&self, outcomes: u64, action: ActionId, attempt: Attempt) -> Chance {
        let mut chance = Chance::new(outcomes ^ action.get().unsigned_abs().rotate_left(20));
        Chance::new(chance.number() ^ u64::from(attempt.0))
    }

    fn policy(&self) -> PolicyChange {
        let (first, max) = (Duration::from_millis(2), Duration::from_millis(10));
        PolicyChange {
            max_attempts: Some(self.max_attempts),
            backoff: Some(Backoff { first, max }),
            on_crash: Some(if self.survives_crashes { OnCrash::Retry } else { OnCrash::Fail }),
            failure_threshold: Some(self.failure_threshold),
            ..PolicyChange::default()
        }
    }
}

/// The policies of all kinds.
pub fn policies() -> Policies {
    let mut policies = Policies::default();
    for kind in Kind::all() {
        let pattern: HookPattern = kind.hook.parse().expect("a hook");
        policies.set(pattern, kind.policy());
    }
    policies
}

/// The folder of a test.
#[derive(Debug, Clone)]
pub struct Folder(PathBuf);

impl Folder {
    /// The folder at this path.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// The path of the folder.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The file of a SQLite store.
    pub fn database(&self) -> PathBuf {
        self.0.join("actions.db")
    }

    /// The calls of handlers: a line `id attempt hook` for each, written before anything else is done.
    pub fn calls(&self) -> PathBuf {
        self.0.join("calls")
    }

    /// The ids that the store gave out for new actions.
    pub fn accepted(&self) -> PathBuf {
        self.0.join("accepted")
    }

    /// What was to be stored and, by the answer, was not: `args ARGS` or `group GROUP`.
    pub fn refused(&self) -> PathBuf {
        self.0.join("refused")
    }

    /// The ids of actions that someone was about to cancel.
    pub fn to_cancel(&self) -> PathBuf {
        self.0.join("to-cancel")
    }

    /// The ids of actions that someone was about to re-run.
    pub fn to_rerun(&self) -> PathBuf {
        self.0.join("to-rerun")
    }

    /// Errors that came up where there should be none.
    pub fn errors(&self) -> PathBuf {
        self.0.join("errors")
    }

    /// The handler of a [`HELD`] action goes on until this file exists.
    pub fn gate(&self, action: ActionId, attempt: Attempt) -> PathBuf {
        self.0.join(format!("gate-{action}-{attempt}"))
    }
}

/// A file to which several processes add lines. A line is there once [`Ledger::add`] returns, whatever becomes of the
/// process, and is never torn.
#[derive(Debug)]
pub struct Ledger(File);

impl Ledger {
    /// Opens or creates the file.
    pub fn open(path: &Path) -> std::io::Result<Self> {
        OpenOptions::new().create(true).append(true).open(path).map(Self)
    }

    /// Adds a line, in one write.
    pub fn add(&self, line: impl std::fmt::Display) {
        (&self.0).write_all(format!("{line}\n").as_bytes()).expect("room for a line");
    }
}

/// Choices that look random and follow from a seed (SplitMix64).
#[derive(Debug, Clone)]
pub struct Chance(u64);

impl Chance {
    /// The choices of this seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Any number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`, which is more than 0.
    pub fn below(&mut self, end: u64) -> u64 {
        self.number() % end
    }

    /// One of these.
    pub fn one_of<'a, T>(&mut self, choices: &'a [T]) -> Option<&'a T> {
        match choices.len() as u64 {
            0 => None,
            n => choices.get(self.below(n) as usize),
        }
    }
}
