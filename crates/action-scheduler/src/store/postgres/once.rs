//! Storing actions once.

use super::PostgresStore;
use super::row;
use crate::action::ActionId;
use crate::error::Result;
use crate::store::{Insert, Once, Receipt};

impl PostgresStore {
    pub(super) async fn insert_all_once(
        &self,
        receipt: &Receipt,
        inserts: &[Insert],
    ) -> Result<Once> {
        let doing = "storing actions once";
        let now = self.stamp();
        let channel = self.wakes.channel_for(inserts, now);
        loop {
            let forgotten = self.name_all(inserts).await?;
            let call = self
                .database
                .function("insert_actions_once")
                .with(receipt.key.clone())
                .with(receipt.digest_text())
                .with(receipt.keep_until.as_microsecond());
            let call = self.with_actions(call, inserts, now, channel.as_deref());
            let Some(answers) = self.database.write_names(doing, &[call], forgotten).await? else {
                continue;
            };
            let Some(row) = answers.iter().flatten().next() else {
                return Err(self.database.unreadable(doing, "no row").into());
            };
            let ids: Option<Vec<Option<i64>>> = self.read(doing, row::get(row, 1))?;
            let ids = ids.unwrap_or_default();
            let ids = ids.into_iter().map(|id| id.and_then(ActionId::new)).collect();
            return match self.read(doing, row::get::<i32>(row, 0))? {
                0 => {
                    self.arrived(inserts, now);
                    Ok(Once::New(ids))
                }
                1 => Ok(Once::Before(ids)),
                _ => Ok(Once::Conflict),
            };
        }
    }
}
