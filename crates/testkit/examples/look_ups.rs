//! Times look-ups on a large SQLite file: `look_ups FILE ROWS` fills the file if it is missing, then prints the slowest of
//! 20 of each look-up. For `docs/benchmarks.md`.

#![allow(clippy::unwrap_used, reason = "a measurement that fails is to stop")]

use std::time::{Duration, Instant};

use action_scheduler::query::{Order, OrderBy};
use action_scheduler::store::TallyBy;
use action_scheduler::{Group, Hook, Query, Scheduler, Status};

const HOOKS: i64 = 50;

#[tokio::main]
async fn main() {
    let mut args = std::env::args().skip(1);
    let (Some(file), Some(rows)) =
        (args.next(), args.next().and_then(|rows| rows.parse::<i64>().ok()))
    else {
        eprintln!("usage: look_ups FILE ROWS");
        std::process::exit(2);
    };
    let is_new = !std::path::Path::new(&file).exists();
    let scheduler = Scheduler::open(&format!("sqlite:{file}")).await.unwrap();
    if is_new {
        fill(&file, rows);
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

/// Fills the file by SQL: a fifth of the rows pending, nearly all others complete; some three log entries for each.
fn fill(file: &str, rows: i64) {
    let connection = rusqlite::Connection::open(file).unwrap();
    for number in 0..HOOKS {
        connection
            .execute("INSERT INTO hooks (name) VALUES (?1)", [format!("hook_{number}")])
            .unwrap();
    }
    for number in 0..10 {
        connection
            .execute("INSERT INTO groups (name) VALUES (?1)", [format!("group_{number}")])
            .unwrap();
    }
    let status =
        "CASE WHEN i % 5 = 0 THEN 0 WHEN i % 1000 = 1 THEN 3 WHEN i % 1000 = 2 THEN 4 ELSE 2 END";
    let mut from = 0;
    while from < rows {
        let to = (from + 100_000).min(rows);
        connection
            .execute_batch(&format!(
                "BEGIN; WITH RECURSIVE n (i) AS (SELECT {from} UNION ALL SELECT i + 1 FROM n WHERE i + 1 < {to}) \
                 INSERT INTO actions (hook, grp, status, phase, priority, kind, scheduled_at, created_at, finished_at, args) \
                 SELECT 1 + i % {HOOKS}, 1 + i / {HOOKS} % 10, {status}, {status}, 10, 1, 1700000000000000 + i * 1000, \
                 1700000000000000, iif(i % 5 = 0, NULL, 1700000000000000 + i * 1000 + i * 7919 % 900000), \
                 '[' || i || ']' FROM n; \
                 WITH RECURSIVE n (i) AS (SELECT {from} UNION ALL SELECT i + 1 FROM n WHERE i + 1 < {to}) \
                 INSERT INTO logs (action, seq, at, step) \
                 SELECT i + 1, 5 * i + k, 1700000000000000, k - 1 FROM n, \
                 (SELECT 1 AS k UNION ALL VALUES (2), (3), (4)) AS steps WHERE k <= iif(i % 5 = 0, 1, 3 + i % 2); COMMIT"
            ))
            .unwrap();
        from = to;
    }
    connection
        .execute_batch(
            "UPDATE counts SET n = (SELECT count(*) FROM actions WHERE actions.status = counts.status); \
             UPDATE log_sequence SET taken = (SELECT max(seq) FROM logs)",
        )
        .unwrap();
}
