//! Deleting what has been kept long enough.

use super::PostgresStore;
use super::row;
use crate::action::ActionId;
use crate::error::Result;
use crate::store::native::codes::status_code;
use crate::store::{CleanBatch, CleanCursor, CleanMode, Cleaned, HookScope, Resolution};

impl PostgresStore {
    pub(super) async fn clean_batch(&self, batch: &CleanBatch) -> Result<Cleaned> {
        let doing = "cleaning";
        if !batch.status.is_finished() {
            return Ok(Cleaned { deleted: 0, next: None });
        }
        let (hooks, only) = match &batch.hooks {
            HookScope::Only(hooks) => (hooks, true),
            HookScope::AllBut(hooks) => (hooks, false),
        };
        let names = &self.database.opener.names;
        names.hooks.look_for(&self.database, hooks.iter()).await?;
        let (after, after_id) = match batch.after {
            Some(cursor) => (cursor.scheduled_at.as_microsecond(), cursor.id.get()),
            None => (i64::MIN, 0),
        };
        let call = self
            .database
            .function("clean_actions")
            .with(i32::try_from(status_code(batch.status)).unwrap_or_default())
            .with(batch.before.as_microsecond())
            .with(hooks.iter().filter_map(|hook| names.hooks.number(hook)).collect::<Vec<_>>())
            .with(only)
            .with(i64::from(batch.limit))
            .with(after)
            .with(after_id)
            .with(batch.mode == CleanMode::Delete);
        let answers = self.database.write_slowly(doing, &[call]).await?;
        let Some(row) = answers.iter().flatten().next() else {
            return Ok(Cleaned { deleted: 0, next: None });
        };
        let deleted: i64 = self.read(doing, row::get(row, 0))?;
        let looked: i64 = self.read(doing, row::get(row, 1))?;
        let date = self.read(doing, row::optional_time(row, 2))?;
        let id: Option<i64> = self.read(doing, row::get(row, 3))?;
        let next = date
            .zip(id.and_then(ActionId::new))
            .filter(|_| looked == i64::from(batch.limit))
            .map(|(scheduled_at, id)| CleanCursor { scheduled_at, id });
        Ok(Cleaned { deleted: deleted.unsigned_abs(), next })
    }

    pub(super) async fn clean_what_is_left(&self, limit: u32) -> Result<u64> {
        let doing = "cleaning orphans";
        let limit = i64::from(limit);
        let now = self.clock.now();
        let orphans = self.database.function("clean_orphans").with(limit);
        let past = self
            .database
            .function("clean_past")
            .with(now.as_microsecond())
            .with(Resolution::Minute.kept_from(now).as_microsecond())
            .with(Resolution::Hour.kept_from(now).as_microsecond())
            .with(limit);
        let answers = self.database.write_slowly(doing, &[orphans, past]).await?;
        let mut deleted = 0;
        for row in answers.iter().flatten() {
            deleted += self.read(doing, row::get::<i64>(row, 0))?.unsigned_abs();
        }
        Ok(deleted)
    }
}
