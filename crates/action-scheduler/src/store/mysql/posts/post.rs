//! What a post says, as an action.

use jiff::{SignedDuration, Timestamp};

use super::{Kept, MovedPost};
use crate::action::{ActionId, Attempt, Group, Hook, Status};
use crate::store::mysql::php::schedule::StoredSchedule;
use crate::store::mysql::php::stored_args::StoredArgs;

/// Whoever claimed or started an action so long ago is not at it any more: the plugin itself waits no longer.
const IN_USE: SignedDuration = SignedDuration::from_secs(300);

/// A post of the old store, as it stands in WordPress' tables.
#[derive(Debug, Clone)]
pub(super) struct Post {
    pub(super) id: u64,
    /// The hook.
    pub(super) title: String,
    /// The args, in JSON.
    pub(super) content: Vec<u8>,
    pub(super) status: String,
    /// When it is due; none for the zero date.
    pub(super) date: Result<Option<Timestamp>, String>,
    /// When it was claimed, started or finished last.
    pub(super) modified: Option<Timestamp>,
    /// Whether there is a claim.
    pub(super) is_claimed: bool,
    pub(super) attempts: i64,
    /// The serialized schedule, if there is one.
    pub(super) schedule: Option<Vec<u8>>,
    /// The name of the group, if it is in one.
    pub(super) group: Option<String>,
    pub(super) log: Vec<LogComment>,
}

/// A comment, which is an entry of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LogComment {
    pub(super) id: u64,
    pub(super) at: Option<Timestamp>,
    pub(super) text: String,
}

/// An action of the old store.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct OldAction {
    pub(super) post: u64,
    pub(super) hook: Hook,
    pub(super) args: StoredArgs,
    pub(super) status: Status,
    pub(super) at: Timestamp,
    pub(super) schedule: StoredSchedule,
    pub(super) group: Group,
    pub(super) attempts: Attempt,
    pub(super) last_attempt: Option<Timestamp>,
    pub(super) log: Vec<LogComment>,
}

impl Post {
    /// The action that it is; why it has to stay, if it has.
    pub(super) fn read(self, now: Timestamp) -> Result<OldAction, Kept> {
        let damaged = |what: &str, problem: &dyn std::fmt::Display| {
            Kept::Damaged(format!("its {what} cannot be read: {problem}"))
        };
        let status = status(&self.status).map_err(Kept::Damaged)?;
        let is_recent = self.modified.is_some_and(|modified| now.duration_since(modified) < IN_USE);
        let is_held = status == Status::InProgress || status == Status::Pending && self.is_claimed;
        if is_held && is_recent {
            return Err(Kept::InUse);
        }
        let hook = Hook::new(&self.title).map_err(|error| damaged("hook", &error))?;
        let args = StoredArgs::read(Some(&self.content), None)
            .and_then(|args| StoredArgs::new(&args))
            .map_err(|error| damaged("args", &error))?;
        let schedule =
            self.schedule.ok_or_else(|| Kept::Damaged("it has no schedule".to_owned()))?;
        let schedule =
            StoredSchedule::parse(&schedule).map_err(|error| damaged("schedule", &error))?;
        let date = self.date.map_err(|error| damaged("date", &error))?;
        let at = date
            .or_else(|| schedule.at())
            .ok_or_else(|| Kept::Damaged("it has no date".to_owned()))?;
        let group = match &self.group {
            Some(name) => Group::new(name).map_err(|error| damaged("group", &error))?,
            None => Group::default(),
        };
        // The column is signed.
        let attempts = Attempt(u32::try_from(self.attempts).unwrap_or_default());
        let was_attempted = status != Status::Pending || attempts > Attempt(0);
        Ok(OldAction {
            post: self.id,
            hook,
            args,
            status,
            at,
            schedule,
            group,
            attempts,
            last_attempt: was_attempted.then(|| self.modified.unwrap_or(at)),
            log: self.log,
        })
    }
}

impl OldAction {
    /// What became of it.
    pub(super) fn moved(&self, action: Option<ActionId>) -> MovedPost {
        MovedPost {
            post: self.post,
            action,
            status: self.status,
            log_entries: self.log.len() as u64,
        }
    }
}

/// The status that the status of a post stands for.
fn status(post_status: &str) -> Result<Status, String> {
    match post_status {
        "pending" => Ok(Status::Pending),
        "in-progress" => Ok(Status::InProgress),
        "publish" => Ok(Status::Complete),
        "failed" => Ok(Status::Failed),
        "trash" => Ok(Status::Canceled),
        // What the plugin writes when it has stored the action in its tables.
        "migrated" => {
            Err("the plugin has moved it and could not delete it; it can be deleted".to_owned())
        }
        other => Err(format!(
            "its status {other:?} cannot be read: expected pending, in-progress, publish, failed or trash"
        )),
    }
}

/// The name of a group as whoever chose it wrote it: WordPress keeps it escaped for pages.
pub(super) fn unescaped(name: &str) -> String {
    // The ampersand last: what it gives is no further escape.
    [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#039;", "'"), ("&amp;", "&")]
        .into_iter()
        .fold(name.to_owned(), |name, (escape, character)| name.replace(escape, character))
}

#[cfg(test)]
mod tests;
