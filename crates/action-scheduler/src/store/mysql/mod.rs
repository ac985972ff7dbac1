//! The WordPress plugin's own tables, on MySQL and MariaDB.

#[cfg_attr(not(test), expect(dead_code, reason = "the store reads and writes its rows with it"))]
pub(crate) mod php;
