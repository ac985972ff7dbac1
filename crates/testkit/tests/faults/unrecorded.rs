//! Results that cannot be written, as their server is away: kept, or named.

use std::time::Duration;

use action_scheduler::runner::RunReport;
use action_scheduler::{
    ActionId, Error, Failure, HandlerContext, Runner, RunnerConfig, Scheduler, Shutdown, Status,
};
use testkit::crash::NO_ARGS;
use testkit::servers::{FaultProxy, NewConnections};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::processes::worker::{until, until_at_last};
use crate::server::{Engine, Server, on_each_engine};

on_each_engine!(
    results_are_kept_while_the_server_is_away_and_recorded_when_it_is_back,
    a_runner_that_is_stopped_stays_until_the_server_is_back,
    a_runner_that_must_stop_before_the_server_is_back_says_which_actions_are_affected,
    a_runner_that_must_stop_while_the_server_is_silent_says_which_actions_are_affected,
);

/// Until a store notices that it can use its server again, and after that some.
const LONGEST: Duration = Duration::from_secs(120);

/// A runner in this process whose handlers go on until they are let go, and its way to its server.
struct Shop {
    server: Server,
    proxy: FaultProxy,
    scheduler: Scheduler,
    /// What the test itself looks with; its way is never spoiled.
    observer: Scheduler,
    shutdown: Shutdown,
    begun: watch::Sender<usize>,
    open: watch::Sender<bool>,
    ended: watch::Sender<usize>,
    ids: Vec<ActionId>,
}

impl Shop {
    /// Two actions run.
    async fn open(engine: Engine) -> (Self, JoinHandle<action_scheduler::Result<RunReport>>) {
        let server = engine.start().await;
        let proxy = FaultProxy::start(server.address()).await;
        let shop = Self {
            scheduler: Scheduler::open(&proxy.url(server.url())).await.unwrap(),
            observer: Scheduler::open(server.url()).await.unwrap(),
            server,
            proxy,
            shutdown: Shutdown::new(),
            begun: watch::Sender::new(0),
            open: watch::Sender::new(false),
            ended: watch::Sender::new(0),
            ids: Vec::new(),
        };
        shop.start().await
    }

    async fn start(mut self) -> (Self, JoinHandle<action_scheduler::Result<RunReport>>) {
        let (begun, open, ended) = (self.begun.clone(), self.open.clone(), self.ended.clone());
        let handler = move |_: Vec<u8>, _: HandlerContext| {
            let (begun, mut open, ended) = (begun.clone(), open.subscribe(), ended.clone());
            async move {
                begun.send_modify(|count| *count += 1);
                open.wait_for(|open| *open).await.map_err(|gone| Failure::new(gone.to_string()))?;
                ended.send_modify(|count| *count += 1);
                Ok::<(), Failure>(())
            }
        };
        self.scheduler.on("held", handler).unwrap();
        for _ in 0..2 {
            self.ids.extend(self.scheduler.enqueue_async("held", NO_ARGS).await.unwrap());
        }
        let runner = Runner::new(self.scheduler.clone(), RunnerConfig::default());
        let running = tokio::spawn(runner.run(self.shutdown.clone()));
        self.begun.subscribe().wait_for(|begun| *begun == 2).await.unwrap();
        (self, running)
    }

    /// Lets the handlers end.
    async fn let_end(&self) {
        self.open.send_replace(true);
        self.ended.subscribe().wait_for(|ended| *ended == 2).await.unwrap();
    }

    async fn are(&self, status: Status) -> bool {
        let actions = self.observer.store().fetch(self.ids.clone()).await.unwrap();
        actions.iter().all(|action| action.status == status)
    }
}

async fn end(
    running: JoinHandle<action_scheduler::Result<RunReport>>,
) -> action_scheduler::Result<RunReport> {
    tokio::time::timeout(LONGEST, running).await.expect("a runner that ends").unwrap()
}

async fn results_are_kept_while_the_server_is_away_and_recorded_when_it_is_back(engine: Engine) {
    let (mut shop, running) = Shop::open(engine).await;
    shop.server.kill().await;
    shop.let_end().await;
    shop.server.restart().await;
    until_at_last(LONGEST, "both are recorded", async || shop.are(Status::Complete).await).await;
    shop.shutdown.stop();
    assert_eq!(end(running).await.unwrap().complete, 2);
}

async fn a_runner_that_is_stopped_stays_until_the_server_is_back(engine: Engine) {
    let (shop, running) = Shop::open(engine).await;
    shop.proxy.cut(NewConnections::Refused).await;
    shop.shutdown.stop();
    shop.let_end().await;
    // It has every reason to end but this one.
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(!running.is_finished());
    assert!(shop.are(Status::InProgress).await);
    shop.proxy.heal().await;
    assert_eq!(end(running).await.unwrap().complete, 2);
    assert!(shop.are(Status::Complete).await);
}

async fn a_runner_that_must_stop_before_the_server_is_back_says_which_actions_are_affected(
    engine: Engine,
) {
    stopped_twice(engine, async |proxy| proxy.cut(NewConnections::Refused).await).await;
}

async fn a_runner_that_must_stop_while_the_server_is_silent_says_which_actions_are_affected(
    engine: Engine,
) {
    stopped_twice(engine, async |proxy| proxy.half_open().await).await;
}

async fn stopped_twice(engine: Engine, spoil: impl AsyncFn(&FaultProxy)) {
    let (shop, running) = Shop::open(engine).await;
    spoil(&shop.proxy).await;
    shop.let_end().await;
    shop.shutdown.stop();
    shop.shutdown.stop();
    let error = end(running).await.expect_err("results were lost");
    let Error::Unrecorded { actions } = &error else { panic!("{error}") };
    assert_eq!(*actions, shop.ids);
    let listed = format!("{}, {}", shop.ids[0], shop.ids[1]);
    assert!(error.to_string().contains(&listed), "{error}");
    until("nothing is recorded", async || shop.are(Status::InProgress).await).await;
}
