//! The numbers of hooks and groups, remembered.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};

use super::call::Call;
use super::database::Database;
use crate::action::{Group, Hook};
use crate::error::StoreError;

/// A kind of name with a table of its own.
pub(super) trait Name: Clone + Eq + Hash + Send + Sync {
    const TABLE: &'static str;
    fn text(&self) -> &str;
    fn stored(text: String) -> Self;
}

impl Name for Hook {
    const TABLE: &'static str = "hooks";

    fn text(&self) -> &str {
        self.as_str()
    }

    fn stored(text: String) -> Self {
        Hook::from_stored(text)
    }
}

impl Name for Group {
    const TABLE: &'static str = "groups";

    fn text(&self) -> &str {
        self.as_str()
    }

    fn stored(text: String) -> Self {
        Group::from_stored(text)
    }
}

/// The names of one kind that this store has seen. They are never deleted, so that what is remembered stays true.
pub(super) struct Known<N>(RwLock<Maps<N>>);

struct Maps<N> {
    numbers: HashMap<N, i32>,
    names: HashMap<i32, N>,
}

impl<N> Default for Known<N> {
    fn default() -> Self {
        Self(RwLock::new(Maps { numbers: HashMap::new(), names: HashMap::new() }))
    }
}

impl<N: Name> Known<N> {
    /// The number of a name that was looked for before, and is stored.
    pub(super) fn number(&self, name: &N) -> Option<i32> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).numbers.get(name).copied()
    }

    /// The name of a number that was loaded before.
    pub(super) fn name(&self, number: i32) -> Option<N> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).names.get(&number).cloned()
    }

    /// Looks for the numbers of names that are not known yet, and stores those that are new.
    pub(super) async fn add<'a>(
        &self,
        database: &Database,
        names: impl Iterator<Item = &'a N>,
    ) -> Result<(), StoreError>
    where
        N: 'a,
    {
        let new = self.look_for(database, names).await?;
        if new.is_empty() {
            return Ok(());
        }
        let texts: Vec<String> = new.iter().map(|name| name.text().to_owned()).collect();
        // By the unique index of the name; once for each name that this process has not seen.
        let sql = format!(
            "INSERT INTO {}.{} (name) SELECT name FROM unnest($1) AS name ORDER BY name ON CONFLICT DO NOTHING",
            database.schema,
            N::TABLE
        );
        database.read_soon("storing names", Call::statement(sql).with(texts)).await?;
        // Others may have stored some of them meanwhile.
        self.look_for(database, new.iter()).await?;
        Ok(())
    }

    /// Looks for the numbers of names that are not known yet; gives those that are not stored.
    pub(super) async fn look_for<'a>(
        &self,
        database: &Database,
        names: impl Iterator<Item = &'a N>,
    ) -> Result<Vec<N>, StoreError>
    where
        N: 'a,
    {
        let mut new: Vec<N> = Vec::new();
        for name in names {
            if self.number(name).is_none() && !new.contains(name) {
                new.push(name.clone());
            }
        }
        if new.is_empty() {
            return Ok(new);
        }
        let texts: Vec<String> = new.iter().map(|name| name.text().to_owned()).collect();
        let sql =
            format!("SELECT id, name FROM {}.{} WHERE name = ANY ($1)", database.schema, N::TABLE);
        self.load(database, Call::statement(sql).with(texts)).await?;
        new.retain(|name| self.number(name).is_none());
        Ok(new)
    }

    /// Loads the names of numbers that are not known yet.
    pub(super) async fn load_all(
        &self,
        database: &Database,
        numbers: impl Iterator<Item = i32>,
    ) -> Result<(), StoreError> {
        let mut new: Vec<i32> = numbers.filter(|number| self.name(*number).is_none()).collect();
        if new.is_empty() {
            return Ok(());
        }
        new.sort_unstable();
        new.dedup();
        let sql =
            format!("SELECT id, name FROM {}.{} WHERE id = ANY ($1)", database.schema, N::TABLE);
        self.load(database, Call::statement(sql).with(new)).await
    }

    async fn load(&self, database: &Database, call: Call) -> Result<(), StoreError> {
        let doing = "reading names";
        let rows = database.read_soon(doing, call).await?;
        let mut maps = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for row in rows {
            let unreadable = |error| database.unreadable(doing, error);
            let number: i32 = row.try_get(0).map_err(unreadable)?;
            let name = N::stored(row.try_get(1).map_err(unreadable)?);
            maps.numbers.insert(name.clone(), number);
            maps.names.insert(number, name);
        }
        Ok(())
    }

    fn forget(&self) {
        let mut maps = self.0.write().unwrap_or_else(PoisonError::into_inner);
        maps.numbers.clear();
        maps.names.clear();
    }
}

/// The hooks and groups that this store has seen.
#[derive(Default)]
pub(super) struct Names {
    pub(super) hooks: Known<Hook>,
    pub(super) groups: Known<Group>,
    forgotten: AtomicU64,
}

impl Names {
    /// Forgets all, as another server has taken over that may not have the latest.
    pub(super) fn forget(&self) {
        self.forgotten.fetch_add(1, Ordering::AcqRel);
        self.hooks.forget();
        self.groups.forget();
    }

    /// How often that happened.
    pub(super) fn forgotten(&self) -> u64 {
        self.forgotten.load(Ordering::Acquire)
    }
}
