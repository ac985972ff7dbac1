//! Storing actions once.

use action_scheduler::store::{Insert, Once, Receipt};
use jiff::Timestamp;

use super::state::{State, whole_micros};

fn is_past(receipt: &Receipt, now: Timestamp) -> bool {
    whole_micros(receipt.keep_until) <= now
}

impl State {
    pub(super) fn insert_once(
        &mut self,
        receipt: Receipt,
        actions: Vec<Insert>,
        now: Timestamp,
    ) -> Once {
        let known = self.receipts.get(&receipt.key);
        if let Some((known, ids)) = known.filter(|(known, _)| !is_past(known, now)) {
            return match known.digest == receipt.digest {
                true => Once::Before(ids.clone()),
                false => Once::Conflict,
            };
        }
        let ids: Vec<_> = actions.into_iter().map(|insert| self.insert(insert, now)).collect();
        self.receipts.insert(receipt.key.clone(), (receipt, ids.clone()));
        Once::New(ids)
    }

    /// Deletes receipts that are past their date.
    pub(super) fn clean_receipts(&mut self, limit: u32, now: Timestamp) -> u64 {
        let mut deleted = 0;
        self.receipts.retain(|_, (receipt, _)| {
            let goes = is_past(receipt, now) && deleted < u64::from(limit);
            deleted += u64::from(goes);
            !goes
        });
        deleted
    }
}
