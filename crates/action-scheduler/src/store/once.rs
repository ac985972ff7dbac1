//! Storing actions once, however often the request comes.

use std::fmt;

use jiff::Timestamp;

use super::records::check_key;
use crate::action::ActionId;
use crate::error::{Invalid, Result, StoreError, StoreErrorKind};

/// What is kept of a request, by which the same one is known when it comes again.
#[derive(Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The caller's key: 1 to 255 bytes, none of them a control character.
    pub key: String,
    /// What tells the request from any other with the same key, such as a hash of it.
    pub digest: [u8; 32],
    /// Until when the request is known.
    pub keep_until: Timestamp,
}

impl Receipt {
    /// Refuses a key that no store could keep. Every store asks this before it stores anything.
    pub fn check(&self) -> Result<(), Invalid> {
        check_key("idempotency key", &self.key)
    }

    /// The digest in hexadecimal digits.
    #[cfg(any(feature = "mysql", feature = "postgres"))]
    pub(in crate::store) fn digest_text(&self) -> String {
        self.digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl fmt::Debug for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, digest: _, keep_until } = self;
        let mut text = f.debug_struct("Receipt");
        text.field("key", key).field("keep_until", keep_until).finish_non_exhaustive()
    }
}

/// The answer of [`Store::insert_once`](super::Store::insert_once): what [`Store::insert`](super::Store::insert) gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Once {
    /// The actions were stored now.
    New(Vec<Option<ActionId>>),
    /// The same request has been here before; this is what it was answered. What it stored may have been deleted since.
    Before(Vec<Option<ActionId>>),
    /// Another request has this key. Nothing was stored.
    Conflict,
}

/// Ids as they stand in a receipt, with 0 for what was refused.
pub(in crate::store) fn written_ids(ids: &[Option<ActionId>]) -> String {
    let numbers: Vec<String> =
        ids.iter().map(|id| id.map_or(0, ActionId::get).to_string()).collect();
    numbers.join(",")
}

/// The ids that are written so.
pub(in crate::store) fn read_ids(text: &str) -> Result<Vec<Option<ActionId>>, StoreError> {
    let numbers = text.split(',').filter(|number| !number.is_empty());
    let ids = numbers.map(|number| number.parse().map(ActionId::new));
    ids.collect::<Result<_, _>>().map_err(|error| {
        let message = format!("the ids of a receipt, {text:?}, cannot be read: {error}");
        StoreError::new(StoreErrorKind::Corrupt, message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_as_they_were_written() {
        for ids in [vec![], vec![ActionId::new(7)], vec![ActionId::new(1), None, ActionId::new(9)]]
        {
            assert_eq!(read_ids(&written_ids(&ids)).unwrap(), ids);
        }
        assert!(read_ids("1,x").unwrap_err().to_string().contains("\"1,x\""));
    }
}
