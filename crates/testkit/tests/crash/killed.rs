//! Processes that are killed at random moments.

use std::time::{Duration, Instant, SystemTime};

use action_scheduler::schedule::{Cadence, Interval, Missed};
use action_scheduler::{ActionId, Scheduler};
use testkit::crash::{Chance, Ledger, NO_ARGS, Orders, RECURRING};

use crate::books;
use crate::worker::{Scene, Worker, until_drained};

/// How often a process is killed, unless `ACTION_SCHEDULER_CRASH_ROUNDS` says otherwise.
const ROUNDS: u64 = 200;

fn number_from_environment(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} {text:?}: expected a whole number")))
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_moment_nothing_is_lost_nothing_runs_twice_and_chains_go_on() {
    let scene = Scene::new();
    let rounds = number_from_environment("ACTION_SCHEDULER_CRASH_ROUNDS").unwrap_or(ROUNDS);
    let seed = number_from_environment("ACTION_SCHEDULER_CRASH_SEED").unwrap_or_else(|| {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        since.as_nanos() as u64 % 1_000_000
    });
    println!("{rounds} rounds; ACTION_SCHEDULER_CRASH_SEED={seed} makes the same choices again");
    let mut chance = Chance::new(seed);
    let begun = Instant::now();

    let scheduler = scene.scheduler().await;
    let accepted = Ledger::open(&scene.folder.accepted()).unwrap();
    for id in begin_chains(&scheduler).await {
        accepted.add(id);
    }
    // While processes die, only they have the file open: each finds it as the last one left it.
    drop(scheduler);

    let mut alive = Vec::new();
    for _ in 0..rounds {
        while alive.len() < 1 + chance.below(2) as usize {
            let orders = random_orders(scene.orders(), seed, &mut chance);
            let mut worker = Worker::spawn(&orders);
            // Now and then it is killed before it has opened the store.
            if chance.below(20) > 0 {
                worker.says("ready");
            }
            alive.push(worker);
        }
        // A random wait is the point here. The longer ones let a process recover what others left.
        let longest = if chance.below(8) == 0 { 700_000 } else { 150_000 };
        tokio::time::sleep(Duration::from_micros(chance.below(longest))).await;
        alive.swap_remove(chance.below(alive.len() as u64) as usize).kill();
    }
    alive.drain(..).for_each(Worker::kill);
    let killing = begun.elapsed();

    let lease = Duration::from_millis(300);
    let last = Worker::spawn(&Orders { outcomes: seed, lease, ..scene.orders() });
    let scheduler = scene.scheduler().await;
    until_drained(&scheduler, 1).await;
    last.stop();
    let drained = begun.elapsed();

    let tally = books::check(&scene, &scheduler, seed).await;
    println!("{tally:?}; killing {killing:?}, drained {drained:?}, all {:?}", begun.elapsed());
    let least = rounds as usize / 4;
    assert!(
        tally.crashed > least && tally.given_back > least,
        "hardly anything was hit: {tally:?}"
    );
    assert!(tally.instances_crashed > least / 10, "hardly any chain was hit: {tally:?}");
}

/// One chain of each kind and cadence.
async fn begin_chains(scheduler: &Scheduler) -> Vec<ActionId> {
    let now = scheduler.now();
    let mut ids = Vec::new();
    for kind in RECURRING {
        let cron = scheduler.schedule_cron(now, "* * * * * *", kind.hook, NO_ARGS).await;
        ids.extend(cron.unwrap());
        for cadence in [Cadence::AfterRun, Cadence::FixedRate(Missed::Skip)] {
            let interval = Interval::new(Duration::from_secs(1), cadence).unwrap();
            let id = scheduler.schedule_recurring(now, interval, kind.hook, NO_ARGS).await;
            ids.extend(id.unwrap());
        }
    }
    ids
}

fn random_orders(orders: Orders, seed: u64, chance: &mut Chance) -> Orders {
    Orders {
        outcomes: seed,
        seed: chance.number() % 1_000_000_000,
        enqueues: None,
        meddles: true,
        lease: Duration::from_millis(100 * (1 + chance.below(3))),
        batch_size: 1 + chance.below(20) as u32,
        concurrent_batches: [None, None, Some(5)][chance.below(3) as usize],
        ..orders
    }
}
