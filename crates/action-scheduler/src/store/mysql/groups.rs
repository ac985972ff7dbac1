//! The numbers of groups. A slug may have several: nothing in the plugin's table keeps two processes from adding it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use super::error::Outcome;
use super::row::Columns;
use super::sql::{List, Text};
use super::transaction::{Read, Write};
use crate::action::Group;

/// The groups that this process has seen. Neither side deletes them, so that what is remembered stays true.
#[derive(Debug, Default)]
pub(super) struct Groups {
    numbers: Mutex<HashMap<Group, u64>>,
    slugs: Mutex<HashMap<u64, Group>>,
}

impl Groups {
    fn number(&self, group: &Group) -> Option<u64> {
        self.numbers.lock().unwrap_or_else(PoisonError::into_inner).get(group).copied()
    }

    /// The group with this number, if it has been looked up.
    pub(super) fn slug(&self, number: u64) -> Option<Group> {
        self.slugs.lock().unwrap_or_else(PoisonError::into_inner).get(&number).cloned()
    }

    fn learn(&self, number: u64, group: &Group) {
        let mut numbers = self.numbers.lock().unwrap_or_else(PoisonError::into_inner);
        numbers.entry(group.clone()).or_insert(number);
        drop(numbers);
        let mut slugs = self.slugs.lock().unwrap_or_else(PoisonError::into_inner);
        slugs.insert(number, group.clone());
    }
}

/// The numbers of a group, of which there may be none.
pub(super) async fn find(read: &mut Read<'_>, group: &Group) -> Outcome<Vec<u64>> {
    let groups = &read.database.tables.groups;
    // Served by the key on the slug, which does not tell case; once for each claim that is filtered by group.
    let sql = format!("SELECT group_id, slug FROM {groups} WHERE slug = {}", Text(group.as_str()));
    let mut found = Vec::new();
    for row in read.rows(&sql).await? {
        if row.text(1)? == group.as_str() {
            found.push(row.number(0)?);
        }
    }
    Ok(found)
}

/// The number of a group, which is added if there is none; in a transaction of its own, as it is remembered.
pub(super) async fn number(read: &mut Read<'_>, group: &Group) -> Outcome<u64> {
    if let Some(number) = read.database.groups.number(group) {
        return Ok(number);
    }
    let number = match find(read, group).await?.first() {
        Some(number) => *number,
        None => {
            let groups = &read.database.tables.groups;
            let sql = format!("INSERT INTO {groups} (slug) VALUES ({})", Text(group.as_str()));
            read.run(&sql).await?.last_id
        }
    };
    read.database.groups.learn(number, group);
    Ok(number)
}

/// Looks up the groups with these numbers that have not been seen; what has no row is the default group, as in the
/// plugin.
pub(super) async fn learn(
    write: &mut Write<'_>,
    numbers: impl Iterator<Item = u64>,
) -> Outcome<()> {
    let mut unseen: Vec<u64> =
        numbers.filter(|number| write.database.groups.slug(*number).is_none()).collect();
    unseen.sort_unstable();
    unseen.dedup();
    if unseen.is_empty() {
        return Ok(());
    }
    let groups = &write.tables().groups;
    // By primary key.
    let sql =
        format!("SELECT group_id, slug FROM {groups} WHERE group_id IN {}", List(unseen.iter()));
    for row in write.rows(&sql).await? {
        let group = Group::from_stored(row.text(1)?);
        write.database.groups.learn(row.number(0)?, &group);
    }
    Ok(())
}
