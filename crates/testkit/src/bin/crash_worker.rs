//! A process that runs and enqueues actions until a test kills it: see `tests/crash`.
//!
//! It says `ready` once it works and `enqueued` once it has enqueued all it was ordered to. The line `stop` on its
//! standard input stops it in good order; the end of that input, which is the end of the test, ends it at once.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a worker that fails fails its test")]

use std::sync::Arc;
use std::time::Duration;

use action_scheduler::action::Unique;
use action_scheduler::runner::BatchSize;
use action_scheduler::schedule::{Cadence, Interval, Missed};
use action_scheduler::store::{ChainQuery, ChainState, ClaimFilter};
use action_scheduler::{
    ActionId, Error, Failure, HandlerContext, Hook, Runner, RunnerConfig, Scheduler, Shutdown,
    StoreErrorKind,
};
use testkit::crash::{
    Chance, Folder, HELD, HELD_SURVIVING, Kind, Ledger, NO_ARGS, Orders, RECURRING, SINGLE, UNIQUE,
};

#[tokio::main]
async fn main() {
    let orders = std::env::args().nth(1).expect("orders as the first argument");
    let orders: Orders = serde_json::from_str(&orders).expect("orders in JSON");
    let folder = Folder::new(&orders.folder);
    let errors = Ledger::open(&folder.errors()).expect("a file for errors");
    write_errors_to(&folder);
    if let Err(error) = work(orders, folder).await {
        errors.add(format_args!("a worker gave up: {error}"));
        std::process::exit(1);
    }
}

/// What the engine reports as an error, and goes on, counts as one too.
fn write_errors_to(folder: &Folder) {
    let file = std::fs::OpenOptions::new().append(true).open(folder.errors()).expect("the file");
    tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::ERROR)
        .with_ansi(false)
        .with_writer(Arc::new(file))
        .init();
}

async fn work(orders: Orders, folder: Folder) -> Result<(), Error> {
    let store = action_scheduler::store::open(&orders.store).await?;
    let scheduler = Scheduler::builder(store).policies(testkit::crash::policies()).build();
    bind(&scheduler, &folder, orders.outcomes)?;
    let config = RunnerConfig {
        workers: orders.workers,
        batch_size: BatchSize::Fixed(orders.batch_size),
        concurrent_batches: orders.concurrent_batches,
        filter: ClaimFilter {
            hooks: orders.hooks.iter().map(Hook::new).collect::<Result<_, _>>()?,
            ..ClaimFilter::default()
        },
        poll_interval: orders.poll_interval,
        lease: orders.lease,
        ..RunnerConfig::default()
    };
    let shutdown = Shutdown::new();
    listen(shutdown.clone());
    let runner = tokio::spawn(Runner::new(scheduler.clone(), config).run(shutdown.clone()));
    println!("ready");
    let half = |n: u64| Producer {
        scheduler: scheduler.clone(),
        folder: folder.clone(),
        accepted: Ledger::open(&folder.accepted()).expect("a file"),
        refused: Ledger::open(&folder.refused()).expect("a file"),
        own: Vec::new(),
        chance: Chance::new(orders.seed.wrapping_mul(2).wrapping_add(n)),
        seed: orders.seed,
        pause: orders.pause,
        meddles: orders.meddles,
        bears_outages: orders.bears_outages,
    };
    // Two at once, so that transactions are shared.
    let each = orders.enqueues.map(|enqueues| enqueues / 2);
    let (one, two) = tokio::join!(half(0).produce(each), half(1).produce(each));
    one.and(two)?;
    println!("enqueued");
    runner.await.expect("a runner that does not panic")?;
    Ok(())
}

/// Obeys standard input.
fn listen(shutdown: Shutdown) {
    std::thread::spawn(move || {
        for line in std::io::stdin().lines() {
            if line.is_ok_and(|line| line == "stop") {
                shutdown.stop();
            }
        }
        if !shutdown.is_stopping() {
            std::process::exit(2);
        }
    });
}

fn bind(scheduler: &Scheduler, folder: &Folder, outcomes: u64) -> Result<(), Error> {
    let calls = Arc::new(Ledger::open(&folder.calls()).expect("a file for calls"));
    for kind in Kind::all() {
        let (calls, folder) = (Arc::clone(&calls), folder.clone());
        scheduler.on(kind.hook, move |_: serde_json::Value, context: HandlerContext| {
            calls.add(format_args!("{} {} {}", context.id(), context.attempt(), context.hook()));
            call(kind, folder.clone(), outcomes, context)
        })?;
    }
    Ok(())
}

async fn call(
    kind: Kind,
    folder: Folder,
    outcomes: u64,
    context: HandlerContext,
) -> Result<(), Failure> {
    let (id, attempt) = (context.id(), context.attempt());
    if [HELD, HELD_SURVIVING].contains(&kind) {
        let gate = folder.gate(id, attempt);
        while !gate.exists() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    } else {
        tokio::time::sleep(kind.call_takes(outcomes, id, attempt)).await;
    }
    match kind.call_fails(outcomes, id, attempt) {
        true => Err(Failure::new("as it should")),
        false => Ok(()),
    }
}

/// Enqueues this and that.
struct Producer {
    scheduler: Scheduler,
    folder: Folder,
    accepted: Ledger,
    refused: Ledger,
    /// The single actions that it enqueued.
    own: Vec<ActionId>,
    chance: Chance,
    seed: u64,
    pause: Duration,
    meddles: bool,
    bears_outages: bool,
}

impl Producer {
    async fn produce(mut self, times: Option<u64>) -> Result<(), Error> {
        let mut n = 0;
        while times.is_none_or(|times| n < times) {
            n += 1;
            let longest = self.pause.as_micros() as u64;
            tokio::time::sleep(Duration::from_micros(self.chance.below(longest))).await;
            match self.enqueue(n).await {
                Err(error) if self.bears(&error) => tokio::time::sleep(self.pause).await,
                done => done?,
            }
        }
        Ok(())
    }

    async fn enqueue(&mut self, n: u64) -> Result<(), Error> {
        match self.chance.below(100) {
            0..45 => self.single().await,
            45..65 => self.bulk(n).await,
            65..80 => self.unique().await,
            80..90 if self.meddles => self.cancel_or_rerun().await,
            90 if self.meddles => self.run_or_resume_chain().await,
            91 if self.meddles => self.chain().await,
            _ => Ok(()),
        }
    }

    fn bears(&self, error: &Error) -> bool {
        use StoreErrorKind::{Full, ReadOnly, Unavailable};
        self.bears_outages
            && matches!(error, Error::Store(error) if [Full, ReadOnly, Unavailable].contains(&error.kind))
    }

    fn accept(&mut self, id: Option<ActionId>, single: bool) {
        let Some(id) = id else { return };
        self.accepted.add(id);
        if single {
            self.own.push(id);
        }
    }

    fn kind(&mut self) -> Kind {
        *self.chance.one_of(&SINGLE).expect("there are some")
    }

    async fn single(&mut self) -> Result<(), Error> {
        let kind = self.kind();
        let scheduler = self.scheduler.clone();
        let priority = 9 + self.chance.below(3) as u8;
        // Unlike those of any other; small enough for a number in any language.
        let args = [self.seed, self.chance.number() >> 12];
        let action = match self.chance.below(2) {
            0 => scheduler.enqueue_async(kind.hook, args),
            _ => {
                let wait = Duration::from_micros(self.chance.below(100_000));
                scheduler.schedule_single(scheduler.now() + wait, kind.hook, args)
            }
        };
        let stored = action.priority(priority).await;
        let id = stored
            .inspect_err(|_| self.refused.add(format_args!("args [{},{}]", args[0], args[1])))?;
        self.accept(id, true);
        Ok(())
    }

    /// Five in one call: all of them are stored, or none.
    async fn bulk(&mut self, n: u64) -> Result<(), Error> {
        let group = format!("bulk {} {} {n}", self.seed, self.chance.number());
        let mut actions = Vec::new();
        for _ in 0..BULK {
            let kind = self.kind();
            let action = self.scheduler.enqueue_async(kind.hook, [n]).group(&group);
            actions.push(action.into_action()?);
        }
        let stored = self.scheduler.insert(actions).await;
        for id in stored.inspect_err(|_| self.refused.add(format_args!("group {group}")))? {
            self.accept(id, true);
        }
        Ok(())
    }

    async fn unique(&mut self) -> Result<(), Error> {
        let args = [self.chance.below(4)];
        let id = self.scheduler.enqueue_async(UNIQUE.hook, args).unique(Unique::Args).await?;
        self.accept(id, false);
        Ok(())
    }

    /// Of the latest, some of which are running.
    async fn cancel_or_rerun(&mut self) -> Result<(), Error> {
        let latest = self.own.len().saturating_sub(20);
        let Some(id) = self.chance.one_of(self.own.get(latest..).unwrap_or_default()).copied()
        else {
            return Ok(());
        };
        let choice = self.chance.below(4);
        if choice < 3 {
            Ledger::open(&self.folder.to_cancel()).expect("a file").add(id);
            allow_refusal(self.scheduler.cancel(id).await)?;
        }
        if choice > 0 {
            Ledger::open(&self.folder.to_rerun()).expect("a file").add(id);
            allow_refusal(self.scheduler.rerun(id).await)?;
        }
        Ok(())
    }

    async fn run_or_resume_chain(&mut self) -> Result<(), Error> {
        let states = vec![ChainState::Active, ChainState::Paused];
        let chains = self.scheduler.chains(ChainQuery { states, ..ChainQuery::default() }).await?;
        let Some(chain) = self.chance.one_of(&chains) else { return Ok(()) };
        match (chain.state, chain.head, self.chance.below(4)) {
            (ChainState::Paused, ..) => allow_refusal(self.scheduler.resume(chain.id).await),
            (_, _, 0) => allow_refusal(self.scheduler.pause(chain.id, "a test").await),
            (_, Some(head), _) => allow_refusal(self.scheduler.run_now(head).await),
            _ => Ok(()),
        }
    }

    async fn chain(&mut self) -> Result<(), Error> {
        let hook = self.chance.one_of(&RECURRING).expect("there are some").hook;
        let scheduler = self.scheduler.clone();
        if scheduler.chains(ChainQuery::default()).await?.len() >= CHAINS {
            return Ok(());
        }
        let id = match self.chance.below(3) {
            0 => scheduler.schedule_cron(scheduler.now(), "* * * * * *", hook, NO_ARGS).await?,
            choice => {
                let cadence = match choice {
                    1 => Cadence::AfterRun,
                    _ => Cadence::FixedRate(Missed::Skip),
                };
                let interval = Interval::new(Duration::from_secs(1), cadence)?;
                scheduler.schedule_recurring(scheduler.now(), interval, hook, NO_ARGS).await?
            }
        };
        self.accept(id, false);
        Ok(())
    }
}

/// How many actions are stored in one call.
const BULK: usize = 5;

/// How many chains there are at most, so that they do not outgrow what can be run between two crashes.
const CHAINS: usize = 40;

/// That someone else was faster is no error.
fn allow_refusal<T>(result: Result<T, Error>) -> Result<(), Error> {
    match result {
        Err(Error::Store(error)) => Err(Error::Store(error)),
        _ => Ok(()),
    }
}
