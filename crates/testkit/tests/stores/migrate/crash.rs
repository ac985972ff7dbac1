//! A move that is cut off at any step, while runners work on both stores, loses nothing and runs nothing twice.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use action_scheduler::action::NewAction;
use action_scheduler::handler::HandlerContext;
use action_scheduler::migrate::{MoveOptions, MoveReport};
use action_scheduler::runner::Until;
use action_scheduler::schedule::{Cadence, Interval};
use action_scheduler::store::{Call, ChainState, DeadRunner, Insert, Requeue, Target};
use action_scheduler::time::Clock;
use action_scheduler::{
    Context, Failure, Hook, Query, Runner, RunnerConfig, Schedule, Scheduler, Shutdown, Status,
    Store, Unique,
};
use jiff::{SignedDuration, Timestamp};
use testkit::{Fault, FaultyStore, StandStill, StoreUnderTest};

use super::{Engine, move_all, options};

/// How often each action was run, by what it was called with.
type Books = Arc<Mutex<BTreeMap<u64, u32>>>;

/// A store with a runner at work on it.
struct Shop {
    store: StoreUnderTest,
    scheduler: Scheduler,
    shutdown: Shutdown,
    runner: tokio::task::JoinHandle<()>,
}

impl Shop {
    async fn open(engine: Engine, books: Books) -> Self {
        let store = engine.store(Clock::system()).await;
        let scheduler = Scheduler::builder(store.share()).build();
        let note = move |number: u64, _: HandlerContext| {
            *books.lock().unwrap().entry(number).or_default() += 1;
            async { Ok::<(), Failure>(()) }
        };
        scheduler.on("once", note).unwrap();
        scheduler.on("renew", |_: u64, _: HandlerContext| async { Ok::<(), Failure>(()) }).unwrap();
        let config = RunnerConfig {
            workers: 2,
            lease: options().lease,
            poll_interval: Duration::from_millis(20),
            ..RunnerConfig::default()
        };
        let shutdown = Shutdown::new();
        let running = Runner::new(scheduler.clone(), config).run(shutdown.clone());
        let runner = tokio::spawn(async move {
            running.await.unwrap();
        });
        Self { store, scheduler, shutdown, runner }
    }

    async fn close(self) -> StoreUnderTest {
        self.shutdown.stop();
        self.runner.await.unwrap();
        self.store
    }

    async fn live_instances(&self) -> usize {
        let live = Query::new().hook(Hook::new("renew").unwrap());
        let live = live.status(Status::Pending).status(Status::InProgress).unlimited();
        self.store.query(live).await.unwrap().len()
    }
}

/// How many actions each source holds that are to run once.
const ONCE: u64 = 12;
/// How many chains it holds, of which the last is paused.
const CHAINS: u64 = 4;

/// What is moved from, and to.
#[derive(Debug, Clone, Copy)]
struct Between {
    from: Engine,
    to: Engine,
}

const FILES: Between = Between { from: Engine::Sqlite, to: Engine::Sqlite };
const INTO_MYSQL: Between = Between { from: Engine::Sqlite, to: Engine::MySql };
const OUT_OF_MYSQL: Between = Between { from: Engine::MySql, to: Engine::Sqlite };

/// Half of what is to run is due, and the runner of the source wants it too.
async fn fill(scheduler: &Scheduler) {
    let later = Timestamp::now() + SignedDuration::from_hours(1);
    let once = |number: u64| {
        let schedule =
            if number.is_multiple_of(2) { Schedule::Async } else { Schedule::Single(later) };
        let args = serde_json::json!(number).to_string();
        let action = NewAction::new(Hook::new("once").unwrap(), schedule);
        let args = format!("[{args}]").parse().unwrap();
        Insert { action: action.args(args), log_created: true }
    };
    scheduler.store().insert((0..ONCE).map(once).collect()).await.unwrap();
    for number in 0..CHAINS {
        let every = Interval::new(Duration::from_secs(1), Cadence::AfterRun).unwrap();
        scheduler
            .schedule_recurring(Timestamp::now(), every, "renew", [number])
            .unique(Unique::Args)
            .await
            .unwrap();
    }
    let chains = scheduler.chains(Default::default()).await.unwrap();
    scheduler.pause(chains.last().unwrap().id, "holiday").await.unwrap();
}

/// Cuts a move off, in the way it is told, and moves again until all is over. Then everything ran once, and chains go on
/// in one place.
async fn survives<F>(
    between: Between,
    cut: impl FnOnce(Arc<dyn Store>, Arc<dyn Store>) -> F,
    name: String,
) where
    F: Future<Output = ()>,
{
    let books = Books::default();
    let from = Shop::open(between.from, Arc::clone(&books)).await;
    let to = Shop::open(between.to, Arc::clone(&books)).await;
    fill(&from.scheduler).await;
    cut(from.store.share(), to.store.share()).await;

    let mut report = MoveReport::default();
    // The chains never rest: a pass may come while an instance runs.
    for _ in 0..200 {
        report = move_all(from.store.share(), to.store.share(), options()).await.unwrap();
        if report.is_complete() {
            break;
        }
    }
    assert!(report.is_complete(), "{name}: {report:#?}");
    assert_eq!(from.live_instances().await, 0, "{name}: live instances in the source");

    // What is due later runs now.
    let waiting = Query::new().hook(Hook::new("once").unwrap()).status(Status::Pending).unlimited();
    let waiting = to.store.query(waiting).await.unwrap();
    let ids = waiting.iter().map(|action| action.id).collect();
    to.store.requeue(Target::Ids(ids), Requeue::RunNow, &Context::new("test")).await.unwrap();
    let all_ran = async {
        while books.lock().unwrap().len() < ONCE as usize {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(30), all_ran).await;
    assert!(waited.is_ok(), "{name}: lost, of {ONCE}: {:?}", books.lock().unwrap());

    let (from, to) = (from.close().await, to.close().await);
    let times: BTreeMap<u64, u32> = (0..ONCE).map(|number| (number, 1)).collect();
    assert_eq!(*books.lock().unwrap(), times, "{name}: how often each ran");
    assert_eq!(from.count(Query::new().status(Status::Pending)).await.unwrap(), 0, "{name}");
    let mut states = Vec::new();
    for chain in to.chains(Default::default()).await.unwrap() {
        let live = Query::new().chain(chain.id).status(Status::Pending).status(Status::InProgress);
        states.push((chain.state, to.count(live).await.unwrap()));
    }
    states.sort();
    let active = (ChainState::Active, 1);
    assert_eq!(states, [active, active, active, (ChainState::Paused, 0)], "{name}: chains");
    let ended = from.chains(Default::default()).await.unwrap();
    assert!(ended.iter().all(|chain| chain.state == ChainState::Ended), "{name}: {ended:?}");
}

fn block_on(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(test);
}

/// Some at a time: most of each is waiting for a lease.
async fn all_of<F: Future<Output = ()> + Send + 'static>(tests: impl IntoIterator<Item = F>) {
    let mut running = tokio::task::JoinSet::new();
    for test in tests {
        if running.len() >= 12 {
            running.join_next().await.unwrap().unwrap();
        }
        running.spawn(test);
    }
    while let Some(ended) = running.join_next().await {
        ended.unwrap();
    }
}

#[derive(Debug, Clone, Copy)]
enum Which {
    Source,
    Target,
}

/// One store goes away at a call, and with it the mover.
async fn cut_off_at(between: Between, which: Which, fault: Fault) {
    let cut = async |from: Arc<dyn Store>, to: Arc<dyn Store>| {
        let faulty = |store: Arc<dyn Store>| Arc::new(FaultyStore::new(store));
        let (from, to) = (faulty(from), faulty(to));
        match which {
            Which::Source => from.go_away_at(fault),
            Which::Target => to.go_away_at(fault),
        }
        // Either it is cut off, or it was through before that.
        let _ = move_all(from, to, options()).await;
    };
    survives(between, cut, format!("{which:?} {fault:?}")).await;
}

fn calls() -> u32 {
    std::env::var("ACTION_SCHEDULER_MOVE_CALLS").ok().and_then(|set| set.parse().ok()).unwrap_or(60)
}

#[test]
fn a_source_that_goes_away_at_any_call() {
    let faults = (0..calls()).flat_map(|call| [Fault::Before(call), Fault::After(call)]);
    block_on(all_of(faults.map(|fault| cut_off_at(FILES, Which::Source, fault))));
}

#[test]
fn a_target_that_goes_away_at_any_call() {
    let faults = (0..calls()).flat_map(|call| [Fault::Before(call), Fault::After(call)]);
    block_on(all_of(faults.map(|fault| cut_off_at(FILES, Which::Target, fault))));
}

/// The store in a server, as the target or the source, at a few of the calls.
#[test]
fn a_mysql_store_that_goes_away_at_some_call() {
    let faults = (0..calls()).step_by(6).flat_map(|call| [Fault::Before(call), Fault::After(call)]);
    let both = |fault| [(INTO_MYSQL, Which::Target, fault), (OUT_OF_MYSQL, Which::Source, fault)];
    let all = faults.flat_map(both);
    block_on(all_of(all.map(|(between, which, fault)| cut_off_at(between, which, fault))));
}

/// As when its process is killed: what it asked a store for last may still be done.
async fn dropped_after(between: Between, moments: u64) {
    let cut = async |from: Arc<dyn Store>, to: Arc<dyn Store>| {
        let moving = move_all(from, to, options());
        let _ = tokio::time::timeout(Duration::from_micros(700 * moments), moving).await;
    };
    survives(between, cut, format!("dropped after {moments} moments")).await;
}

#[test]
fn a_mover_that_is_dropped_at_any_moment() {
    block_on(all_of((0..40).map(|moments| dropped_after(FILES, moments))));
}

#[test]
fn a_mover_into_mysql_that_is_dropped_at_some_moment() {
    block_on(all_of((0..12).map(|moments| dropped_after(INTO_MYSQL, 25 * moments))));
}

/// Two movers at once are as good as one.
async fn moved_by_two(between: Between) {
    let cut = async |from: Arc<dyn Store>, to: Arc<dyn Store>| {
        let one = move_all(Arc::clone(&from), Arc::clone(&to), options());
        let other = move_all(from, to, options());
        let (one, other) = tokio::join!(one, other);
        one.unwrap();
        other.unwrap();
    };
    survives(between, cut, "two at once".to_owned()).await;
}

#[test]
fn two_movers_at_once() {
    block_on(all_of((0..12).map(|_| moved_by_two(FILES))));
}

#[test]
fn two_movers_into_mysql_at_once() {
    block_on(all_of((0..4).map(|_| moved_by_two(INTO_MYSQL))));
}

/// A machine that sleeps between two steps: the source takes the mover for dead, and runs what it had set aside.
#[test]
fn a_mover_that_held_still_longer_than_its_lease_cancels_nothing() {
    block_on(async {
        let by = Context::new("test");
        let from = Engine::Sqlite.store(Clock::system()).await;
        let to = Engine::Sqlite.store(Clock::system()).await;
        let action = NewAction::new(Hook::new("once").unwrap(), Schedule::Async);
        let insert = Insert { action, log_created: true };
        let id = from.insert(vec![insert]).await.unwrap()[0].unwrap();

        let faulty = Arc::new(FaultyStore::new(from.share()));
        let still = StandStill::default();
        faulty.stand_still_before(Call::Cancel, still.clone());
        let patient = MoveOptions { lease: Duration::from_secs(3600), ..options() };
        let moving = tokio::spawn(move_all(faulty, to.share(), patient));
        still.begun.notified().await;
        assert_eq!(to.fetch(vec![id]).await.unwrap()[0].status, Status::Canceled, "held");

        let mover = from.runners().await.unwrap().remove(0);
        let dead = DeadRunner { id: mover.id, beats: mover.beats };
        assert_eq!(from.recover(vec![dead], &by).await.unwrap().released, 1);
        let scheduler = Scheduler::builder(from.share()).build();
        let held = StandStill::default();
        let in_handler = held.clone();
        let handler = move |_: Vec<u8>, _: HandlerContext| {
            let StandStill { begun, go_on } = in_handler.clone();
            async move {
                begun.notify_one();
                go_on.notified().await;
                Ok::<(), Failure>(())
            }
        };
        scheduler.on("once", handler).unwrap();
        let config =
            RunnerConfig { until: Until::Drained { batches: None }, ..RunnerConfig::default() };
        let running = tokio::spawn(Runner::new(scheduler, config).run(Shutdown::new()));
        held.begun.notified().await;
        still.go_on.notify_one();
        // The mover is through with its step when the next pass looks for what is pending.
        held.go_on.notify_one();
        running.await.unwrap().unwrap();

        let report = moving.await.unwrap().unwrap();
        assert!(report.is_complete(), "{report:#?}");
        assert_eq!((report.moved, report.copied["complete"]), (0, 1));
        assert_eq!(to.fetch(vec![id]).await.unwrap()[0].status, Status::Complete);
        assert_eq!(
            to.logs(vec![id]).await.unwrap().len(),
            from.logs(vec![id]).await.unwrap().len()
        );
    });
}
