//! Schedules an action within a transaction of your own, with the driver you use anyway: here sqlx.
//!
//! The order and the action that confirms it are stored together or not at all: no order without its e-mail, no e-mail
//! for an order that was rolled back.

use std::time::Duration;

use action_scheduler::store::{Parameter, Statement};
use action_scheduler::{
    ActionId, Error, NewAction, Query, Runner, RunnerConfig, Scheduler, Shutdown, Status, Unique,
};
use sqlx::sqlite::{SqliteArguments, SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions};
use sqlx::{Row, Sqlite, SqliteConnection, SqlitePool};
use tokio::sync::mpsc;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // The scheduler makes the file; the shop then has its tables in it, beside those of the scheduler.
    let scheduler = Scheduler::open("sqlite:shop.db").await?;
    let shop = open_shop("shop.db").await?;
    let (confirm, mut confirmed) = mpsc::unbounded_channel();
    scheduler.on("confirm_order", move |order: i64, _| {
        let confirm = confirm.clone();
        async move { confirm.send(order) }
    })?;
    // A runner, here or in another process, notices a commit by itself: it need not poll.
    let config = RunnerConfig { poll_interval: Duration::from_secs(3600), ..Default::default() };
    let shutdown = Shutdown::new();
    let runner = tokio::spawn(Runner::new(scheduler.clone(), config).run(shutdown.clone()));

    // Committed: order and action are there.
    let mut transaction = shop.begin_with("BEGIN IMMEDIATE").await?;
    let order = insert_order(&mut transaction, "Ada").await?;
    let action = scheduler.enqueue_async("confirm_order", [order]).into_action()?;
    let id = enqueue(&scheduler, &mut transaction, action).await?;
    transaction.commit().await?;
    let confirmed = confirmed.recv().await.ok_or("the handler is gone")?;
    println!("committed: {}, order {confirmed} is confirmed", describe(id));

    // Rolled back: neither is.
    let mut transaction = shop.begin_with("BEGIN IMMEDIATE").await?;
    let order = insert_order(&mut transaction, "Bob").await?;
    let action = scheduler.enqueue_async("confirm_order", [order]).into_action()?;
    let id = enqueue(&scheduler, &mut transaction, action).await?.ok_or("refused")?;
    transaction.rollback().await?;
    match scheduler.fetch(id).await {
        Err(Error::NoSuchAction(_)) => println!("rolled back: it never was"),
        other => println!("rolled back: {other:?}"),
    }

    // Refused, as one like it waits already: no error, and the transaction goes on.
    let at = scheduler.date("tomorrow")?;
    let mut transaction = shop.begin_with("BEGIN IMMEDIATE").await?;
    for _ in 0..2 {
        let action = scheduler.schedule_single(at, "count_orders", ()).unique(Unique::Args);
        let id = enqueue(&scheduler, &mut transaction, action.into_action()?).await?;
        println!("unique: {}", describe(id));
    }
    transaction.commit().await?;
    println!("{} waiting", scheduler.count(Query::new().status(Status::Pending)).await?);

    shutdown.stop();
    runner.await??;
    Ok(())
}

/// Stores an action within the transaction that the connection is in. `None` when it was refused as a duplicate.
pub async fn enqueue(
    scheduler: &Scheduler,
    connection: &mut SqliteConnection,
    action: NewAction,
) -> Result<Option<ActionId>, sqlx::Error> {
    let mut answer = None;
    for statement in scheduler.statements(action) {
        answer = bind(&statement).fetch_optional(&mut *connection).await?;
    }
    Ok(answer.and_then(|row| ActionId::new(row.get(0))))
}

/// A statement of the scheduler as a query of sqlx.
fn bind(statement: &Statement) -> sqlx::query::Query<'_, Sqlite, SqliteArguments> {
    // The store's own text: what came from a user is in the parameters.
    let query = sqlx::query(sqlx::AssertSqlSafe(&*statement.sql));
    statement.parameters.iter().fold(query, |query, parameter| match parameter {
        Parameter::Null => query.bind(None::<i64>),
        Parameter::Integer(number) => query.bind(*number),
        Parameter::Text(text) => query.bind(text.as_str()),
    })
}

/// A pool of connections to the file, with the shop's own table.
pub async fn open_shop(file: &str) -> Result<SqlitePool, sqlx::Error> {
    let options = SqliteConnectOptions::new()
        .filename(file)
        // As the scheduler has it: readers do not wait for the writer.
        .journal_mode(SqliteJournalMode::Wal)
        // Writers take turns. This is how long one waits for its own.
        .busy_timeout(Duration::from_secs(30));
    let shop = SqlitePoolOptions::new().connect_with(options).await?;
    let table =
        "CREATE TABLE IF NOT EXISTS orders (id INTEGER PRIMARY KEY, customer TEXT NOT NULL)";
    sqlx::query(table).execute(&shop).await?;
    Ok(shop)
}

/// Stores an order. Gives its number.
pub async fn insert_order(
    connection: &mut SqliteConnection,
    customer: &str,
) -> Result<i64, sqlx::Error> {
    let insert = sqlx::query("INSERT INTO orders (customer) VALUES (?1)").bind(customer);
    Ok(insert.execute(connection).await?.last_insert_rowid())
}

fn describe(id: Option<ActionId>) -> String {
    match id {
        Some(id) => format!("action {id}"),
        None => "refused".to_owned(),
    }
}
