//! What remote workers are promised.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use action_scheduler::policy::{Backoff, Policies, Policy};
use action_scheduler::remote::{
    Accepted, Ask, Assignment, Lost, NewWorker, Note, RemoteError, RemoteWorkers, Report, Ticket,
    WorkResult,
};
use action_scheduler::runner::Until;
use action_scheduler::schedule::{Cadence, Interval};
use action_scheduler::store::sqlite::SqliteStore;
use action_scheduler::store::{ChainQuery, DeadRunner};
use action_scheduler::time::Clock;
use action_scheduler::{
    ActionId, Attempt, Context, Failure, Hook, Query, Runner, RunnerConfig, RunnerId, Scheduler,
    Shutdown, Status, Step, Store,
};
use jiff::SignedDuration;
use testkit::{FaultyStore, MemoryStore};
use tokio::task::JoinHandle;

use crate::runner::until;

/// A hub over a store in memory, whose clock stands still.
struct Shop {
    scheduler: Scheduler,
    store: Arc<FaultyStore>,
    workers: RemoteWorkers,
    shutdown: Shutdown,
    keeping: JoinHandle<()>,
}

fn hook(name: &str) -> Hook {
    Hook::new(name).unwrap()
}

fn seconds(count: i64) -> SignedDuration {
    SignedDuration::from_secs(count)
}

fn ask() -> Ask {
    Ask::new(vec![hook("resize"), hook("encode")]).limit(10)
}

fn patient() -> Ask {
    ask().wait(Duration::from_secs(30))
}

fn open(policy: Policy) -> Shop {
    let clock = Clock::manual(testkit::conformance::NOON.parse().unwrap());
    over(Arc::new(MemoryStore::new(clock)), policy)
}

fn over(store: Arc<dyn Store>, policy: Policy) -> Shop {
    let store = Arc::new(FaultyStore::new(store));
    let scheduler = Scheduler::builder(Arc::clone(&store) as Arc<dyn Store>)
        .policies(Policies::new(policy))
        .context(Context::new("serve"))
        .build();
    scheduler.bind_remote("resize".parse().unwrap());
    scheduler.bind_remote("enc*".parse().unwrap());
    let workers = RemoteWorkers::new(scheduler.clone());
    let shutdown = Shutdown::new();
    let keeping = tokio::spawn(workers.clone().keep(shutdown.clone()));
    Shop { scheduler, store, workers, shutdown, keeping }
}

impl Shop {
    /// The same store after the server was started again.
    async fn restart(self) -> Self {
        self.shutdown.stop();
        self.keeping.await.unwrap();
        let workers = RemoteWorkers::new(self.scheduler.clone());
        let shutdown = Shutdown::new();
        let keeping = tokio::spawn(workers.clone().keep(shutdown.clone()));
        Self { workers, shutdown, keeping, ..self }
    }

    async fn worker(&self, name: &str) -> RunnerId {
        self.workers.register(NewWorker::new(name).unwrap()).await.unwrap()
    }

    async fn put(&self, name: &str) -> ActionId {
        self.scheduler.enqueue_async(name, [7]).await.unwrap().unwrap()
    }

    async fn claim(&self, worker: RunnerId) -> Vec<Assignment> {
        self.workers.claim(worker, ask()).await.unwrap()
    }

    /// One action, handed out to a worker.
    async fn running(&self, worker: RunnerId) -> Assignment {
        self.put("resize").await;
        let mut work = self.claim(worker).await;
        assert_eq!(work.len(), 1);
        work.remove(0)
    }

    async fn report(
        &self,
        worker: RunnerId,
        ticket: Ticket,
        result: WorkResult,
    ) -> Result<Accepted, Lost> {
        let report = Report { ticket, result };
        let answers = self.workers.report(worker, vec![report]).await.unwrap();
        assert_eq!(answers.len(), 1, "one answer for one report");
        answers[0]
    }

    async fn lost(&self, worker: RunnerId, ticket: Ticket) -> Option<Lost> {
        let lost = self.workers.heartbeat(worker, vec![ticket]).await.unwrap();
        assert!(lost.iter().all(|(other, _)| *other == ticket));
        lost.first().map(|(_, why)| *why)
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

    /// Others take the worker for dead.
    async fn bury(&self, worker: RunnerId) {
        let runners = self.store.runners().await.unwrap();
        let beats = runners.iter().find(|runner| runner.id == worker).unwrap().beats;
        let dead = vec![DeadRunner { id: worker, beats }];
        let by = Context::new("another");
        let recovery = self.store.recover(dead.clone(), &by).await.unwrap();
        let crashed = recovery.stranded.iter().map(|stranded| action_scheduler::store::Finish {
            action: stranded.action.id,
            claim: stranded.claim,
            attempt: stranded.action.attempts,
            outcome: action_scheduler::store::Outcome::Crashed,
            entries: Vec::new(),
            succession: None,
        });
        self.store.finish(crashed.collect(), &by).await.unwrap();
        self.store.recover(dead, &by).await.unwrap();
    }
}

fn slow() -> Policy {
    let (timeout, kill_after) = (Duration::from_secs(60), Duration::from_secs(120));
    Policy { timeout, kill_after, ..Policy::default() }
}

fn tried(max_attempts: u32) -> Policy {
    let wait = Duration::from_secs(10);
    Policy { max_attempts, backoff: Backoff { first: wait, max: wait }, ..slow() }
}

fn failed(reason: &str) -> WorkResult {
    WorkResult::Failed(Failure::new(reason))
}

#[tokio::test]
async fn a_worker_gets_what_is_due_and_its_result_is_stored() {
    let shop = open(slow());
    let worker = shop.worker("w1").await;
    assert!(shop.claim(worker).await.is_empty());
    let id =
        shop.scheduler.enqueue_async("resize", ("cat", 3)).group("img").await.unwrap().unwrap();
    let [work] = &shop.claim(worker).await[..] else { panic!("one action is due") };
    assert_eq!(work.action.args.as_str(), r#"["cat",3]"#);
    assert_eq!((work.ticket.action, work.ticket.attempt), (id, Attempt(1)));
    assert_eq!(work.deadline, shop.scheduler.now() + seconds(60));
    assert_eq!(work.kill_at, shop.scheduler.now() + seconds(120));
    assert_eq!(shop.status(id).await, Status::InProgress);
    assert!(shop.claim(worker).await.is_empty(), "it is handed out once");
    let waiting = {
        let scheduler = shop.scheduler.clone();
        tokio::spawn(async move { scheduler.wait(id).await })
    };
    assert_eq!(
        shop.report(worker, work.ticket, WorkResult::Complete).await,
        Ok(Accepted::Complete)
    );
    assert_eq!(waiting.await.unwrap().unwrap().status, Status::Complete);
    let expected =
        ["action created", "action started via remote: w1", "action complete via remote: w1"];
    assert_eq!(shop.log(id).await, expected);
}

#[tokio::test]
async fn a_worker_that_waits_is_given_what_is_stored_meanwhile() {
    let shop = open(slow());
    let worker = shop.worker("w1").await;
    let waiting = spawn(&shop, worker);
    let id = shop.put("encode").await;
    assert_eq!(waiting.await.unwrap()[0].ticket.action, id);
    // What becomes due at a date is handed out then.
    let waiting = spawn(&shop, worker);
    let at = shop.scheduler.now() + seconds(3600);
    let id = shop.scheduler.schedule_single(at, "resize", [0]).await.unwrap().unwrap();
    until("it has looked", async || shop.store.claims() >= 3).await;
    assert!(!waiting.is_finished());
    shop.scheduler.store().clock().advance(seconds(3601));
    assert_eq!(waiting.await.unwrap()[0].ticket.action, id);
}

fn spawn(shop: &Shop, worker: RunnerId) -> JoinHandle<Vec<Assignment>> {
    let workers = shop.workers.clone();
    tokio::spawn(async move { workers.claim(worker, patient()).await.unwrap() })
}

/// Lets every task go as far as it can without the world outside; a store in memory needs none.
async fn settle() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn those_that_wait_are_served_in_the_order_they_came_and_only_the_first_looks() {
    let shop = open(slow());
    let mut waiting = Vec::new();
    for number in 0..300 {
        let worker = shop.worker(&format!("w{number}")).await;
        waiting.push(spawn(&shop, worker));
        settle().await;
    }
    assert!(shop.store.claims() <= 2, "{} looks by 300 that wait", shop.store.claims());
    let before = shop.store.claims();
    for place in 0..10 {
        let id = shop.put("resize").await;
        let first = waiting.remove(0);
        assert_eq!(first.await.unwrap()[0].ticket.action, id, "the one at place {place}");
        settle().await;
    }
    let looks = shop.store.claims() - before;
    assert!(
        looks <= 20,
        "{looks} looks for 10 wake-ups: one that finds it, one that finds no more"
    );
    assert!(waiting.iter().all(|waiting| !waiting.is_finished()));
    shop.shutdown.stop();
    for waiting in waiting {
        assert!(waiting.await.unwrap().is_empty(), "a server that stops sends all home");
    }
}

#[tokio::test]
async fn a_worker_that_goes_away_while_it_waits_gets_nothing() {
    let shop = open(slow());
    let (gone, there) = (shop.worker("gone").await, shop.worker("there").await);
    let waiting = spawn(&shop, gone);
    settle().await;
    waiting.abort();
    assert!(waiting.await.unwrap_err().is_cancelled());
    let id = shop.put("resize").await;
    let work = shop.claim(there).await;
    assert_eq!((work[0].ticket.action, work[0].ticket.attempt), (id, Attempt(1)));
}

#[tokio::test]
async fn what_was_claimed_for_a_worker_that_is_gone_goes_back_and_is_not_counted() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("shop.db");
    let store = SqliteStore::open(file.to_str().unwrap(), Clock::system()).await.unwrap();
    let shop = over(Arc::new(store), slow());
    let (gone, there) = (shop.worker("gone").await, shop.worker("there").await);
    let id = shop.put("resize").await;
    {
        let mut claim = std::pin::pin!(shop.workers.claim(gone, ask()));
        // As far as the claim is asked for, and no further: its answer comes from another thread.
        while shop.store.claims() == 0 {
            let polled = std::future::poll_fn(|context| {
                std::task::Poll::Ready(claim.as_mut().poll(context).is_ready())
            });
            assert!(!polled.await, "it must not be done yet");
            tokio::task::yield_now().await;
        }
    }
    until("it is back", async || {
        let action = shop.scheduler.fetch(id).await.unwrap();
        action.status == Status::Pending && action.claim.is_none()
    })
    .await;
    assert_eq!(shop.scheduler.fetch(id).await.unwrap().attempts, Attempt(0));
    let work = shop.workers.claim(there, patient()).await.unwrap();
    assert_eq!((work[0].ticket.action, work[0].ticket.attempt), (id, Attempt(1)));
}

#[tokio::test]
async fn hooks_are_left_to_remote_workers_or_to_runners_never_to_both() {
    let shop = open(slow());
    let worker = shop.worker("w1").await;
    shop.scheduler.on("local", |_: Vec<u8>, _| async { Ok::<(), Failure>(()) }).unwrap();
    let (local, remote) = (shop.put("local").await, shop.put("encode").await);
    let refused = shop.workers.claim(worker, Ask::new(vec![hook("local")])).await.unwrap_err();
    assert!(
        matches!(&refused, RemoteError::NotRemote(name) if *name == hook("local")),
        "{refused}"
    );
    let config =
        RunnerConfig { until: Until::Drained { batches: None }, ..RunnerConfig::default() };
    let runner = || Runner::new(shop.scheduler.clone(), config.clone());
    let report = runner().run(Shutdown::new()).await.unwrap();
    assert_eq!((report.complete, report.failed), (1, 0));
    assert_eq!(
        (shop.status(local).await, shop.status(remote).await),
        (Status::Complete, Status::Pending)
    );
    let refused = runner().run_ids(vec![remote], Shutdown::new()).await.unwrap_err().to_string();
    assert!(refused.contains("is left to remote workers"), "{refused}");
    assert_eq!(shop.claim(worker).await[0].ticket.action, remote);
}

#[tokio::test]
async fn bad_questions_are_refused() {
    let shop = open(slow());
    let worker = shop.worker("w1").await;
    for bad in [Ask::new(Vec::new()), ask().limit(0), ask().limit(1001)] {
        let refused = shop.workers.claim(worker, bad).await.unwrap_err();
        assert!(
            matches!(refused, RemoteError::Error(action_scheduler::Error::Invalid(_))),
            "{refused}"
        );
    }
    for name in ["", " x", "a\nb", &"x".repeat(81)] {
        assert!(NewWorker::new(name).is_err(), "{name:?}");
    }
    for lease in [4, 3601] {
        assert!(NewWorker::new("w").unwrap().lease(Duration::from_secs(lease)).is_err());
    }
    let nobody = RunnerId::new(99).unwrap();
    let refused = shop.workers.claim(nobody, ask()).await.unwrap_err();
    assert!(matches!(refused, RemoteError::UnknownWorker(_)), "{refused}");
}

#[tokio::test]
async fn a_runner_in_the_store_is_no_remote_worker() {
    let shop = open(slow());
    let runner = action_scheduler::store::NewRunner {
        name: "host:1".to_owned(),
        process: None,
        context: Context::new("serve"),
        workers: 1,
        lease: Duration::from_secs(15),
    };
    let id = shop.store.register(runner).await.unwrap();
    let refused = shop.workers.heartbeat(id, Vec::new()).await.unwrap_err();
    assert!(matches!(refused, RemoteError::UnknownWorker(_)), "{refused}");
    assert_eq!(shop.store.runners().await.unwrap()[0].beats, 0);
}

#[tokio::test]
async fn a_failure_is_retried_as_the_policy_or_the_worker_says() {
    let shop = open(tried(3));
    let worker = shop.worker("w1").await;
    let now = shop.scheduler.now();
    let cases = [
        (failed("policy"), Ok(Accepted::Retrying), Some((10, 13))),
        (
            WorkResult::Failed(Failure::new("later").retry_after(Duration::from_secs(500))),
            Ok(Accepted::Retrying),
            Some((500, 500)),
        ),
        (WorkResult::Failed(Failure::permanent("never")), Ok(Accepted::Failed), None),
    ];
    for (result, answer, due) in cases {
        let work = shop.running(worker).await;
        assert_eq!(shop.report(worker, work.ticket, result).await, answer);
        let action = shop.scheduler.fetch(work.ticket.action).await.unwrap();
        match due {
            Some((from, to)) => {
                let wait = action.scheduled_at.duration_since(now).as_secs();
                assert!((from..=to).contains(&wait), "{wait}");
                assert_eq!(action.status, Status::Pending);
            }
            None => assert_eq!(action.status, Status::Failed),
        }
    }
    shop.scheduler.store().clock().advance(seconds(20));
    let work = shop.claim(worker).await;
    assert_eq!(work[0].ticket.attempt, Attempt(2));
}

#[tokio::test]
async fn what_was_never_begun_goes_back_and_is_not_counted() {
    let shop = open(slow());
    let worker = shop.worker("w1").await;
    let work = shop.running(worker).await;
    assert_eq!(
        shop.report(worker, work.ticket, WorkResult::NotBegun).await,
        Ok(Accepted::Released)
    );
    let action = shop.scheduler.fetch(work.ticket.action).await.unwrap();
    assert_eq!((action.status, action.attempts, action.claim), (Status::Pending, Attempt(0), None));
    assert_eq!(shop.report(worker, work.ticket, WorkResult::Complete).await, Err(Lost::Superseded));
    assert_eq!(shop.status(work.ticket.action).await, Status::Pending);
}

#[tokio::test]
async fn the_same_report_twice_is_answered_alike() {
    let shop = open(slow());
    let worker = shop.worker("w1").await;
    for (result, answer) in
        [(WorkResult::Complete, Accepted::Complete), (failed("no"), Accepted::Failed)]
    {
        let work = shop.running(worker).await;
        for _ in 0..2 {
            assert_eq!(shop.report(worker, work.ticket, result.clone()).await, Ok(answer));
        }
        let steps = shop.steps(work.ticket.action).await;
        assert_eq!(steps.len(), 3, "{steps:?}: the second one leaves no trace");
        let other = match result {
            WorkResult::Complete => failed("no"),
            _ => WorkResult::Complete,
        };
        assert_eq!(shop.report(worker, work.ticket, other).await, Err(Lost::Ended));
    }
}

#[tokio::test]
async fn what_another_worker_holds_is_out_of_reach() {
    let shop = open(slow());
    let (one, other) = (shop.worker("one").await, shop.worker("other").await);
    let work = shop.running(one).await;
    let id = work.ticket.action;
    assert_eq!(shop.report(other, work.ticket, WorkResult::Complete).await, Err(Lost::OtherWorker));
    assert_eq!(shop.lost(other, work.ticket).await, Some(Lost::OtherWorker));
    let note = Note { ticket: work.ticket, text: "hello".to_owned(), at: None };
    assert_eq!(shop.workers.log(other, vec![note]).await.unwrap(), [Err(Lost::OtherWorker)]);
    assert_eq!(shop.steps(id).await, [Step::Created, Step::Started]);
    // Nor is it when the server has forgotten who holds it.
    let shop = shop.restart().await;
    assert_eq!(shop.report(other, work.ticket, WorkResult::Complete).await, Err(Lost::OtherWorker));
    assert_eq!((shop.status(id).await, shop.steps(id).await.len()), (Status::InProgress, 2));
    assert_eq!(shop.report(one, work.ticket, WorkResult::Complete).await, Ok(Accepted::Complete));
}

#[tokio::test]
async fn a_ticket_that_is_not_quite_right_counts_for_nothing() {
    let shop = open(slow());
    let worker = shop.worker("w1").await;
    let work = shop.running(worker).await;
    let (action, claim, attempt) = (work.ticket.action, work.ticket.claim, work.ticket.attempt);
    let other_claim = action_scheduler::ClaimId::new(claim.get() + 1000).unwrap();
    let nothing = ActionId::new(action.get() + 1000).unwrap();
    let wrong = [
        (Ticket { claim: other_claim, ..work.ticket }, Lost::Superseded),
        (Ticket { attempt: attempt.next(), ..work.ticket }, Lost::Superseded),
        (Ticket { attempt: Attempt(0), ..work.ticket }, Lost::Superseded),
        (Ticket { action: nothing, ..work.ticket }, Lost::NoSuchAction),
    ];
    for (ticket, why) in wrong {
        assert_eq!(shop.report(worker, ticket, WorkResult::Complete).await, Err(why), "{ticket:?}");
        assert_eq!(shop.lost(worker, ticket).await, Some(why), "{ticket:?}");
    }
    assert_eq!(shop.status(action).await, Status::InProgress);
    assert_eq!(shop.lost(worker, work.ticket).await, None);
}

#[tokio::test]
async fn results_after_the_lease_are_logged_and_change_nothing() {
    let shop = open(slow());
    let worker = shop.worker("w1").await;
    let work = shop.running(worker).await;
    shop.bury(worker).await;
    let report = Report { ticket: work.ticket, result: WorkResult::Complete };
    let answer = shop.workers.report(worker, vec![report.clone()]).await;
    match answer {
        // It was not yet noticed here that the worker is not known any more.
        Ok(answers) => assert_eq!(answers, [Err(Lost::Superseded)]),
        Err(error) => assert!(matches!(error, RemoteError::UnknownWorker(_)), "{error}"),
    }
    let refused = shop.workers.heartbeat(worker, vec![work.ticket]).await.unwrap_err();
    assert!(matches!(refused, RemoteError::UnknownWorker(_)), "{refused}");
    assert_eq!(shop.status(work.ticket.action).await, Status::Failed);
    assert!(shop.steps(work.ticket.action).await.contains(&Step::LateResult));
    let refused = shop.workers.report(worker, vec![report]).await.unwrap_err();
    assert!(matches!(refused, RemoteError::UnknownWorker(_)), "{refused}");
    // A worker that waits learns of it too, and does not keep others from what is there.
    let (dead, alive) = (shop.worker("dead").await, shop.worker("alive").await);
    shop.bury(dead).await;
    let id = shop.put("resize").await;
    let refused = shop.workers.claim(dead, patient()).await.unwrap_err();
    assert!(matches!(refused, RemoteError::UnknownWorker(_)), "{refused}");
    assert_eq!(shop.workers.claim(alive, patient()).await.unwrap()[0].ticket.action, id);
}

#[tokio::test]
async fn what_runs_too_long_is_failed_and_becomes_complete_if_it_succeeds_after_all() {
    let shop = open(slow());
    let worker = shop.worker("w1").await;
    let work = shop.running(worker).await;
    let id = work.ticket.action;
    shop.scheduler.store().clock().advance(seconds(60));
    until("it is failed", async || shop.status(id).await == Status::Failed).await;
    assert_eq!(shop.lost(worker, work.ticket).await, None, "it may go on");
    assert_eq!(
        shop.report(worker, work.ticket, WorkResult::Complete).await,
        Ok(Accepted::Complete)
    );
    assert_eq!(
        shop.steps(id).await,
        [Step::Created, Step::Started, Step::TimedOut, Step::Complete]
    );
}

#[tokio::test]
async fn what_runs_until_it_is_killed_is_over_for_certain() {
    let shop = open(slow());
    let worker = shop.worker("w1").await;
    let work = shop.running(worker).await;
    let id = work.ticket.action;
    shop.scheduler.store().clock().advance(seconds(60));
    until("it is failed", async || shop.status(id).await == Status::Failed).await;
    shop.scheduler.store().clock().advance(seconds(60));
    until("it is given up", async || {
        shop.log(id).await.last().unwrap().contains("killed after 120 s")
    })
    .await;
    assert_eq!(shop.lost(worker, work.ticket).await, Some(Lost::Killed));
    assert_eq!(shop.report(worker, work.ticket, WorkResult::Complete).await, Err(Lost::Killed));
    assert_eq!(shop.status(id).await, Status::Failed);
    let steps = [Step::Created, Step::Started, Step::TimedOut, Step::Failed, Step::LateResult];
    assert_eq!(shop.steps(id).await, steps);
    // A server that was started again does not give it up a second time.
    let shop = shop.restart().await;
    assert_eq!(shop.lost(worker, work.ticket).await, Some(Lost::Killed));
    settle().await;
    assert_eq!(shop.steps(id).await, steps);
}

#[tokio::test]
async fn what_was_killed_is_tried_again_if_the_policy_says_so() {
    let shop = open(tried(2));
    let worker = shop.worker("w1").await;
    let work = shop.running(worker).await;
    let id = work.ticket.action;
    shop.scheduler.store().clock().advance(seconds(120));
    until("it is to be tried again", async || shop.status(id).await == Status::Pending).await;
    assert_eq!(shop.lost(worker, work.ticket).await, Some(Lost::Superseded));
    shop.scheduler.store().clock().advance(seconds(20));
    assert_eq!(shop.claim(worker).await[0].ticket.attempt, Attempt(2));
}

#[tokio::test]
async fn time_goes_on_while_no_server_runs() {
    let shop = open(slow());
    let worker = shop.worker("w1").await;
    let (first, second) = (shop.running(worker).await, shop.running(worker).await);
    shop.shutdown.stop();
    shop.scheduler.store().clock().advance(seconds(61));
    let shop = shop.restart().await;
    let report = shop.report(worker, first.ticket, WorkResult::Complete).await;
    assert_eq!(report, Ok(Accepted::Complete), "the worker goes on as if nothing had been");
    let id = second.ticket.action;
    until("it is failed", async || shop.status(id).await == Status::Failed).await;
    assert_eq!(shop.steps(id).await, [Step::Created, Step::Started, Step::TimedOut]);
    let shop = shop.restart().await;
    assert_eq!(shop.lost(worker, second.ticket).await, None);
    shop.scheduler.store().clock().advance(seconds(60));
    until("it is given up", async || {
        shop.log(id).await.last().unwrap().contains("killed after 120 s")
    })
    .await;
}

#[tokio::test]
async fn a_recurring_action_goes_on() {
    let shop = open(tried(1));
    let worker = shop.worker("w1").await;
    let every = Interval::new(Duration::from_secs(3600), Cadence::AfterRun).unwrap();
    let now = shop.scheduler.now();
    let first =
        shop.scheduler.schedule_recurring(now, every, "resize", [1]).await.unwrap().unwrap();
    let instances = async || {
        let chain = shop.scheduler.chains(ChainQuery::default()).await.unwrap()[0].id;
        shop.scheduler.count(Query::new().chain(chain)).await.unwrap()
    };
    let work = shop.claim(worker).await;
    assert_eq!(work[0].ticket.action, first);
    assert_eq!(
        shop.report(worker, work[0].ticket, WorkResult::Complete).await,
        Ok(Accepted::Complete)
    );
    assert_eq!(instances().await, 2);
    // Through a server that knows nothing of it.
    shop.scheduler.store().clock().advance(seconds(3600));
    let work = shop.claim(worker).await;
    let shop = shop.restart().await;
    let instances = async || shop.scheduler.count(Query::new().hook(hook("resize"))).await.unwrap();
    assert_eq!(shop.report(worker, work[0].ticket, failed("no")).await, Ok(Accepted::Failed));
    assert_eq!(instances().await, 3);
    // And when it runs too long.
    shop.scheduler.store().clock().advance(seconds(3600));
    let work = shop.claim(worker).await;
    shop.scheduler.store().clock().advance(seconds(60));
    until("it goes on", async || instances().await == 4).await;
    assert_eq!(
        shop.report(worker, work[0].ticket, WorkResult::Complete).await,
        Ok(Accepted::Complete)
    );
    assert_eq!(instances().await, 4, "a chain does not double");
}

#[tokio::test]
async fn a_worker_is_told_of_what_was_canceled_while_it_ran() {
    let shop = open(slow());
    let worker = shop.worker("w1").await;
    let every = Interval::new(Duration::from_secs(3600), Cadence::AfterRun).unwrap();
    let now = shop.scheduler.now();
    let id = shop.scheduler.schedule_recurring(now, every, "resize", [1]).await.unwrap().unwrap();
    let work = shop.claim(worker).await;
    shop.scheduler.cancel(id).await.unwrap();
    assert_eq!(shop.lost(worker, work[0].ticket).await, Some(Lost::Canceled));
    assert_eq!(
        shop.report(worker, work[0].ticket, WorkResult::Complete).await,
        Err(Lost::Canceled)
    );
    assert_eq!(shop.status(id).await, Status::Canceled);
    assert_eq!(shop.scheduler.count(Query::new()).await.unwrap(), 1, "it is not continued");
}

#[tokio::test]
async fn notes_go_into_the_log_as_text() {
    let shop = open(slow());
    let worker = shop.worker("w1").await;
    let work = shop.running(worker).await;
    let note = |text: &str| Note { ticket: work.ticket, text: text.to_owned(), at: None };
    let notes = vec![note("half done"), note("\u{1b}[31mred\u{7}")];
    assert_eq!(shop.workers.log(worker, notes).await.unwrap(), [Ok(()), Ok(())]);
    let log = shop.log(work.ticket.action).await;
    assert_eq!(log[2..], ["half done", "red"]);
    shop.report(worker, work.ticket, WorkResult::Complete).await.unwrap();
    assert_eq!(shop.workers.log(worker, vec![note("late")]).await.unwrap(), [Err(Lost::Ended)]);
    assert_eq!(shop.log(work.ticket.action).await.len(), 5);
}

#[tokio::test]
async fn a_store_that_is_away_costs_no_result() {
    let shop = open(slow());
    let worker = shop.worker("w1").await;
    let work = shop.running(worker).await;
    shop.store.go_away();
    let report = Report { ticket: work.ticket, result: WorkResult::Complete };
    shop.workers.report(worker, vec![report]).await.unwrap_err();
    shop.workers.claim(worker, ask()).await.unwrap_err();
    shop.store.come_back();
    assert_eq!(
        shop.report(worker, work.ticket, WorkResult::Complete).await,
        Ok(Accepted::Complete)
    );
    // Nor does one that goes away after it has done what was asked.
    let work = shop.running(worker).await;
    shop.store.go_away_at(testkit::Fault::After(0));
    let report = Report { ticket: work.ticket, result: WorkResult::Complete };
    shop.workers.report(worker, vec![report]).await.unwrap_err();
    shop.store.come_back();
    assert_eq!(
        shop.report(worker, work.ticket, WorkResult::Complete).await,
        Ok(Accepted::Complete)
    );
    assert_eq!(
        shop.steps(work.ticket.action).await,
        [Step::Created, Step::Started, Step::Complete]
    );
}

#[tokio::test]
async fn what_a_worker_that_signs_off_still_runs_is_lost() {
    let shop = open(slow());
    let worker = shop.worker("w1").await;
    let work = shop.running(worker).await;
    shop.workers.unregister(worker).await.unwrap();
    let refused = shop.workers.claim(worker, ask()).await.unwrap_err();
    assert!(matches!(refused, RemoteError::UnknownWorker(_)), "{refused}");
    let id = work.ticket.action;
    until("it is recovered", async || shop.status(id).await == Status::Failed).await;
    assert!(shop.log(id).await.last().unwrap().starts_with("unexpected shutdown via serve"));
    assert!(shop.scheduler.runners().await.unwrap().is_empty());
}
