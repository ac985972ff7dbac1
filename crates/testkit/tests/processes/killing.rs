//! Processes that are killed at random moments.

use std::ops::RangeInclusive;
use std::time::{Duration, Instant, SystemTime};

use action_scheduler::schedule::{Cadence, Interval, Missed};
use action_scheduler::{ActionId, Scheduler};
use testkit::crash::{Chance, Ledger, NO_ARGS, Orders, RECURRING};

use super::books::{self, Tally};
use super::worker::{Scene, Worker, until_drained};

/// How many rounds there are, unless `ACTION_SCHEDULER_CRASH_ROUNDS` says otherwise.
const ROUNDS: u64 = 200;

/// How a round goes.
pub struct Rounds {
    /// How many processes are at work before someone is killed.
    pub at_work: RangeInclusive<u64>,
    /// How many of them are killed.
    pub killed: RangeInclusive<u64>,
    /// The longest that one waits before it enqueues something more.
    pub pause: Duration,
}

fn number_from_environment(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} {text:?}: expected a whole number")))
}

/// Kills processes at any moment, again and again, lets a last one do what is left, and checks every promise.
pub async fn kill_at_any_moment(scene: &Scene, round: Rounds) -> Tally {
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
    // While processes die, only they have a file open: each finds it as the last one left it.
    drop(scheduler);

    let mut alive = Vec::new();
    for _ in 0..rounds {
        let at_work = within(&round.at_work, &mut chance);
        let mut new = Vec::new();
        while alive.len() + new.len() < at_work as usize {
            new.push(Worker::spawn(&random_orders(scene.orders(), &round, seed, &mut chance)));
        }
        for mut worker in new {
            // Now and then it is killed before it has opened the store.
            if chance.below(20) > 0 {
                worker.says("ready");
            }
            alive.push(worker);
        }
        // A random wait is the point here. The longer ones let a process recover what others left.
        let longest = if chance.below(8) == 0 { 700_000 } else { 150_000 };
        tokio::time::sleep(Duration::from_micros(chance.below(longest))).await;
        for _ in 0..within(&round.killed, &mut chance) {
            alive.swap_remove(chance.below(alive.len() as u64) as usize).kill();
        }
    }
    alive.drain(..).for_each(Worker::kill);
    let killing = begun.elapsed();

    let lease = Duration::from_millis(300);
    let last = Worker::spawn(&Orders { outcomes: seed, lease, ..scene.orders() });
    let scheduler = scene.scheduler().await;
    until_drained(&scheduler, 1).await;
    last.stop();
    let drained = begun.elapsed();

    let tally = books::check(scene, &scheduler, seed).await;
    println!("{tally:?}; killing {killing:?}, drained {drained:?}, all {:?}", begun.elapsed());
    let least = rounds as usize / 4;
    assert!(
        tally.crashed > least && tally.given_back > least,
        "hardly anything was hit: {tally:?}"
    );
    assert!(tally.instances_crashed > least / 10, "hardly any chain was hit: {tally:?}");
    tally
}

fn within(range: &RangeInclusive<u64>, chance: &mut Chance) -> u64 {
    range.start() + chance.below(range.end() - range.start() + 1)
}

/// One chain of each kind and cadence.
pub async fn begin_chains(scheduler: &Scheduler) -> Vec<ActionId> {
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

fn random_orders(orders: Orders, round: &Rounds, seed: u64, chance: &mut Chance) -> Orders {
    Orders {
        outcomes: seed,
        seed: chance.number() % 1_000_000_000,
        enqueues: None,
        pause: round.pause,
        meddles: true,
        lease: Duration::from_millis(100 * (1 + chance.below(3))),
        batch_size: 1 + chance.below(20) as u32,
        concurrent_batches: [None, None, Some(5)][chance.below(3) as usize],
        ..orders
    }
}
