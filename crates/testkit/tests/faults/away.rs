//! Servers that are killed and started again while processes work.

use std::time::Duration;

use action_scheduler::{ActionId, Scheduler, Status, Step};
use testkit::crash::{HELD, Orders};
use testkit::servers::{FaultProxy, NewConnections};

use crate::processes::worker::{Scene, Worker, until, until_at_last, until_drained};
use crate::processes::{books, frozen};
use crate::server::{Engine, on_each_engine};

on_each_engine!(
    a_server_that_is_killed_and_started_again_loses_nothing_and_nothing_runs_twice,
    connections_that_are_cut_lose_nothing_and_nothing_runs_twice,
    a_server_that_is_away_for_longer_than_the_lease_makes_no_runner_look_dead,
);

/// What a process may say while its server is away. That something was in another's way is not among it.
pub const AWAY: [&str; 3] = ["cannot be reached", "does not answer", "no answer came in time"];

/// How many processes work.
const PROCESSES: u64 = 3;

/// Some that enqueue and run, and bear it when the server is away.
pub async fn spawn(
    stores: &[String],
    enqueues: u64,
    scene: &Scene,
    scheduler: &Scheduler,
) -> Vec<Worker> {
    let spawn = |(seed, store): (u64, &String)| {
        Worker::spawn(&Orders {
            store: store.clone(),
            seed,
            enqueues: Some(enqueues),
            pause: Duration::from_millis(20),
            bears_outages: true,
            concurrent_batches: None,
            ..scene.orders()
        })
    };
    let mut workers: Vec<_> = (1..).zip(stores).map(spawn).collect();
    for worker in &mut workers {
        worker.says("ready");
    }
    // One that cannot reach its store at its very beginning gives up, and says so.
    until("they have begun", async || {
        let runners = scheduler.runners().await.unwrap();
        runners.iter().filter(|runner| runner.beats > 0).count() == stores.len()
    })
    .await;
    workers
}

/// Waits until all is done, and checks every promise; nobody has died.
async fn settle(scene: &Scene, scheduler: &Scheduler, mut workers: Vec<Worker>) {
    for worker in &mut workers {
        worker.says("enqueued");
    }
    until_drained(scheduler, workers.len() as u64).await;
    workers.into_iter().for_each(Worker::stop);
    scene.assert_errors_only_say(&AWAY);
    let tally = books::check_but_errors(scene, scheduler, 0).await;
    println!("{tally:?}");
    assert_eq!((tally.crashed, tally.late_results), (0, 0), "{tally:?}");
    assert!(tally.accepted > 200, "{tally:?}");
}

async fn a_server_that_is_killed_and_started_again_loses_nothing_and_nothing_runs_twice(
    engine: Engine,
) {
    const KILLS: u32 = 5;
    let mut server = engine.start().await;
    let scene = Scene::at(server.url());
    let scheduler = scene.scheduler().await;
    let stores = vec![scene.store.clone(); PROCESSES as usize];
    let workers = spawn(&stores, 400, &scene, &scheduler).await;
    let mut done = 0;
    for _ in 0..KILLS {
        until("they work", async || scene.calls().len() >= done + 40).await;
        server.kill().await;
        server.restart().await;
        done = scene.calls().len();
    }
    settle(&scene, &scheduler, workers).await;
}

async fn connections_that_are_cut_lose_nothing_and_nothing_runs_twice(engine: Engine) {
    const CUTS: u64 = 60;
    let server = engine.start().await;
    let scene = Scene::at(server.url());
    let scheduler = scene.scheduler().await;
    let mut proxies = Vec::new();
    for _ in 0..PROCESSES {
        proxies.push(FaultProxy::start(server.address()).await);
    }
    let stores: Vec<_> = proxies.iter().map(|proxy| proxy.url(server.url())).collect();
    let workers = spawn(&stores, 800, &scene, &scheduler).await;
    let mut chance = testkit::crash::Chance::new(1);
    for _ in 0..CUTS {
        let done = scene.calls().len();
        until("they work", async || {
            scene.calls().len() > done || scheduler.stats().await.unwrap().counts["pending"] == 0
        })
        .await;
        // A random wait is the point here.
        tokio::time::sleep(Duration::from_micros(chance.below(40_000))).await;
        let proxy = chance.one_of(&proxies).unwrap();
        match chance.below(3) {
            0 => {
                proxy.cut(NewConnections::Refused).await;
                tokio::time::sleep(Duration::from_micros(chance.below(300_000))).await;
                proxy.heal().await;
            }
            _ => proxy.cut(NewConnections::Accepted).await,
        }
    }
    settle(&scene, &scheduler, workers).await;
}

/// Nobody could see a sign of life of anybody, and so nobody may conclude anything from there being none.
async fn a_server_that_is_away_for_longer_than_the_lease_makes_no_runner_look_dead(engine: Engine) {
    // Long enough that a busy machine gives the signs of life in time.
    const LEASE: Duration = Duration::from_secs(4);
    let mut server = engine.start().await;
    let scene = Scene::at(server.url());
    let scheduler = scene.scheduler().await;
    let held: Vec<ActionId> = frozen::enqueue(&scheduler, HELD.hook, 6).await;
    let orders = || Orders { workers: 6, lease: LEASE, ..scene.orders() };
    let workers: Vec<_> = (0..PROCESSES).map(|_| Worker::spawn(&orders())).collect();
    until("all run, wherever", async || scene.calls().len() == held.len()).await;
    // They know of each other, and have seen each other's signs of life.
    tokio::time::sleep(LEASE / 2).await;

    server.kill().await;
    let (during, after) = held.split_at(held.len() / 2);
    during.iter().for_each(|id| frozen::open_gate(&scene, *id, 1));
    tokio::time::sleep(2 * LEASE).await;
    server.restart().await;
    // Those that have nothing to record give signs of life, and look for those of others.
    tokio::time::sleep(LEASE).await;
    after.iter().for_each(|id| frozen::open_gate(&scene, *id, 1));
    let longest = Duration::from_secs(150);
    until_at_last(longest, "all have come to their end", async || {
        frozen::all(&scheduler, &held, |action| action.status.is_finished()).await
    })
    .await;
    for id in &held {
        let steps: Vec<Step> =
            frozen::steps(&scheduler, *id).await.into_iter().map(|(step, _)| step).collect();
        assert_eq!(steps, [Step::Created, Step::Started, Step::Complete], "{id}");
    }
    assert!(frozen::all(&scheduler, &held, |action| action.status == Status::Complete).await);
    workers.into_iter().for_each(Worker::stop);
    scene.assert_errors_only_say(&AWAY);
}
