//! Large stores, filled by SQL in minutes, for measurements: a fifth of the actions pending and past-due, nearly all others
//! complete, some three log entries for each; chains with their instances, and figures of a week.

use std::time::Duration;

use action_scheduler::action::NewAction;
use action_scheduler::schedule::cron::{Cron, Dialect};
use action_scheduler::schedule::{Missed, Recurring};
use action_scheduler::store::{Figure, FigureCounts, Resolution, StoreUrl};
use action_scheduler::{Group, Hook, Schedule, Scheduler};
use tokio_postgres::NoTls;

/// How many hooks there are: `hook_0`, `hook_1` and so on.
pub const HOOKS: i64 = 50;
/// How many groups there are: `group_0`, `group_1` and so on.
pub const GROUPS: i64 = 10;
/// How many chains there are.
pub const CHAINS: i64 = 1000;

/// How many actions are stored at once.
const PART: i64 = 100_000;

/// The status of row `i`.
const STATUS: &str =
    "CASE WHEN i % 5 = 0 THEN 0 WHEN i % 1000 = 1 THEN 3 WHEN i % 1000 = 2 THEN 4 ELSE 2 END";

/// Fills an empty store, which is of SQLite or PostgreSQL.
pub async fn fill(scheduler: &Scheduler, url: &str, rows: i64) {
    chains(scheduler).await;
    match url.parse::<StoreUrl>().unwrap() {
        StoreUrl::Sqlite { file } => in_sqlite(&file, rows),
        StoreUrl::Postgres(_) => in_postgres(url, rows).await,
        other => panic!("{other}: a store of SQLite or PostgreSQL is needed"),
    }
    figures(scheduler).await;
}

/// Chains, whose first instances have the first ids.
async fn chains(scheduler: &Scheduler) {
    let cron = Cron::parse("0 3 * * *", Dialect::Standard, None).unwrap();
    let recurring = Recurring::cron(cron, Missed::Skip, scheduler.now()).unwrap();
    let new = (0..CHAINS).map(|number| {
        let hook = Hook::new(format!("hook_{}", number % HOOKS)).unwrap();
        let group = Group::new(format!("group_{}", number % GROUPS)).unwrap();
        NewAction::new(hook, Schedule::Recurring(recurring.clone())).group(group)
    });
    scheduler.insert(new.collect()).await.unwrap();
}

/// The columns of the action `i`, as both native layouts have them. One in a hundred is an instance of a chain.
fn columns() -> String {
    format!(
        "{} + 1 + i, 1 + i % {HOOKS}, 1 + i / {HOOKS} % {GROUPS}, {STATUS}, {STATUS}, 10, \
         CASE WHEN i % 100 = 3 THEN 2 ELSE 1 END, CASE WHEN i % 100 = 3 THEN 1 + i / 100 % {CHAINS} END, \
         1700000000000000 + i * 1000, 1700000000000000, \
         CASE WHEN i % 5 > 0 THEN 1700000000000000 + i * 1000 + i * 7919 % 900000 END, '[' || i || ']'",
        CHAINS
    )
}

const COLUMNS: &str = "id, hook, grp, status, phase, priority, kind, chain, scheduled_at, created_at, finished_at, args";

/// How many entries the log of the action `i` has.
const ENTRIES: &str = "CASE WHEN i % 5 = 0 THEN 1 ELSE 3 + i % 2 END";

fn in_sqlite(file: &str, rows: i64) {
    let connection = rusqlite::Connection::open(file).unwrap();
    connection.execute_batch("PRAGMA cache_size = -400000; PRAGMA synchronous = OFF").unwrap();
    let columns = columns();
    for from in (0..rows).step_by(PART as usize) {
        let to = (from + PART).min(rows);
        let numbers = format!(
            "WITH RECURSIVE n (i) AS (SELECT {from} UNION ALL SELECT i + 1 FROM n WHERE i + 1 < {to})"
        );
        let fill = format!(
            "BEGIN; {numbers} INSERT INTO actions ({COLUMNS}) SELECT {columns} FROM n; \
             {numbers} INSERT INTO logs (action, seq, at, step) \
             SELECT {CHAINS} + i + 1, 10000 + 5 * i + k, 1700000000000000, k - 1 \
             FROM n, (SELECT 1 AS k UNION ALL VALUES (2), (3), (4)) AS steps WHERE k <= {ENTRIES}; COMMIT"
        );
        connection.execute_batch(&fill).unwrap();
    }
    connection
        .execute_batch(
            "UPDATE counts SET n = (SELECT count(*) FROM actions WHERE actions.status = counts.status); \
             UPDATE log_sequence SET taken = (SELECT max(seq) FROM logs)",
        )
        .unwrap();
}

async fn in_postgres(url: &str, rows: i64) {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    let connection = tokio::spawn(connection);
    client.batch_execute("SET search_path = action_scheduler").await.unwrap();
    let columns = columns();
    for from in (0..rows).step_by(PART as usize) {
        let to = (from + PART).min(rows) - 1;
        let numbers = format!("generate_series({from}::bigint, {to}) AS n (i)");
        // No look-up by args finds these by the hash, which the program computes.
        let fill = format!(
            "INSERT INTO actions ({COLUMNS}, args_hash, logged) SELECT {columns}, i, {ENTRIES} FROM {numbers}; \
             INSERT INTO logs (action, seq, at, step) SELECT {CHAINS} + i + 1, k, 1700000000000000, k - 1 \
             FROM {numbers}, generate_series(1, 4) AS k WHERE k <= {ENTRIES}"
        );
        client.batch_execute(&fill).await.unwrap();
    }
    let rest = format!(
        "INSERT INTO waiting (scheduled_at, id, attempts, hook, grp, priority) \
         SELECT scheduled_at, id, attempts, hook, grp, priority FROM actions WHERE status = 0 AND id > {CHAINS}; \
         DELETE FROM ledger; \
         UPDATE counts SET n = (SELECT count(*) FROM actions WHERE actions.status = counts.status); \
         SELECT setval(pg_get_serial_sequence('actions', 'id'), (SELECT max(id) FROM actions)); \
         VACUUM ANALYZE actions; VACUUM ANALYZE logs; VACUUM ANALYZE waiting"
    );
    for statement in rest.split("; ") {
        client.batch_execute(statement).await.unwrap();
    }
    drop(client);
    connection.await.unwrap().unwrap();
}

/// What each hook did in each hour of a week, and in each minute of a day.
async fn figures(scheduler: &Scheduler) {
    let now = scheduler.now();
    for (resolution, periods) in [(Resolution::Hour, 24 * 7), (Resolution::Minute, 60 * 24)] {
        for period in 0..periods {
            let at = resolution.begin_of(now - resolution.length() * period);
            let all = (0..HOOKS).map(|hook| Figure {
                resolution,
                at,
                hook: Some(Hook::new(format!("hook_{hook}")).unwrap()),
                counts: counts(hook.unsigned_abs()),
            });
            let mut all: Vec<Figure> = all.collect();
            let mut together = FigureCounts::default();
            all.iter().for_each(|figure| together.add(&figure.counts));
            all.push(Figure { resolution, at, hook: None, counts: together });
            scheduler.store().add_figures(all).await.unwrap();
        }
    }
}

fn counts(hook: u64) -> FigureCounts {
    let mut counts = FigureCounts {
        stored: 20,
        started: 20,
        complete: 19,
        failed: 1,
        ..FigureCounts::default()
    };
    for number in 0..20 {
        counts.ran.count(Duration::from_millis(1 + number * (hook + 1)));
        counts.delay.count(Duration::from_micros(300 + 100 * number));
    }
    counts
}
