//! What a runner does with actions, over the SQLite store.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use action_scheduler::handler::{Failure, Function, Handler, HandlerContext};
use action_scheduler::policy::{
    Backoff, HookPattern, LogLevel, OnCrash, Policies, Policy, PolicyChange,
};
use action_scheduler::runner::{BatchSize, RunReport, StopReason, Until};
use action_scheduler::schedule::{Cadence, Interval, Missed};
use action_scheduler::scheduler::{Ensured, NextScheduled};
use action_scheduler::store::sqlite::SqliteStore;
use action_scheduler::store::{
    ChainQuery, ChainState, ClaimRequest, Claiming, NewRunner, Pick, Start,
};
use action_scheduler::time::Clock;
use action_scheduler::{
    ActionId, Context, Error, Event, Priority, Query, Runner, RunnerConfig, Scheduler, Shutdown,
    Status, Step,
};
use jiff::SignedDuration;
use tokio::sync::Notify;

type Calls = Arc<Mutex<Vec<String>>>;

/// A scheduler over a file of its own.
struct Shop {
    scheduler: Scheduler,
    calls: Calls,
    folder: tempfile::TempDir,
}

async fn open(policy: Policy) -> Shop {
    open_with(Policies::new(policy)).await
}

async fn open_with(policies: Policies) -> Shop {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("shop.db");
    let store = SqliteStore::open(file.to_str().unwrap(), Clock::system()).await.unwrap();
    let scheduler = Scheduler::builder(Arc::new(store)).policies(policies).build();
    Shop { scheduler, calls: Calls::default(), folder }
}

impl Shop {
    /// Binds a handler that notes its call and then does as it is told.
    fn on(&self, hook: &str, outcome: impl Fn(u32) -> Result<(), Failure> + Send + Sync + 'static) {
        let calls = Arc::clone(&self.calls);
        let outcome = Arc::new(outcome);
        self.scheduler
            .on(hook, move |args: Vec<serde_json::Value>, context: HandlerContext| {
                calls.lock().unwrap().push(format!(
                    "{}{}",
                    context.hook(),
                    serde_json::json!(args)
                ));
                let (outcome, attempt) = (Arc::clone(&outcome), context.attempt().0);
                async move { outcome(attempt) }
            })
            .unwrap();
    }

    fn calls(&self) -> Vec<String> {
        self.calls.lock().unwrap().clone()
    }

    fn url(&self) -> String {
        format!("sqlite:{}", self.folder.path().join("shop.db").display())
    }

    async fn put(&self, hook: &str) -> ActionId {
        self.scheduler.enqueue_async(hook, [0; 0]).await.unwrap().unwrap()
    }

    async fn drain(&self) -> RunReport {
        run(&self.scheduler, drained()).await
    }

    async fn status(&self, id: ActionId) -> Status {
        self.scheduler.fetch(id).await.unwrap().status
    }

    async fn log(&self, id: ActionId) -> Vec<String> {
        self.scheduler.logs(id).await.unwrap().iter().map(|entry| entry.text()).collect()
    }

    async fn steps(&self, id: ActionId) -> Vec<Step> {
        self.scheduler.logs(id).await.unwrap().iter().map(|entry| entry.step).collect()
    }
}

fn drained() -> RunnerConfig {
    RunnerConfig { until: Until::Drained { batches: None }, ..RunnerConfig::default() }
}

async fn run(scheduler: &Scheduler, config: RunnerConfig) -> RunReport {
    Runner::new(scheduler.clone(), config).run(Shutdown::new()).await.unwrap()
}

fn quick_retries(max_attempts: u32) -> Policy {
    let wait = Duration::from_millis(1);
    Policy { max_attempts, backoff: Backoff { first: wait, max: wait }, ..Policy::default() }
}

/// Waits until it holds; what is waited for comes from another task.
pub async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), waiting)
        .await
        .unwrap_or_else(|_| panic!("never: {what}"));
}

/// A handler that waits to be let go, and tells when it was dropped before.
pub struct Held {
    pub begun: Arc<Notify>,
    pub go_on: Arc<Notify>,
    dropped: Arc<AtomicBool>,
}

impl Held {
    pub fn new() -> Self {
        Self { begun: Arc::default(), go_on: Arc::default(), dropped: Arc::default() }
    }

    pub fn bind(&self, scheduler: &Scheduler, hook: &str) {
        self.bind_with(scheduler, hook, || Ok(()));
    }

    /// The same, but it fails in the end, for the reason that is the name of its hook.
    pub fn bind_failing(&self, scheduler: &Scheduler, hook: &'static str) {
        self.bind_with(scheduler, hook, move || Err(Failure::new(hook)));
    }

    fn bind_with(
        &self,
        scheduler: &Scheduler,
        hook: &str,
        result: impl Fn() -> Result<(), Failure> + Clone + Send + Sync + 'static,
    ) {
        struct Guard(Arc<AtomicBool>);
        impl Drop for Guard {
            fn drop(&mut self) {
                self.0.store(true, Ordering::SeqCst);
            }
        }
        let (begun, go_on, dropped) =
            (self.begun.clone(), self.go_on.clone(), self.dropped.clone());
        let held = move |_: Vec<u8>, _: HandlerContext| {
            let (begun, go_on, guard) = (begun.clone(), go_on.clone(), Guard(dropped.clone()));
            let result = result.clone();
            async move {
                begun.notify_one();
                go_on.notified().await;
                std::mem::forget(guard);
                result()
            }
        };
        scheduler.on(hook, held).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hook_runs_with_its_args_and_every_step_is_logged() {
    let shop = open(Policy::default()).await;
    shop.on("greet", |_| Ok(()));
    let id = shop.scheduler.enqueue_async("greet", ("Ada", 3)).await.unwrap().unwrap();
    let report = shop.drain().await;
    assert_eq!((report.complete, report.batches, report.stopped), (1, 1, StopReason::Drained));
    assert_eq!(shop.calls(), [r#"greet["Ada",3]"#]);
    let expected = ["action created", "action started via library", "action complete via library"];
    assert_eq!(shop.log(id).await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn handlers_of_one_hook_run_in_order_of_priority_until_one_fails() {
    let shop = open(Policy::default()).await;
    let bind = |priority: u8, name: &'static str, fails: bool| {
        let calls = Arc::clone(&shop.calls);
        let handler = Function::new(move |_: Vec<u8>, _: HandlerContext| {
            calls.lock().unwrap().push(name.to_owned());
            async move { if fails { Err(Failure::new("no")) } else { Ok(()) } }
        });
        let handler: Arc<dyn Handler> = Arc::new(handler);
        shop.scheduler.bind("a".parse().unwrap(), Priority(priority), handler);
    };
    bind(20, "third", true);
    bind(5, "first", false);
    bind(10, "second", false);
    bind(30, "never", false);
    let id = shop.put("a").await;
    shop.drain().await;
    assert_eq!(shop.calls(), ["first", "second", "third"]);
    assert_eq!(shop.status(id).await, Status::Failed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hook_with_no_handler_fails_with_that_reason() {
    let shop = open(quick_retries(5)).await;
    let id = shop.put("nobody").await;
    shop.drain().await;
    let last = shop.log(id).await.pop().unwrap();
    assert_eq!(last, r#"action failed via library: no handler is bound to the hook "nobody""#);
    assert_eq!(
        shop.scheduler.fetch(id).await.unwrap().attempts.0,
        1,
        "another attempt would not mend it"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn args_that_do_not_fit_fail_with_that_reason() {
    let shop = open(Policy::default()).await;
    shop.scheduler.on("count", |_: u32, _| async { Ok::<(), Failure>(()) }).unwrap();
    let id = shop.scheduler.enqueue_async("count", ["many"]).await.unwrap().unwrap();
    shop.drain().await;
    let last = shop.log(id).await.pop().unwrap();
    assert!(last.contains("the args do not fit the handler"), "{last}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_is_a_failure_of_that_action_alone() {
    let shop = open(Policy::default()).await;
    shop.on("bad", |_| panic!("out of cheese"));
    shop.on("good", |_| Ok(()));
    let (bad, good) = (shop.put("bad").await, shop.put("good").await);
    shop.drain().await;
    let last = shop.log(bad).await.pop().unwrap();
    assert_eq!(last, "action failed via library: the handler panicked: out of cheese");
    assert_eq!(shop.status(good).await, Status::Complete);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_is_retried_as_often_as_the_policy_says() {
    let shop = open(quick_retries(3)).await;
    shop.on("flaky", |attempt| if attempt < 3 { Err(Failure::new("not yet")) } else { Ok(()) });
    shop.on("hopeless", |_| Err(Failure::new("never")));
    let (flaky, hopeless) = (shop.put("flaky").await, shop.put("hopeless").await);
    until("both have ended", async || {
        shop.drain().await;
        shop.status(flaky).await.is_finished() && shop.status(hopeless).await.is_finished()
    })
    .await;
    assert_eq!(shop.status(flaky).await, Status::Complete);
    assert_eq!(shop.status(hopeless).await, Status::Failed);
    let expected = [
        Step::Created,
        Step::Started,
        Step::Retry,
        Step::Started,
        Step::Retry,
        Step::Started,
        Step::Failed,
    ];
    assert_eq!(shop.steps(hopeless).await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_action_that_runs_too_long_is_failed_and_becomes_complete_if_it_succeeds_after_all() {
    let policy = Policy {
        timeout: Duration::from_millis(30),
        kill_after: Duration::from_secs(60),
        ..Policy::default()
    };
    let shop = open(policy).await;
    let held = Held::new();
    held.bind(&shop.scheduler, "slow");
    let id = shop.put("slow").await;
    let scheduler = shop.scheduler.clone();
    let running = tokio::spawn(async move { run(&scheduler, drained()).await });
    until("it is failed", async || shop.status(id).await == Status::Failed).await;
    held.go_on.notify_one();
    running.await.unwrap();
    assert_eq!(shop.status(id).await, Status::Complete);
    assert_eq!(
        shop.steps(id).await,
        [Step::Created, Step::Started, Step::TimedOut, Step::Complete]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_is_ended_for_certain_after_kill_after() {
    let millis = Duration::from_millis;
    let shop =
        open(Policy { timeout: millis(20), kill_after: millis(40), ..Policy::default() }).await;
    let held = Held::new();
    held.bind(&shop.scheduler, "stuck");
    let id = shop.put("stuck").await;
    let report = shop.drain().await;
    assert!(held.dropped.load(Ordering::SeqCst));
    assert_eq!((shop.status(id).await, report.failed), (Status::Failed, 1));
    assert!(shop.log(id).await.pop().unwrap().contains("killed after 0.04 s"));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_worker_runs_strictly_one_after_another_in_claim_order() {
    let shop = open(Policy::default()).await;
    shop.on("a", |_| Ok(()));
    for (number, priority) in [(1, 20), (2, 10), (3, 0), (4, 10)] {
        shop.scheduler.enqueue_async("a", [number]).priority(priority).await.unwrap();
    }
    run(&shop.scheduler, RunnerConfig { workers: 1, batch_size: BatchSize::Fixed(3), ..drained() })
        .await;
    assert_eq!(shop.calls(), ["a[3]", "a[2]", "a[4]", "a[1]"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runner_that_is_stopped_lets_handlers_finish_and_gives_back_the_rest() {
    let shop = open(Policy::default()).await;
    let held = Held::new();
    held.bind(&shop.scheduler, "held");
    let ids = [shop.put("held").await, shop.put("held").await, shop.put("held").await];
    let shutdown = Shutdown::new();
    let config = RunnerConfig { workers: 1, ..RunnerConfig::default() };
    let running = tokio::spawn(Runner::new(shop.scheduler.clone(), config).run(shutdown.clone()));
    held.begun.notified().await;
    shutdown.stop();
    until("the rest is given back", async || {
        shop.scheduler.fetch(ids[2]).await.unwrap().claim.is_none()
    })
    .await;
    held.go_on.notify_one();
    let report = running.await.unwrap().unwrap();
    assert_eq!((report.complete, report.released, report.stopped), (1, 2, StopReason::Told));
    let statuses =
        [shop.status(ids[0]).await, shop.status(ids[1]).await, shop.status(ids[2]).await];
    assert_eq!(statuses, [Status::Complete, Status::Pending, Status::Pending]);
    assert_eq!(shop.scheduler.fetch(ids[1]).await.unwrap().attempts.0, 0, "it was never started");
    assert!(shop.scheduler.runners().await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_stop_ends_handlers_at_once_and_records_them_as_crashed() {
    let mut policies = Policies::default();
    let hour = Duration::from_secs(3600);
    let backoff = Some(Backoff { first: hour, max: hour });
    let on_crash = Some(OnCrash::Retry);
    let retry = PolicyChange { on_crash, backoff, ..PolicyChange::default() };
    policies.set("again".parse::<HookPattern>().unwrap(), retry);
    let shop = open_with(policies).await;
    let (once, again) = (Held::new(), Held::new());
    once.bind(&shop.scheduler, "once");
    again.bind(&shop.scheduler, "again");
    let ids = [shop.put("once").await, shop.put("again").await];
    let shutdown = Shutdown::new();
    let running = tokio::spawn(
        Runner::new(shop.scheduler.clone(), RunnerConfig::default()).run(shutdown.clone()),
    );
    once.begun.notified().await;
    again.begun.notified().await;
    shutdown.stop();
    shutdown.stop();
    running.await.unwrap().unwrap();
    assert!(once.dropped.load(Ordering::SeqCst) && again.dropped.load(Ordering::SeqCst));
    assert_eq!(shop.status(ids[0]).await, Status::Failed);
    assert_eq!(*shop.steps(ids[0]).await.last().unwrap(), Step::Crashed);
    let again = shop.scheduler.fetch(ids[1]).await.unwrap();
    assert_eq!(again.status, Status::Pending);
    let half = SignedDuration::from_mins(30);
    assert!(
        again.scheduled_at > shop.scheduler.now() + half,
        "the backoff holds after a crash too"
    );
    assert!(shop.log(ids[1]).await.pop().unwrap().contains("(attempt 2 of 20 follows in "));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_goes_on_after_failures_and_is_paused_after_five_in_a_row() {
    let shop = open(Policy::default()).await;
    shop.on("renew", |_| Err(Failure::new("card refused")));
    let hour = Interval::new(Duration::from_secs(3600), Cadence::AfterRun).unwrap();
    let now = shop.scheduler.now();
    let mut id = shop.scheduler.schedule_recurring(now, hour, "renew", [7]).await.unwrap().unwrap();
    for failures in 1..=5 {
        let report = Runner::new(shop.scheduler.clone(), drained())
            .run_ids(vec![id], Shutdown::new())
            .await
            .unwrap();
        assert_eq!(report.failed, 1);
        let chain = shop.scheduler.chains(ChainQuery::default()).await.unwrap().pop().unwrap();
        assert_eq!(chain.failures, failures);
        let live = shop.scheduler.query(Query::new().status(Status::Pending)).await.unwrap();
        match failures {
            5 => assert_eq!((chain.state, live.len()), (ChainState::Paused, 0)),
            _ => {
                assert_eq!((chain.state, live.len()), (ChainState::Active, 1));
                id = live[0].id;
            }
        }
    }
    let chain = shop.scheduler.chains(ChainQuery::default()).await.unwrap().pop().unwrap();
    assert_eq!(chain.reason.as_deref(), Some("5 failures in a row"));
    assert!(
        shop.log(id).await.pop().unwrap().contains("chain paused via library: 5 failures in a row")
    );
    let next = shop.scheduler.resume(chain.id).await.unwrap();
    assert_eq!(shop.status(next).await, Status::Pending);
}

#[tokio::test(flavor = "multi_thread")]
async fn resumed_by_a_clock_that_is_behind_a_chain_does_not_run_a_date_again() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("shop.db");
    let clock = Clock::manual("2026-01-15T12:00:00Z".parse().unwrap());
    let store = SqliteStore::open(file.to_str().unwrap(), clock.clone()).await.unwrap();
    let policy = Policy { failure_threshold: Some(1), ..Policy::default() };
    let scheduler = Scheduler::builder(Arc::new(store)).policies(Policies::new(policy)).build();
    let hour = Interval::new(Duration::from_secs(3600), Cadence::FixedRate(Missed::Skip)).unwrap();
    let first = scheduler.now();
    scheduler.schedule_recurring(first, hour, "no_such_hook", [7]).await.unwrap().unwrap();
    assert_eq!(run(&scheduler, drained()).await.failed, 1);
    let chain = scheduler.chains(ChainQuery::default()).await.unwrap().pop().unwrap();
    assert_eq!(chain.state, ChainState::Paused);

    clock.advance(SignedDuration::from_millis(-3));
    let next = scheduler.resume(chain.id).await.unwrap();
    let next = scheduler.fetch(next).await.unwrap();
    assert_eq!(next.scheduled_at, first + SignedDuration::from_hours(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn run_early_by_hand_a_chain_keeps_the_date_it_had() {
    let shop = open(Policy::default()).await;
    shop.on("renew", |_| Ok(()));
    let hour = Interval::new(Duration::from_secs(3600), Cadence::AfterRun).unwrap();
    let date = shop.scheduler.now() + SignedDuration::from_hours(5);
    let id = shop.scheduler.schedule_recurring(date, hour, "renew", [7]).await.unwrap().unwrap();
    shop.scheduler.run_now(id).await.unwrap();
    assert_eq!(shop.drain().await.complete, 1);
    let next = shop.scheduler.next_scheduled(Query::new()).await.unwrap();
    let Some(NextScheduled::At(next)) = next else { panic!("{next:?}") };
    assert_eq!(next.as_microsecond(), date.as_microsecond());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_level_of_a_hook_decides_what_is_written() {
    let mut policies = Policies::default();
    for (hook, level) in [("quiet_*", LogLevel::Failures), ("mute_*", LogLevel::None)] {
        let change = PolicyChange { log: Some(level), ..PolicyChange::default() };
        policies.set(hook.parse().unwrap(), change);
    }
    let shop = open_with(policies).await;
    for hook in ["quiet_good", "mute_good"] {
        shop.on(hook, |_| Ok(()));
    }
    for hook in ["quiet_bad", "mute_bad"] {
        shop.on(hook, |_| Err(Failure::new("no")));
    }
    let ids = ["quiet_good", "quiet_bad", "mute_good", "mute_bad"].map(|hook| shop.put(hook));
    let mut steps = Vec::new();
    let ids = futures_ids(ids).await;
    shop.drain().await;
    for id in ids {
        steps.push(shop.steps(id).await);
    }
    assert_eq!(steps, [vec![], vec![Step::Failed], vec![], vec![]]);
}

async fn futures_ids<const N: usize>(puts: [impl Future<Output = ActionId>; N]) -> Vec<ActionId> {
    let mut ids = Vec::new();
    for put in puts {
        ids.push(put.await);
    }
    ids
}

#[tokio::test(flavor = "multi_thread")]
async fn a_time_limit_ends_the_run_and_gives_back_what_was_claimed() {
    let shop = open(Policy::default()).await;
    shop.on("a", |_| {
        std::thread::sleep(Duration::from_millis(20));
        Ok(())
    });
    for _ in 0..50 {
        shop.put("a").await;
    }
    let limit = Some(Duration::from_millis(150));
    let report =
        run(&shop.scheduler, RunnerConfig { workers: 1, time_limit: limit, ..drained() }).await;
    assert_eq!(report.stopped, StopReason::TimeLimit);
    assert!(report.complete > 0 && report.released > 0, "{report:?}");
    let claimed = shop.scheduler.query(Query::new().status(Status::Pending)).await.unwrap();
    assert!(claimed.iter().all(|action| action.claim.is_none()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_memory_limit_ends_the_run() {
    let shop = open(Policy::default()).await;
    shop.on("a", |_| Ok(()));
    shop.put("a").await;
    let report = run(&shop.scheduler, RunnerConfig { memory_limit: Some(1), ..drained() }).await;
    assert_eq!((report.stopped, report.complete), (StopReason::MemoryLimit, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn long_actions_do_not_keep_idle_workers_from_the_rest() {
    let shop = open(Policy::default()).await;
    let held = Held::new();
    held.bind(&shop.scheduler, "long");
    shop.on("short", |_| Ok(()));
    let shutdown = Shutdown::new();
    let config = RunnerConfig { concurrent_batches: Some(2), ..RunnerConfig::default() };
    let running = tokio::spawn(Runner::new(shop.scheduler.clone(), config).run(shutdown.clone()));
    for _ in 0..4 {
        shop.put("long").await;
        held.begun.notified().await;
    }
    let short = shop.put("short").await;
    until("the short one is complete", async || shop.status(short).await == Status::Complete).await;
    shutdown.stop();
    shutdown.stop();
    running.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn observers_are_told_of_a_life_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("shop.db");
    let store = SqliteStore::open(file.to_str().unwrap(), Clock::system()).await.unwrap();
    let told: Calls = Calls::default();
    let listener = Arc::clone(&told);
    let scheduler = Scheduler::builder(Arc::new(store))
        .observer(Arc::new(move |event: &Event| {
            let text = format!("{event:?}");
            let name = text.split([' ', '{']).next().unwrap_or_default();
            listener.lock().unwrap().push(name.to_owned());
        }))
        .build();
    scheduler.on("a", |_: Vec<u8>, _| async { Ok::<(), Failure>(()) }).unwrap();
    scheduler.enqueue_async("a", [0; 0]).await.unwrap();
    run(&scheduler, drained()).await;
    assert_eq!(
        *told.lock().unwrap(),
        ["Stored", "BatchClaimed", "Started", "Attempted", "Completed", "BatchDone"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_declared_schedule_is_there_once_and_is_replaced_when_it_changes() {
    let shop = open(Policy::default()).await;
    let declare = async |expression: &str| {
        let now = shop.scheduler.now();
        let action =
            shop.scheduler.schedule_cron(now, expression, "nightly", [0; 0]).into_action().unwrap();
        shop.scheduler.ensure("nightly", action).await.unwrap()
    };
    let Ensured::Created(first) = declare("0 3 * * *").await else { panic!("it was not there") };
    assert_eq!(declare("0 3 * * *").await, Ensured::Unchanged);
    let Ensured::Replaced(second) = declare("0 4 * * *").await else { panic!("it differs") };
    assert_eq!(declare("0 4 * * *").await, Ensured::Unchanged);
    assert_eq!(shop.status(first).await, Status::Canceled);
    assert_eq!(shop.status(second).await, Status::Pending);
    // A paused one that changes is replaced as well.
    let chain = shop.scheduler.fetch(second).await.unwrap().chain.unwrap();
    shop.scheduler.pause(chain, "holiday").await.unwrap();
    assert_eq!(declare("0 4 * * *").await, Ensured::Unchanged);
    assert!(matches!(declare("0 5 * * *").await, Ensured::Replaced(_)));
    assert_eq!(shop.scheduler.query(Query::new().status(Status::Pending)).await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn declarations_that_compete_leave_one_chain_and_no_one_is_refused() {
    let shop = open(Policy::default()).await;
    let declaring = (0..4).map(|who| {
        let scheduler = shop.scheduler.clone();
        tokio::spawn(async move {
            for turn in 0..25 {
                let cron = format!("0 {} * * *", (who + turn) % 3);
                let now = scheduler.now();
                let action = scheduler.schedule_cron(now, &cron, "nightly", [0; 0]).into_action();
                let found = scheduler.ensure("nightly", action.unwrap()).await.unwrap();
                assert_ne!(found, Ensured::Running, "nothing runs");
            }
        })
    });
    for declared in declaring.collect::<Vec<_>>() {
        declared.await.unwrap();
    }
    let active = ChainQuery { states: vec![ChainState::Active], ..ChainQuery::default() };
    assert_eq!(shop.scheduler.chains(active).await.unwrap().len(), 1);
    let pending = Query::new().status(Status::Pending);
    assert_eq!(shop.scheduler.query(pending).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_declared_schedule_whose_instance_runs_is_replaced_when_that_has_ended() {
    let shop = open(Policy::default()).await;
    let declare = async |seconds: u64| {
        let every = Interval::new(Duration::from_secs(seconds), Cadence::AfterRun).unwrap();
        let now = shop.scheduler.now();
        let action =
            shop.scheduler.schedule_recurring(now, every, "sync", [0; 0]).into_action().unwrap();
        shop.scheduler.ensure("sync", action).await.unwrap()
    };
    let Ensured::Created(id) = declare(60).await else { panic!("it was not there") };
    let (store, context) = (shop.scheduler.store(), Context::new("test"));
    let runner = NewRunner {
        name: "tester".to_owned(),
        process: None,
        context: context.clone(),
        workers: 1,
        lease: Duration::from_secs(60),
    };
    let runner = store.register(runner).await.unwrap();
    let request = ClaimRequest { runner, limit: 1, pick: Pick::Ids(vec![id]), open_claims: None };
    let Claiming::Claimed(claim) = store.claim(request).await.unwrap() else { panic!("it is due") };
    let start = Start { action: id, claim: claim.id, log: true };
    store.start(vec![start], &context).await.unwrap();
    assert_eq!(declare(90).await, Ensured::Running);
    assert_eq!(declare(90).await, Ensured::Running);
    shop.scheduler.cancel(id).await.unwrap();
    assert!(matches!(declare(90).await, Ensured::Created(_)));
}

#[tokio::test(flavor = "multi_thread")]
async fn notes_of_a_running_handler_are_stored_before_it_ends() {
    let shop = open(Policy::default()).await;
    let go_on = Arc::new(Notify::new());
    let gate = Arc::clone(&go_on);
    shop.scheduler
        .on("chatty", move |_: Vec<u8>, context: HandlerContext| {
            let gate = Arc::clone(&gate);
            async move {
                context.log("half way");
                gate.notified().await;
                context.log("all the way");
                Ok::<(), Failure>(())
            }
        })
        .unwrap();
    let id = shop.put("chatty").await;
    let scheduler = shop.scheduler.clone();
    let running = tokio::spawn(async move { run(&scheduler, drained()).await });
    until("the note is there", async || shop.log(id).await.contains(&"half way".to_owned())).await;
    go_on.notify_one();
    running.await.unwrap();
    let expected = [Step::Created, Step::Started, Step::Note, Step::Note, Step::Complete];
    assert_eq!(shop.steps(id).await, expected);
}

/// Waits for the end of an action many times over, so that looking for it now and then would take too long.
async fn wait_for_ends(waits: &Scheduler, enqueues: &Scheduler) {
    let ends = async {
        for expected in [Status::Complete, Status::Failed].repeat(10) {
            let hook = if expected == Status::Complete { "good" } else { "bad" };
            let id = enqueues.enqueue_async(hook, [0; 0]).await.unwrap().unwrap();
            assert_eq!(waits.wait(id).await.unwrap().status, expected);
        }
    };
    tokio::time::timeout(Duration::from_secs(40), ends).await.expect("the ends to be heard of");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_for_an_action_hears_of_its_end_at_once() {
    let shop = open(quick_retries(3)).await;
    shop.on("good", |attempt| if attempt == 3 { Ok(()) } else { Err(Failure::new("not yet")) });
    shop.on("bad", |_| Err(Failure::permanent("never")));
    let shutdown = Shutdown::new();
    let runner = Runner::new(shop.scheduler.clone(), RunnerConfig::default());
    let running = tokio::spawn(runner.run(shutdown.clone()));
    wait_for_ends(&shop.scheduler, &shop.scheduler).await;
    // As another process would.
    let other = Scheduler::open(&shop.url()).await.unwrap();
    wait_for_ends(&other, &other).await;
    shutdown.stop();
    running.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_for_an_action_hears_that_it_was_canceled_or_deleted() {
    let shop = open(Policy::default()).await;
    let (canceled, deleted) = (shop.put("a").await, shop.put("a").await);
    let waiting = [canceled, deleted].map(|id| {
        let scheduler = shop.scheduler.clone();
        tokio::spawn(async move { scheduler.wait(id).await })
    });
    shop.scheduler.cancel(canceled).await.unwrap();
    shop.scheduler.delete(deleted).await.unwrap();
    let [canceled, deleted] = waiting;
    assert_eq!(canceled.await.unwrap().unwrap().status, Status::Canceled);
    assert!(matches!(deleted.await.unwrap(), Err(Error::NoSuchAction(_))));
}
