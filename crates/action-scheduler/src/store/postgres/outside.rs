//! See [`crate::store::outside`].

use std::time::Duration;

use tokio_postgres::Client;

use super::connect_alone;
use super::error::wrap;
use super::url::PostgresUrl;
use crate::error::Result;
use crate::store::outside::Counters;

/// A transaction with a snapshot: what dies after it cannot be cleaned up while it is open.
pub(in crate::store) async fn hold_transaction(url: &PostgresUrl) -> Result<Client> {
    let client = connect_alone(url).await?;
    // The snapshot is taken by the first statement.
    let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SELECT 1";
    let begun = client.batch_execute(begin).await;
    begun.map_err(wrap(url.to_string(), "holding a transaction open"))?;
    Ok(client)
}

/// The counters of the schema's tables, and of the server's WAL.
///
/// Connections report what they did when they are closed, or after a second, and not to the transaction that asks: this
/// asks until two answers agree.
pub(in crate::store) async fn counters(url: &PostgresUrl) -> Result<Counters> {
    const PAUSE: Duration = Duration::from_secs(1);
    const TRIES: usize = 10;
    let client = connect_alone(url).await?;
    let mut counters = ask(&client, url).await?;
    for _ in 0..TRIES {
        tokio::time::sleep(PAUSE).await;
        let again = ask(&client, url).await?;
        let agree = (again.rows_died, again.dead_rows) == (counters.rows_died, counters.dead_rows);
        counters = again;
        if agree {
            break;
        }
    }
    Ok(counters)
}

async fn ask(client: &Client, url: &PostgresUrl) -> Result<Counters> {
    // Reads the statistics of some ten tables; twice or a few times in a measurement.
    const ASK: &str = "SELECT coalesce(sum(n_tup_upd + n_tup_del), 0)::bigint, coalesce(sum(n_dead_tup), 0)::bigint, \
        (pg_current_wal_insert_lsn() - '0/0')::bigint FROM pg_stat_user_tables WHERE schemaname = $1";
    let failed = wrap(url.to_string(), "reading the server's counters");
    let row = client.query_one(ASK, &[&url.schema]).await.map_err(&failed)?;
    let count = |place: usize| -> Result<u64> {
        let count: i64 = row.try_get(place).map_err(&failed)?;
        Ok(u64::try_from(count).unwrap_or_default())
    };
    Ok(Counters { rows_died: count(0)?, dead_rows: count(1)?, wal_bytes: count(2)? })
}
