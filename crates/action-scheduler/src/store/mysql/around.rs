//! The tables of what programs around the engine keep here, of requests, and of figures: version 3 of our own tables.

use super::tables::Tables;

/// Its statements, which may be run again.
pub(super) fn tables_around(tables: &Tables) -> Vec<String> {
    const END: &str = "ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin";
    let Tables { records, receipts, figures, layout, .. } = tables;
    vec![
        // Small documents: users, sessions, tokens, incidents. Keys are bytes: told apart to the letter, also at their
        // ends. Dates are in microseconds, since 1970.
        format!(
            "CREATE TABLE IF NOT EXISTS {records} (
               kind varchar(32) NOT NULL,
               record_key varbinary(255) NOT NULL,
               body mediumtext NOT NULL,
               -- counts the puts
               version bigint unsigned NOT NULL,
               expires_us bigint,
               PRIMARY KEY (kind, record_key),
               KEY expires_us (expires_us)
             ) {END}"
        ),
        // Requests that were given a key by whoever sent them, with what they were answered: sent again, they store
        // nothing.
        format!(
            "CREATE TABLE IF NOT EXISTS {receipts} (
               receipt_key varbinary(255) NOT NULL PRIMARY KEY,
               -- in hexadecimal digits
               digest char(64) NOT NULL,
               keep_until_us bigint NOT NULL,
               -- of the actions, with 0 for one that was refused
               ids longtext NOT NULL,
               KEY keep_until_us (keep_until_us)
             ) {END}"
        ),
        // What happened in each minute and hour.
        format!(
            "CREATE TABLE IF NOT EXISTS {figures} (
               -- 0 a minute, 1 an hour
               resolution tinyint unsigned NOT NULL,
               -- empty is all hooks together
               hook varbinary(764) NOT NULL,
               -- when it began
               at_us bigint NOT NULL,
               -- a list of counts
               numbers text NOT NULL,
               PRIMARY KEY (resolution, hook, at_us),
               KEY at_us (resolution, at_us)
             ) {END}"
        ),
        format!("UPDATE {layout} SET version = 3 WHERE version < 3"),
    ]
}
