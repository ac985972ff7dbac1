//! The least that the plugin's tables and ours can cost: the same rows, moved by bare set-based SQL on one connection,
//! with nothing between. The benchmark compares the engine with it.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use mysql_async::Conn;

use super::connection::{Connections, exchange};
use super::error::Outcome;
use super::row::Columns;
use super::schema;
use super::sql::{List, Micros};
use super::tables::Tables;
use super::url::MySqlUrl;
use crate::error::Result;

/// What the tables are called that are dropped afterwards.
const PREFIX: &str = "as_floor_";

/// See [`crate::store::floor::drain`]. It works in tables of their own in the same database.
pub(crate) async fn drain(url: &MySqlUrl, actions: u64, batch: u32) -> Result<Duration> {
    let floor = async {
        let tables = Tables::new(PREFIX);
        let connections = Connections::new(url);
        let mut connection = connections.open().await?;
        drop_tables(&mut connection, &tables).await?;
        schema::create(&mut connection, &tables).await?;
        fill(&mut connection, &tables, actions).await?;
        let begun = Instant::now();
        let mut left = actions;
        while left > 0 {
            let moved = move_batch(&mut connection, &tables, batch).await?;
            if moved == 0 {
                break;
            }
            left = left.saturating_sub(moved);
        }
        let time = begun.elapsed();
        drop_tables(&mut connection, &tables).await?;
        connection.disconnect().await?;
        Outcome::Ok(time)
    };
    floor.await.map_err(|trouble| trouble.tell("measuring the floor", &url.to_string()))
}

async fn drop_tables(connection: &mut Conn, tables: &Tables) -> Outcome<()> {
    let sql = format!("DROP TABLE IF EXISTS {}", tables.all().join(", "));
    exchange(connection, &sql).await.map(drop)
}

async fn fill(connection: &mut Conn, tables: &Tables, actions: u64) -> Outcome<()> {
    let Tables { actions: table, logs, times, groups, .. } = tables;
    exchange(connection, &format!("INSERT INTO {groups} (slug) VALUES ('')")).await?;
    let mut from = 0;
    while from < actions {
        let to = (from + 1000).min(actions);
        let now = Micros(Timestamp::now());
        let rows: Vec<String> = (from..to)
            .map(|number| {
                format!(
                    "('floor','pending',UTC_TIMESTAMP(),UTC_TIMESTAMP(),'[{number}]',\
                     'O:28:\"ActionScheduler_NullSchedule\":0:{{}}',1)"
                )
            })
            .collect();
        let sql = format!(
            "START TRANSACTION; \
             INSERT INTO {table} (hook,status,scheduled_date_gmt,scheduled_date_local,args,schedule,group_id) VALUES {}; \
             SET @first = LAST_INSERT_ID(); \
             INSERT INTO {times} (action_id, created_at) SELECT action_id, {now} FROM {table} WHERE action_id >= @first; \
             INSERT INTO {logs} (action_id, message, log_date_gmt, log_date_local) \
               SELECT action_id, 'action created', UTC_TIMESTAMP(), UTC_TIMESTAMP() FROM {table} WHERE action_id >= @first; \
             COMMIT",
            rows.join(",")
        );
        exchange(connection, &sql).await?;
        from = to;
    }
    Ok(())
}

async fn move_batch(connection: &mut Conn, tables: &Tables, batch: u32) -> Outcome<u64> {
    let Tables { actions, claims, holders, logs, times, .. } = tables;
    let sql = format!(
        "START TRANSACTION; INSERT INTO {claims} (date_created_gmt) VALUES (UTC_TIMESTAMP()); \
         SET @claim = LAST_INSERT_ID(); INSERT INTO {holders} (claim_id, runner_id) VALUES (@claim, 1); \
         SELECT action_id, hook, args FROM {actions} WHERE claim_id = 0 AND status = 'pending' \
           ORDER BY scheduled_date_gmt, action_id LIMIT {batch} FOR UPDATE SKIP LOCKED"
    );
    // Whoever claims has to read what is to be done.
    let rows = exchange(connection, &sql).await?.rows;
    let mut ids = Vec::with_capacity(rows.len());
    for row in &rows {
        ids.push(row.number::<u64>(0)?);
        std::hint::black_box((row.text(1)?, row.text(2)?));
    }
    if ids.is_empty() {
        exchange(connection, "ROLLBACK").await?;
        return Ok(0);
    }
    let list = List(ids.iter()).to_string();
    let attempt = "last_attempt_gmt = UTC_TIMESTAMP(), last_attempt_local = UTC_TIMESTAMP()";
    let log = |text: &str| {
        let rows: Vec<String> = ids
            .iter()
            .map(|id| format!("({id},'action {text} via bench',UTC_TIMESTAMP(),UTC_TIMESTAMP())"))
            .collect();
        format!(
            "INSERT INTO {logs} (action_id, message, log_date_gmt, log_date_local) VALUES {}",
            rows.join(",")
        )
    };
    let sql = format!(
        "UPDATE {actions} SET claim_id = @claim, {attempt} WHERE action_id IN {list}; COMMIT"
    );
    exchange(connection, &sql).await?;
    let now = Micros(Timestamp::now());
    let sql = format!(
        "START TRANSACTION; \
         UPDATE {actions} SET status = 'in-progress', attempts = attempts + 1, {attempt} WHERE action_id IN {list}; \
         UPDATE {times} SET started_at = {now} WHERE action_id IN {list}; {}; COMMIT",
        log("started")
    );
    exchange(connection, &sql).await?;
    let now = Micros(Timestamp::now());
    let sql = format!(
        "START TRANSACTION; \
         UPDATE {actions} SET status = 'complete', {attempt} WHERE action_id IN {list}; \
         UPDATE {times} SET finished_at = {now} WHERE action_id IN {list}; {}; \
         DELETE FROM {claims} WHERE claim_id = @claim; DELETE FROM {holders} WHERE claim_id = @claim; COMMIT",
        log("complete")
    );
    exchange(connection, &sql).await?;
    Ok(ids.len() as u64)
}
