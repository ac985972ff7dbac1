//! The numbers of hooks and groups, remembered.

use std::collections::HashMap;
use std::hash::Hash;

use rusqlite::{Connection, OptionalExtension};

use crate::action::{Group, Hook};

/// A kind of name with a table of its own.
pub(super) trait Name: Clone + Eq + Hash {
    const FIND: &'static str;
    const ADD: &'static str;
    const NAME_OF: &'static str;
    fn text(&self) -> &str;
    fn stored(text: String) -> Self;
}

impl Name for Hook {
    // By the unique index of the name; once for each name that this process has not seen.
    const FIND: &'static str = "SELECT id FROM hooks WHERE name = ?1";
    const ADD: &'static str = "INSERT INTO hooks (name) VALUES (?1) RETURNING id";
    const NAME_OF: &'static str = "SELECT name FROM hooks WHERE id = ?1";

    fn text(&self) -> &str {
        self.as_str()
    }

    fn stored(text: String) -> Self {
        Hook::from_stored(text)
    }
}

impl Name for Group {
    const FIND: &'static str = "SELECT id FROM groups WHERE name = ?1";
    const ADD: &'static str = "INSERT INTO groups (name) VALUES (?1) RETURNING id";
    const NAME_OF: &'static str = "SELECT name FROM groups WHERE id = ?1";

    fn text(&self) -> &str {
        self.as_str()
    }

    fn stored(text: String) -> Self {
        Group::from_stored(text)
    }
}

/// The names of one kind that a connection has seen. They are never deleted from the file, so that what is remembered
/// stays true.
pub(super) struct Known<N> {
    numbers: HashMap<N, i64>,
    names: HashMap<i64, N>,
}

impl<N> Default for Known<N> {
    fn default() -> Self {
        Self { numbers: HashMap::new(), names: HashMap::new() }
    }
}

impl<N: Name> Known<N> {
    /// The number of a name, if it is stored.
    pub(super) fn find(
        &mut self,
        connection: &Connection,
        name: &N,
    ) -> rusqlite::Result<Option<i64>> {
        if let Some(number) = self.numbers.get(name) {
            return Ok(Some(*number));
        }
        let found = connection
            .prepare_cached(N::FIND)?
            .query_row([name.text()], |row| row.get(0))
            .optional()?;
        if let Some(number) = found {
            self.numbers.insert(name.clone(), number);
        }
        Ok(found)
    }

    /// The number of a name, which is stored if it is new.
    pub(super) fn number(&mut self, connection: &Connection, name: &N) -> rusqlite::Result<i64> {
        if let Some(number) = self.find(connection, name)? {
            return Ok(number);
        }
        let number =
            connection.prepare_cached(N::ADD)?.query_row([name.text()], |row| row.get(0))?;
        self.numbers.insert(name.clone(), number);
        Ok(number)
    }

    /// The name with this number.
    pub(super) fn name(&mut self, connection: &Connection, number: i64) -> rusqlite::Result<N> {
        if let Some(name) = self.names.get(&number) {
            return Ok(name.clone());
        }
        let name = N::stored(
            connection.prepare_cached(N::NAME_OF)?.query_row([number], |row| row.get(0))?,
        );
        self.names.insert(number, name.clone());
        Ok(name)
    }
}

/// The hooks and groups that a connection has seen.
#[derive(Default)]
pub(super) struct Names {
    pub(super) hooks: Known<Hook>,
    pub(super) groups: Known<Group>,
}
