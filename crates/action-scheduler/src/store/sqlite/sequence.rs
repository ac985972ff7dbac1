//! The numbers of log entries.

use std::cell::Cell;

use rusqlite::Connection;

/// Gives out numbers that rise from entry to entry over the whole file, so that an entry can be written without a look
/// at those before it. They are taken from the file in blocks, within the transaction that uses them; what is left of a
/// block is forgotten with it.
#[derive(Debug, Default)]
pub(super) struct Sequence {
    next: Cell<i64>,
    left: Cell<i64>,
}

impl Sequence {
    /// A number that is higher than all that were given out before.
    pub(super) fn next(&self, connection: &Connection) -> rusqlite::Result<i64> {
        const BLOCK: i64 = 64;
        if self.left.get() == 0 {
            let end: i64 = connection
                .prepare_cached("UPDATE log_sequence SET taken = taken + ?1 RETURNING taken")?
                .query_row([BLOCK], |row| row.get(0))?;
            self.next.set(end - BLOCK + 1);
            self.left.set(BLOCK);
        }
        let number = self.next.get();
        self.next.set(number + 1);
        self.left.set(self.left.get() - 1);
        Ok(number)
    }
}
