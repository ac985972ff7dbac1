//! What handlers and observers are told of attempts, so that each is one span of its action's trace.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use action_scheduler::observer::Ending;
use action_scheduler::policy::{Backoff, Policies, Policy};
use action_scheduler::remote::{Ask, NewWorker, RemoteWorkers, Report, WorkResult};
use action_scheduler::runner::Until;
use action_scheduler::schedule::{Cadence, Interval};
use action_scheduler::time::Clock;
use action_scheduler::trace::{SpanContext, TraceIds};
use action_scheduler::{
    ActionId, Attempt, Event, Failure, HandlerContext, Hook, Query, Runner, RunnerConfig,
    Scheduler, Shutdown, Status,
};
use jiff::SignedDuration;
use testkit::MemoryStore;

use crate::runner::{Held, until};

/// A scheduler over a store in memory, and what its observers are told.
struct Shop {
    scheduler: Scheduler,
    events: Arc<Mutex<Vec<Event>>>,
}

fn open(policy: Policy, clock: Clock) -> Shop {
    let events = Arc::<Mutex<Vec<Event>>>::default();
    let told = Arc::clone(&events);
    let scheduler = Scheduler::builder(Arc::new(MemoryStore::new(clock)))
        .policies(Policies::new(policy))
        .observer(Arc::new(move |event: &Event| told.lock().unwrap().push(event.clone())))
        .build();
    Shop { scheduler, events }
}

impl Shop {
    async fn put(&self, hook: &str) -> ActionId {
        self.scheduler.enqueue_async(hook, [0; 0]).await.unwrap().unwrap()
    }

    async fn drain(&self) {
        let config = RunnerConfig { until: Until::Drained { batches: None }, ..Default::default() };
        Runner::new(self.scheduler.clone(), config).run(Shutdown::new()).await.unwrap();
    }

    /// How the attempts of an action came out, as it was told.
    fn endings(&self, of: ActionId) -> Vec<(u32, Ending, Option<String>)> {
        let events = self.events.lock().unwrap();
        let endings = events.iter().filter_map(|event| match event {
            Event::Attempted { action, attempt, ending, reason, .. } if *action == of => {
                Some((attempt.0, *ending, reason.clone()))
            }
            _ => None,
        });
        endings.collect()
    }

    async fn trace(&self) -> TraceIds {
        let ids = TraceIds::of(self.scheduler.store().as_ref()).await.unwrap();
        self.scheduler.trace(ids.clone());
        ids
    }

    /// Binds a handler that fails once, and the spans that it sees.
    fn fails_once(&self, hook: &str) -> Arc<Mutex<Vec<Option<SpanContext>>>> {
        let seen = Arc::<Mutex<Vec<Option<SpanContext>>>>::default();
        let spans = Arc::clone(&seen);
        let handler = move |_: Vec<u8>, context: HandlerContext| {
            spans.lock().unwrap().push(context.span());
            let result = match context.attempt() {
                Attempt(1) => Err(Failure::new("not yet")),
                _ => Ok(()),
            };
            async move { result }
        };
        self.scheduler.on(hook, handler).unwrap();
        seen
    }
}

fn tried_twice() -> Policy {
    let wait = Duration::from_millis(1);
    Policy { max_attempts: 2, backoff: Backoff { first: wait, max: wait }, ..Policy::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_attempt_has_a_span_of_its_own_in_the_trace_of_its_action() {
    let shop = open(tried_twice(), Clock::system());
    let ids = shop.trace().await;
    let seen = shop.fails_once("pay");
    let id = shop.put("pay").await;
    until("it is complete", async || {
        shop.drain().await;
        shop.scheduler.fetch(id).await.unwrap().status == Status::Complete
    })
    .await;
    let expected = [1, 2].map(|attempt| Some(ids.attempt(id, Attempt(attempt))));
    assert_eq!(*seen.lock().unwrap(), expected);
    assert_eq!(expected[0].unwrap().trace_id, ids.stored(id).trace_id);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_traces_an_attempt_has_no_span() {
    let shop = open(tried_twice(), Clock::system());
    let seen = shop.fails_once("pay");
    shop.put("pay").await;
    shop.drain().await;
    assert_eq!(seen.lock().unwrap().first(), Some(&None));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_attempt_is_told_of_once_when_it_is_over() {
    let shop = open(tried_twice(), Clock::system());
    shop.fails_once("pay");
    shop.scheduler.on("lose", |_: Vec<u8>, _| async { Err(Failure::permanent("no")) }).unwrap();
    let (paid, lost, unknown) =
        (shop.put("pay").await, shop.put("lose").await, shop.put("unknown").await);
    until("all is done", async || {
        shop.drain().await;
        !shop.scheduler.has_scheduled(Query::new()).await.unwrap()
    })
    .await;
    let not_yet = Some("not yet".to_owned());
    assert_eq!(shop.endings(paid), [(1, Ending::Retried, not_yet), (2, Ending::Complete, None)]);
    assert_eq!(shop.endings(lost), [(1, Ending::Failed, Some("no".to_owned()))]);
    assert_eq!(shop.endings(unknown).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_that_timed_out_is_over_when_its_handler_is() {
    let policy = Policy {
        timeout: Duration::from_millis(20),
        kill_after: Duration::from_secs(60),
        ..Policy::default()
    };
    let shop = open(policy, Clock::system());
    let (well, badly) = (Held::new(), Held::new());
    well.bind(&shop.scheduler, "well");
    badly.bind_failing(&shop.scheduler, "badly");
    let ids = [shop.put("well").await, shop.put("badly").await];
    let is_failed = async |id| shop.scheduler.fetch(id).await.unwrap().status == Status::Failed;
    let ends = async {
        until("both have timed out", async || is_failed(ids[0]).await && is_failed(ids[1]).await)
            .await;
        assert_eq!((shop.endings(ids[0]), shop.endings(ids[1])), (vec![], vec![]));
        well.go_on.notify_one();
        badly.go_on.notify_one();
    };
    tokio::join!(shop.drain(), ends);
    assert_eq!(shop.endings(ids[0]), [(1, Ending::Complete, None)]);
    assert_eq!(shop.endings(ids[1]), [(1, Ending::TimedOut, Some("badly".to_owned()))]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_that_is_cut_off_by_a_stopping_runner_is_told_of_as_crashed() {
    let shop = open(Policy::default(), Clock::system());
    let held = Held::new();
    held.bind(&shop.scheduler, "held");
    let id = shop.put("held").await;
    let shutdown = Shutdown::new();
    let running = Runner::new(shop.scheduler.clone(), RunnerConfig::default());
    let stops = async {
        held.begun.notified().await;
        shutdown.stop_at_once();
    };
    let (report, ()) = tokio::join!(running.run(shutdown.clone()), stops);
    report.unwrap();
    let endings = shop.endings(id);
    assert!(matches!(endings.as_slice(), [(1, Ending::Crashed, Some(_))]), "{endings:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_instance_of_a_recurring_action_says_which_attempt_it_comes_from() {
    let shop = open(Policy::default(), Clock::system());
    shop.scheduler.on("renew", |_: Vec<u8>, _| async { Ok::<(), Failure>(()) }).unwrap();
    let hour = Interval::new(Duration::from_secs(3600), Cadence::AfterRun).unwrap();
    let now = shop.scheduler.now();
    let first = shop
        .scheduler
        .schedule_recurring(now, hour, "renew", [0; 0])
        .group("shop")
        .await
        .unwrap()
        .unwrap();
    shop.drain().await;
    let next = shop.scheduler.query(Query::new().status(Status::Pending)).await.unwrap();
    let events = shop.events.lock().unwrap();
    let told = events.iter().find_map(|event| match event {
        Event::NextScheduled { action, hook, group, after, .. } => {
            Some((*action, hook.to_string(), group.to_string(), *after))
        }
        _ => None,
    });
    let expected = (next[0].id, "renew".to_owned(), "shop".to_owned(), (first, Attempt(1)));
    assert_eq!(told, Some(expected));
}

#[tokio::test]
async fn remote_workers_are_given_the_span_and_told_of_alike() {
    let (timeout, kill_after) = (Duration::from_secs(60), Duration::from_secs(120));
    let policy = Policy { timeout, kill_after, ..Policy::default() };
    let shop = open(policy, Clock::manual(testkit::conformance::NOON.parse().unwrap()));
    let ids = shop.trace().await;
    shop.scheduler.bind_remote("resize".parse().unwrap());
    let (done, killed) = (shop.put("resize").await, shop.put("resize").await);
    let workers = RemoteWorkers::new(shop.scheduler.clone());
    let shutdown = Shutdown::new();
    let keeping = tokio::spawn(workers.clone().keep(shutdown.clone()));
    let worker = workers.register(NewWorker::new("w1").unwrap()).await.unwrap();
    let ask = Ask::new(vec![Hook::new("resize").unwrap()]).limit(2);
    let work = workers.claim(worker, ask).await.unwrap();
    let spans: Vec<_> = work.iter().map(|work| work.span).collect();
    assert_eq!(spans, [done, killed].map(|id| Some(ids.attempt(id, Attempt(1)))));

    let report = Report { ticket: work[0].ticket, result: WorkResult::Complete };
    workers.report(worker, vec![report]).await.unwrap()[0].unwrap();
    assert_eq!(shop.endings(done), [(1, Ending::Complete, None)]);
    shop.scheduler.store().clock().advance(SignedDuration::from_secs(60));
    until("it has timed out", async || {
        shop.scheduler.fetch(killed).await.unwrap().status == Status::Failed
    })
    .await;
    assert_eq!(shop.endings(killed), []);
    shop.scheduler.store().clock().advance(SignedDuration::from_secs(60));
    until("it is given up", async || !shop.endings(killed).is_empty()).await;
    let reason = Some("killed after 120 s".to_owned());
    assert_eq!(shop.endings(killed), [(1, Ending::TimedOut, reason)]);
    shutdown.stop();
    keeping.await.unwrap();
}
