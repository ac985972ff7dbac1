//! Writing whole rows of the plugin's table of actions, with all that it can hold.

use std::collections::HashMap;

use jiff::Timestamp;

use super::php::schedule::StoredSchedule;
use super::php::stored_args::StoredArgs;
use super::sql::{Blob, OrNull, Rows, Text, TextOrNull};
use super::tables::Tables;
use super::transaction::Database;
use crate::action::{ActionId, Attempt, ClaimId, Group, Hook, Priority, Status};

/// How the plugin says that there was no attempt.
pub(super) const NO_ATTEMPT: &str = "'0000-00-00 00:00:00','0000-00-00 00:00:00'";

/// A row to be stored.
pub(super) struct WholeRow<'a> {
    /// Its id; none has the table give it one.
    pub(super) id: Option<ActionId>,
    pub(super) hook: &'a Hook,
    pub(super) status: Status,
    /// When it is due, in whole seconds.
    pub(super) at: Timestamp,
    pub(super) priority: Priority,
    pub(super) args: &'a StoredArgs,
    pub(super) schedule: &'a StoredSchedule,
    /// The number of its group.
    pub(super) group: u64,
    pub(super) attempts: Attempt,
    pub(super) last_attempt: LastAttempt,
    pub(super) claim: Option<ClaimId>,
}

/// When an action was attempted last.
#[derive(Debug, Clone, Copy)]
pub(super) enum LastAttempt {
    /// It never was.
    None,
    /// At this time.
    At(Timestamp),
    /// Never, and the plugin's cleaner is not to find it.
    Kept,
}

/// The last date that the plugin's columns can have. Its cleaner finds nothing to be older than that.
const NEVER: &str = "'9999-12-31 23:59:59','9999-12-31 23:59:59'";

impl WholeRow<'_> {
    /// A statement that stores rows, for [`WholeRow::push`].
    pub(super) fn rows(tables: &Tables) -> Rows {
        Rows::new(format_args!(
            "INSERT INTO {} (action_id, hook, status, scheduled_date_gmt, scheduled_date_local, priority, args, \
             extended_args, schedule, group_id, attempts, last_attempt_gmt, last_attempt_local, claim_id)",
            tables.actions
        ))
    }

    /// Adds the row to the statement.
    pub(super) fn push(&self, rows: &mut Rows, database: &Database) {
        let last_attempt = match self.last_attempt {
            LastAttempt::None => NO_ATTEMPT.to_owned(),
            LastAttempt::At(last) => database.dates(last),
            LastAttempt::Kept => NEVER.to_owned(),
        };
        let Priority(priority) = self.priority;
        rows.push(format_args!(
            "{},{},'{}',{},{priority},{},{},{},{},{},{last_attempt},{}",
            OrNull(self.id),
            Text(self.hook.as_str()),
            self.status,
            database.dates(self.at),
            Text(&self.args.args),
            TextOrNull(self.args.extended_args.as_deref()),
            Blob(&self.schedule.to_bytes()),
            self.group,
            self.attempts,
            self.claim.map_or(0, ClaimId::get)
        ));
    }
}

/// The number that a group has here; that of the default group for what was not looked up.
pub(super) fn number_of(groups: &HashMap<Group, u64>, group: &Group) -> u64 {
    groups.get(group).copied().unwrap_or_default()
}
