//! The walk from the beginning of the queue that is made beside the claims; see [`super::frontier`].

use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use super::PostgresStore;
use super::call::Call;
use super::claim::NumberedFilter;
use super::database::Database;
use super::frontier::{Place, Rank};
use super::row;
use crate::error::StoreError;
use crate::store::ClaimFilter;

/// What a walk has found.
struct Walk {
    took: Duration,
    /// The first that wait in each rank.
    first: Vec<(Rank, Place)>,
}

impl PostgresStore {
    /// Sets out on a walk if it is time for one.
    pub(super) fn walk_if_due(&self, filter: &ClaimFilter, numbered: &NumberedFilter) {
        if !self.frontier().sets_out(filter) {
            return;
        }
        let (database, frontier) = (Arc::clone(&self.database), Arc::clone(&self.frontier));
        let (filter, numbered) = (filter.clone(), numbered.clone());
        let mut walks = self.walks.lock().unwrap_or_else(PoisonError::into_inner);
        while walks.try_join_next().is_some() {}
        walks.spawn(async move {
            let walk = walk(&database, numbered).await;
            let mut frontier = frontier.lock().unwrap_or_else(PoisonError::into_inner);
            match walk {
                Ok(walk) => frontier.walked(&filter, walk.took, walk.first.into_iter()),
                Err(error) => {
                    tracing::warn!(%error, "looking through the queue failed: what others put at its front is found later");
                    frontier.turned_back(&filter);
                }
            }
        });
    }
}

async fn walk(database: &Database, filter: NumberedFilter) -> Result<Walk, StoreError> {
    let doing = "looking for what comes first";
    // The first of each rank, by the primary key; then, from there, the first that the filter lets through.
    let sql = format!(
        "WITH RECURSIVE ranks AS ( \
             (SELECT w.* FROM {0}.waiting w ORDER BY w.priority, w.attempts, w.scheduled_at, w.id LIMIT 1) \
             UNION ALL \
             SELECT next.* FROM ranks CROSS JOIN LATERAL (SELECT w.* FROM {0}.waiting w \
                 WHERE (w.priority, w.attempts) > (ranks.priority, ranks.attempts) \
                 ORDER BY w.priority, w.attempts, w.scheduled_at, w.id LIMIT 1) AS next) \
         SELECT ranks.priority::int, ranks.attempts, first.scheduled_at, first.id, \
             (extract(epoch FROM clock_timestamp() - statement_timestamp()) * 1000000)::bigint \
         FROM ranks CROSS JOIN LATERAL (SELECT w.scheduled_at, w.id FROM {0}.waiting w \
             WHERE w.priority = ranks.priority AND w.attempts = ranks.attempts \
               AND (w.scheduled_at, w.id) >= (ranks.scheduled_at, ranks.id) \
               AND ($1::int[] IS NULL OR w.hook = ANY ($1)) \
               AND ($2::int IS NULL OR w.grp = $2) \
               AND ($3::int[] IS NULL OR w.grp <> ALL ($3)) \
               AND ($4::text[] IS NULL OR w.hook <> ALL (ARRAY( \
                   SELECT h.id FROM {0}.hooks h WHERE h.name LIKE ANY ($4)))) \
             ORDER BY w.priority, w.attempts, w.scheduled_at, w.id LIMIT 1) AS first",
        database.schema
    );
    let call = Call::statement(sql)
        .with(filter.hooks)
        .with(filter.group)
        .with(filter.not_groups)
        .with(filter.not_hooks);
    let begun = Instant::now();
    let rows = database.read_soon(doing, call).await?;
    let elapsed = begun.elapsed();
    let unreadable = |problem| database.unreadable(doing, problem);
    let mut took = None;
    let mut first = Vec::with_capacity(rows.len());
    for row in &rows {
        let read = |column| row::get::<i64>(row, column).map_err(unreadable);
        let rank = |column| row::get::<i32>(row, column).map_err(unreadable);
        first.push(((rank(0)?, rank(1)?), (read(2)?, read(3)?)));
        took = took.max(Some(Duration::from_micros(read(4)?.unsigned_abs())));
    }
    // Without a row the server says nothing of its time.
    Ok(Walk { took: took.unwrap_or(elapsed), first })
}
