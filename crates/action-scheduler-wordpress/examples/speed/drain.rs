//! A drain by this program and two PHP workers, beside one by a loop in PHP that does for each action what the plugin does.

use std::time::Instant;

use crate::program;
use crate::queue::{Queue, now};
use action_scheduler::Status;
use serde::Serialize;

const ACTIONS: u64 = 20_000;
const BACKLOG: u64 = 200_000;
/// The loop is so slow that fewer have to do.
const LOOP_ACTIONS: u64 = 2000;
const ROUNDS: usize = 3;

/// Actions per second: medians of rounds that took turns.
#[derive(Debug, Serialize)]
pub struct Figures {
    actions: u64,
    workers: u32,
    /// `action-scheduler run`, from its start to its end: PHP and WordPress are loaded in that time, too.
    drain_per_s: f64,
    /// The same, with 200,000 pending in the beginning.
    backlog_per_s: f64,
    backlog_ratio: f64,
    /// The same as the first, from the first callback to the end of the program.
    running_per_s: f64,
    /// The loop, from its first claim on.
    loop_per_s: f64,
    /// `running_per_s / loop_per_s`: neither has the start of PHP in it.
    ratio: f64,
}

pub async fn measure() -> Figures {
    let queue = Queue::new().await;
    let (mut drains, mut backlogs, mut loops) = (Vec::new(), Vec::new(), Vec::new());
    let mut runnings = Vec::new();
    for _ in 0..ROUNDS {
        queue.fill(ACTIONS).await;
        let drained = drain(&queue, &[]).await;
        drains.push(drained.per_s);
        runnings.push(drained.running_per_s);
        queue.empty().await;
        queue.fill(BACKLOG).await;
        backlogs.push(drain(&queue, &["--batch-size=1000", "--batches=20"]).await.per_s);
        queue.empty().await;
        queue.fill(LOOP_ACTIONS).await;
        loops.push(plain_loop(&queue).await);
        queue.empty().await;
    }
    let [drain_per_s, backlog_per_s, running_per_s, loop_per_s] =
        [drains, backlogs, runnings, loops].map(median);
    Figures {
        actions: ACTIONS,
        workers: 2,
        drain_per_s,
        backlog_per_s,
        backlog_ratio: backlog_per_s / drain_per_s,
        running_per_s,
        loop_per_s,
        ratio: running_per_s / loop_per_s,
    }
}

struct Drained {
    per_s: f64,
    running_per_s: f64,
}

async fn drain(queue: &Queue, more: &[&str]) -> Drained {
    let began = queue.site.path().join("began");
    let _ = std::fs::remove_file(&began);
    let begun = Instant::now();
    let options = ["run", "--workers=2"].iter().chain(more).chain(&["--wordpress"]);
    program::run(&options.copied().collect::<Vec<_>>(), &queue.site.path()).await;
    let (took, ended) = (begun.elapsed().as_secs_f64(), now());
    let began = std::fs::read_to_string(&began).unwrap();
    let first = began.lines().map(|line| line.parse::<f64>().unwrap()).fold(ended, f64::min);
    let complete = queue.count(Status::Complete).await;
    // What was given back while a worker was replaced is in no batch any more.
    assert!((ACTIONS * 9 / 10..=ACTIONS).contains(&complete), "{complete} were run");
    Drained { per_s: complete as f64 / took, running_per_s: complete as f64 / (ended - first) }
}

async fn plain_loop(queue: &Queue) -> f64 {
    let took = queue.site.request(include_str!("loop.php")).await;
    let took: f64 = took.trim().parse().unwrap_or_else(|_| panic!("seconds: {took}"));
    assert_eq!(queue.count(Status::Complete).await, LOOP_ACTIONS, "all were run");
    LOOP_ACTIONS as f64 / took
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}
