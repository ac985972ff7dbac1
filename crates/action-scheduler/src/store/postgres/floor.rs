//! The least that a PostgreSQL database of our layout can cost: the same rows, moved by bare set-based SQL on one
//! connection, with nothing between. The benchmark compares the engine with it.

use std::time::{Duration, Instant};

use tokio_postgres::{Client, Statement};

use super::PostgresStore;
use super::error::wrap;
use super::url::PostgresUrl;
use crate::error::Result;
use crate::log::Step;
use crate::time::Clock;

/// See [`crate::store::floor::drain`]. It works in a schema of its own, which is dropped afterwards.
pub(crate) async fn drain(url: &PostgresUrl, actions: u64, batch: u32) -> Result<Duration> {
    let url = url.with_schema(&format!("action_scheduler_floor_{}", std::process::id()));
    drop(PostgresStore::open_at(&url, Clock::system()).await?);
    let failed = wrap(url.to_string(), "measuring the floor");
    let (client, driver) = url
        .config
        .connect(super::tls::connector(&url.trust).map_err(|problem| {
            crate::error::StoreError::new(crate::error::StoreErrorKind::Url, problem)
        })?)
        .await
        .map_err(&failed)?;
    let driving = tokio::spawn(driver);
    let schema = url.quoted_schema();
    let drained = drain_schema(&client, &schema, actions, i64::from(batch)).await;
    let dropped = client.batch_execute(&format!("DROP SCHEMA {schema} CASCADE")).await;
    driving.abort();
    let drained = drained.map_err(&failed)?;
    dropped.map_err(&failed)?;
    Ok(drained)
}

type Driven<T> = std::result::Result<T, tokio_postgres::Error>;

async fn drain_schema(client: &Client, schema: &str, actions: u64, batch: i64) -> Driven<Duration> {
    fill(client, schema, actions).await?;
    let steps = Steps::prepare(client, schema).await?;
    let begun = Instant::now();
    let mut left = actions;
    let mut number = 0;
    while left > 0 {
        number += 1;
        let moved = steps.move_batch(client, number, batch).await?;
        if moved == 0 {
            break;
        }
        left = left.saturating_sub(moved);
    }
    Ok(begun.elapsed())
}

async fn fill(client: &Client, schema: &str, actions: u64) -> Driven<()> {
    // The plans of a new table are made for one that is empty.
    let settings = "SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_hashjoin = off; \
        SET enable_mergejoin = off; SET plan_cache_mode = force_generic_plan";
    client.batch_execute(settings).await?;
    let names = format!(
        "INSERT INTO {schema}.hooks (name) VALUES ('floor'); INSERT INTO {schema}.groups (name) VALUES (''); \
         INSERT INTO {schema}.contexts (name) VALUES ('bench')"
    );
    client.batch_execute(&names).await?;
    let mut from = 0;
    while from < actions {
        let to = (from + 1000).min(actions);
        let insert = format!(
            "WITH new AS (INSERT INTO {schema}.actions (hook, grp, priority, kind, scheduled_at, created_at, args, \
             args_hash, logged, trail) SELECT 1, 1, 10, 0, {now}, {now}, '[' || i || ']', i, 1, \
             {schema}.trail_entry({now}, 1, {step}, NULL, NULL) FROM generate_series({from}, {last}) AS i \
             RETURNING id), queued AS (INSERT INTO {schema}.waiting (priority, attempts, scheduled_at, id, hook, grp) \
             SELECT 10, 0, {now}, id, 1, 1 FROM new) \
             INSERT INTO {schema}.ledger (writer, n, pending) SELECT 1, {from}, count(*) FROM new",
            now = now(),
            last = to - 1,
            step = Step::Created.code()
        );
        client.batch_execute(&insert).await?;
        from = to;
    }
    Ok(())
}

/// Each a transaction of its own, with the rows that the engine writes in that step.
struct Steps {
    claim: Statement,
    start: Statement,
    finish: Statement,
}

impl Steps {
    async fn prepare(client: &Client, schema: &str) -> Driven<Self> {
        // Whoever claims has to read what is to be done.
        let claim = format!(
            "WITH gone AS (DELETE FROM {schema}.waiting WHERE ctid = ANY (ARRAY(SELECT ctid FROM {schema}.waiting \
             WHERE scheduled_at <= $2 ORDER BY priority, attempts, scheduled_at, id LIMIT $3 FOR UPDATE SKIP LOCKED)) \
             RETURNING id), held AS (UPDATE {schema}.actions SET claim = $1 \
             WHERE id = ANY (ARRAY(SELECT id FROM gone)) RETURNING id, hook, args), \
             made AS (INSERT INTO {schema}.claims (id, runner, claimed_at, live, actions) \
             SELECT $1, 1, $2, count(*), array_agg(id) FROM held HAVING count(*) > 0), \
             counted AS (INSERT INTO {schema}.ledger (writer, n) VALUES (2, $1)) \
             SELECT id, hook, args FROM held"
        );
        let start = format!(
            "WITH begun AS (UPDATE {schema}.actions SET status = 1, attempts = attempts + 1, started_at = $2, \
             finished_at = NULL, logged = logged + 1, trail = trail || {schema}.trail_entry($2, logged + 1, {}, 1, 1) \
             WHERE id = ANY ($3) AND claim = $1 AND status = 0 RETURNING 1) \
             INSERT INTO {schema}.ledger (writer, n, pending, running) SELECT 3, $1, -count(*), count(*) FROM begun",
            Step::Started.code()
        );
        let finish = format!(
            "WITH done AS (UPDATE {schema}.actions SET status = 2, phase = 2, finished_at = $2, logged = logged + 1, \
             trail = trail || {schema}.trail_entry($2, logged + 1, {}, 1, 1) \
             WHERE id = ANY ($3) AND claim = $1 AND status = 1 RETURNING 1), \
             closed AS (DELETE FROM {schema}.claims WHERE id = $1) \
             INSERT INTO {schema}.ledger (writer, n, running, complete) SELECT 4, $1, -count(*), count(*) FROM done",
            Step::Complete.code()
        );
        Ok(Self {
            claim: client.prepare(&claim).await?,
            start: client.prepare(&start).await?,
            finish: client.prepare(&finish).await?,
        })
    }

    async fn move_batch(&self, client: &Client, claim: i64, batch: i64) -> Driven<u64> {
        let rows = client.query(&self.claim, &[&claim, &now(), &batch]).await?;
        let mut ids: Vec<i64> = Vec::with_capacity(rows.len());
        for row in &rows {
            std::hint::black_box((row.try_get::<_, i32>(1)?, row.try_get::<_, &str>(2)?));
            ids.push(row.try_get(0)?);
        }
        client.execute(&self.start, &[&claim, &now(), &ids]).await?;
        client.execute(&self.finish, &[&claim, &now(), &ids]).await?;
        Ok(rows.len() as u64)
    }
}

/// Dates are as long as those of real rows.
fn now() -> i64 {
    jiff::Timestamp::now().as_microsecond()
}
