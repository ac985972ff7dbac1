//! Times look-ups on a large store: `look_ups URL ROWS` fills the store if it is empty, then prints the slowest of 20 of
//! each look-up. With `fill URL ROWS` it only fills it. For `docs/benchmarks.md`.

#![allow(clippy::unwrap_used, reason = "a measurement that fails is to stop")]

use std::time::{Duration, Instant};

use action_scheduler::query::{Order, OrderBy};
use action_scheduler::store::TallyBy;
use action_scheduler::{Group, Hook, Query, Scheduler, Status};
use testkit::large::{self, HOOKS};

#[tokio::main]
async fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (what, url, rows) = match args.as_slice() {
        [url, rows] => ("time", url, rows.parse()),
        [what, url, rows] if what == "fill" => ("fill", url, rows.parse()),
        _ => usage(),
    };
    let Ok(rows) = rows else { usage() };
    let scheduler = Scheduler::open(url).await.unwrap();
    if scheduler.count(Query::new()).await.unwrap() == 0 {
        large::fill(&scheduler, url, rows).await;
    }
    if what == "fill" {
        return;
    }
    let hook = |number: i64| Hook::new(format!("hook_{number}")).unwrap();
    let group = |number: i64| Group::new(format!("group_{number}")).unwrap();
    let page = || Query::new().limit(20);
    for status in Status::ALL {
        for order in [Order::Ascending, Order::Descending] {
            let query = page().status(status).order(OrderBy::Date, order);
            time(&format!("page of {status}, {order:?}"), async || {
                scheduler.query(query.clone()).await.unwrap()
            })
            .await;
        }
    }
    let pages = [
        ("page of all", page()),
        ("page of a hook", page().hook(hook(7))),
        ("page of a hook and status", page().hook(hook(7)).status(Status::Failed)),
        ("page of a group", page().group(group(3))),
        ("page of a group and status", page().group(group(3)).status(Status::Failed)),
    ];
    for (name, query) in pages {
        time(name, async || scheduler.query(query.clone()).await.unwrap()).await;
        let middle = scheduler.query(query.clone().offset(1000)).await.unwrap();
        let Some(middle) = middle.first() else { continue };
        let next = query.clone().after(query.cursor(middle));
        time(&format!("{name}, a later one"), async || {
            scheduler.query(next.clone()).await.unwrap()
        })
        .await;
    }
    let with_args =
        Query::new().hook(hook(7)).args(format!("[{}]", 7 + 100 * HOOKS).parse().unwrap());
    for (name, query) in [("a hook", Query::new().hook(hook(7))), ("a hook with args", with_args)] {
        time(&format!("next_scheduled of {name}"), async || {
            scheduler.next_scheduled(query.clone()).await.unwrap()
        })
        .await;
        time(&format!("has_scheduled of {name}"), async || {
            scheduler.has_scheduled(query.clone()).await.unwrap()
        })
        .await;
    }
    for (of, query) in [
        ("all", page()),
        ("a hook", page().hook(hook(7))),
        ("a group and status", page().group(group(3)).status(Status::Complete)),
    ] {
        let query = query.within(10_000);
        time(&format!("count of {of}, within 10,000"), async || {
            scheduler.count(query.clone()).await.unwrap()
        })
        .await;
        let search = query.clone().search("customer77").order(OrderBy::Date, Order::Descending);
        time(&format!("search in {of}, within 10,000"), async || {
            scheduler.query(search.clone()).await.unwrap()
        })
        .await;
        for by in [OrderBy::Finished, OrderBy::LogEntries, OrderBy::Hook] {
            let sorted = query.clone().order(by, Order::Descending);
            time(&format!("{of} by {by:?}, within 10,000"), async || {
                scheduler.query(sorted.clone()).await.unwrap()
            })
            .await;
        }
    }
    time("count by hook", async || scheduler.tally(TallyBy::Hook).await.unwrap()).await;
    time("count by group", async || scheduler.tally(TallyBy::Group).await.unwrap()).await;
    time("count by status", async || {
        scheduler.count(Query::new().status(Status::Complete)).await.unwrap()
    })
    .await;
    time("status", async || scheduler.stats().await.unwrap()).await;
}

fn usage() -> ! {
    eprintln!("usage: look_ups [fill] URL ROWS");
    std::process::exit(2)
}

async fn time<T>(name: &str, look_up: impl AsyncFn() -> T) {
    look_up().await;
    let mut slowest = Duration::ZERO;
    for _ in 0..20 {
        let begun = Instant::now();
        look_up().await;
        slowest = slowest.max(begun.elapsed());
    }
    println!("{name:40} {:8.2} ms", slowest.as_secs_f64() * 1000.0);
}
