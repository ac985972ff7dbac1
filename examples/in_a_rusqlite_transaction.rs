//! The same as `in_your_transaction` for who uses rusqlite: the store takes the transaction itself.

use std::sync::Arc;
use std::time::Duration;

use action_scheduler::runner::Until;
use action_scheduler::store::Insert;
use action_scheduler::store::sqlite::SqliteStore;
use action_scheduler::time::Clock;
use action_scheduler::{Failure, Runner, RunnerConfig, Scheduler, Shutdown, Unique};
use rusqlite::{Connection, TransactionBehavior};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let store = Arc::new(SqliteStore::open("shop.db", Clock::system()).await?);
    let scheduler = Scheduler::builder(store.clone()).build();
    scheduler.on("confirm_order", |order: i64, _| async move {
        println!("order {order} is confirmed");
        Ok::<_, Failure>(())
    })?;

    // In a server, this part belongs on a thread that may block: `tokio::task::spawn_blocking`.
    let mut shop = Connection::open("shop.db")?;
    shop.busy_timeout(Duration::from_secs(30))?;
    shop.execute_batch(
        "CREATE TABLE IF NOT EXISTS orders (id INTEGER PRIMARY KEY, customer TEXT)",
    )?;
    for (customer, is_paid) in [("Ada", true), ("Bob", false)] {
        let transaction = shop.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute("INSERT INTO orders (customer) VALUES (?1)", [customer])?;
        let order = transaction.last_insert_rowid();
        let confirm =
            scheduler.enqueue_async("confirm_order", [order]).unique(Unique::Args).into_action()?;
        // The second is refused: one like it was stored just before.
        let twice = [confirm.clone(), confirm].map(|action| Insert { action, log_created: true });
        let ids = store.insert_in(&transaction, &twice)?;
        println!("{customer}: {} stored, {} refused", count(&ids, true), count(&ids, false));
        if is_paid {
            transaction.commit()?;
        } else {
            transaction.rollback()?;
        }
    }

    let config = RunnerConfig { until: Until::Drained { batches: None }, ..Default::default() };
    let report = Runner::new(scheduler, config).run(Shutdown::new()).await?;
    println!("{} actions complete", report.complete);
    Ok(())
}

fn count<T>(ids: &[Option<T>], stored: bool) -> usize {
    ids.iter().filter(|id| id.is_some() == stored).count()
}
