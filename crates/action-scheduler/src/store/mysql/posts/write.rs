//! Storing the actions that posts are, and deleting the posts.

use std::collections::HashMap;

use super::post::OldAction;
use super::read::{self, Lock, POST_TYPE, TAXONOMY};
use super::{KeptPost, MovedPost};
use crate::action::{ActionId, Group, Priority, Status};
use crate::log::Step;
use crate::store::mysql::actions::{LastAttempt, WholeRow, number_of};
use crate::store::mysql::claim::stake;
use crate::store::mysql::error::{Outcome, Trouble};
use crate::store::mysql::import::raise_ids;
use crate::store::mysql::journal::CHUNK;
use crate::store::mysql::log::{self, Copied, Entry};
use crate::store::mysql::row::{Columns, unreadable};
use crate::store::mysql::sql::{List, Text};
use crate::store::mysql::transaction::Write;
use crate::store::mysql::unique::{IMPORTS_TURN, take_turn};

/// The option by which the plugin's version 3 knows that there is nothing to move, and what it has then.
const MIGRATION: (&str, &str) = ("action_scheduler_migration_status", "complete");

/// How many rows with args go into one statement: a server takes 16 MiB if it is not told otherwise.
const ROWS: usize = 500;

/// Moves those of these posts that can be moved.
pub(super) async fn import(
    write: &mut Write<'_>,
    ids: &[u64],
    groups: &HashMap<u64, String>,
    numbers: &HashMap<Group, u64>,
) -> Outcome<(Vec<MovedPost>, Vec<KeptPost>)> {
    // One at a time, so that those who come second find nothing to wait for half-way.
    take_turn(write, IMPORTS_TURN).await?;
    let now = write.now;
    let (actions, kept) = read::posts(write, ids, groups, now, Lock::Update).await?;
    if actions.is_empty() {
        return Ok((Vec::new(), kept));
    }
    // As the plugin does: whoever remembers an id of the old store never finds another action under it.
    let greatest = write.rows(&format!("SELECT MAX(ID) FROM {}", write.tables().posts)).await?;
    let greatest = greatest.first().map(|row| row.number(0)).transpose()?.unwrap_or_default();
    raise_ids(write, greatest).await?;
    let stored = store(write, &actions, numbers).await?;
    store_logs(write, &actions, &stored).await?;
    delete(write, &actions).await?;
    let waiting =
        actions.iter().zip(&stored).filter(|(action, _)| action.status == Status::Pending);
    write.returned.extend(waiting.map(|(_, id)| *id));
    write.wakes |= !write.returned.is_empty();
    let moved = actions.iter().zip(stored).map(|(action, id)| action.moved(Some(id))).collect();
    Ok((moved, kept))
}

/// Stores the rows; the new ids.
async fn store(
    write: &mut Write<'_>,
    actions: &[OldAction],
    numbers: &HashMap<Group, u64>,
) -> Outcome<Vec<ActionId>> {
    // Whoever had started it is gone. Under a claim that nobody holds it is found by the recovery of both sides, which
    // does with it what is to be done with an action that was cut off.
    let is_cut_off = |action: &OldAction| action.status == Status::InProgress;
    let claim = match actions.iter().any(is_cut_off) {
        true => Some(stake(write).await?),
        false => None,
    };
    let mut ids = Vec::with_capacity(actions.len());
    for chunk in actions.chunks(ROWS) {
        let mut rows = WholeRow::rows(write.tables());
        for action in chunk {
            let row = WholeRow {
                id: None,
                hook: &action.hook,
                status: action.status,
                at: action.at,
                // The old store knew none.
                priority: Priority::default(),
                args: &action.args,
                schedule: &action.schedule,
                group: number_of(numbers, &action.group),
                attempts: action.attempts,
                last_attempt: action.last_attempt.map_or(LastAttempt::None, LastAttempt::At),
                claim: claim.filter(|_| is_cut_off(action)),
            };
            row.push(&mut rows, write.database);
        }
        let new = write.insert(&rows.end("")).await?;
        for place in 0..chunk.len() {
            let id = ActionId::new(new.of(place).cast_signed());
            ids.push(id.ok_or_else(|| unreadable(0, "it is no id"))?);
        }
    }
    Ok(ids)
}

/// Stores the logs as they were, and where each action came from.
async fn store_logs(
    write: &mut Write<'_>,
    actions: &[OldAction],
    stored: &[ActionId],
) -> Outcome<()> {
    let now = write.now;
    let entries: Vec<Copied<'_>> = actions
        .iter()
        .zip(stored)
        .flat_map(|(action, id)| {
            action.log.iter().map(|entry| Copied {
                action: *id,
                at: entry.at.or(action.last_attempt).unwrap_or(action.at),
                text: &entry.text,
            })
        })
        .collect();
    log::copy(write, &entries).await?;
    let notes: Vec<Entry<'_>> = actions
        .iter()
        .zip(stored)
        .map(|(action, id)| {
            let text = format!("imported from post {}", action.post);
            Entry::new(*id, now, Step::Note).saying(Some(text))
        })
        .collect();
    log::write(write, &notes).await
}

/// Deletes the posts with what was read of them.
async fn delete(write: &mut Write<'_>, actions: &[OldAction]) -> Outcome<()> {
    let tables = write.tables();
    let posts = List(actions.iter().map(|action| action.post)).to_string();
    let comments: Vec<u64> =
        actions.iter().flat_map(|action| action.log.iter().map(|entry| entry.id)).collect();
    // All by primary keys, or by the keys on posts and comments.
    for chunk in comments.chunks(CHUNK) {
        let ids = List(chunk.iter());
        for table in [&tables.commentmeta, &tables.comments] {
            write.later(&format!("DELETE FROM {table} WHERE comment_id IN {ids}")).await?;
        }
    }
    // WordPress counts those that are published.
    let recount = format!(
        "UPDATE {taxonomy} x JOIN (SELECT r.term_taxonomy_id, COUNT(*) AS gone FROM {relationships} r \
           JOIN {} p ON p.ID = r.object_id WHERE p.ID IN {posts} AND p.post_status = 'publish' \
           GROUP BY r.term_taxonomy_id) g ON g.term_taxonomy_id = x.term_taxonomy_id \
         SET x.count = GREATEST(x.count - g.gone, 0) WHERE x.taxonomy = '{TAXONOMY}'",
        tables.posts,
        taxonomy = tables.taxonomy,
        relationships = tables.relationships
    );
    write.later(&recount).await?;
    // Things that are no posts can have the same numbers here.
    let part = format!(
        "DELETE r FROM {} r JOIN {} x ON x.term_taxonomy_id = r.term_taxonomy_id \
         WHERE x.taxonomy = '{TAXONOMY}' AND r.object_id IN {posts}",
        tables.relationships, tables.taxonomy
    );
    write.later(&part).await?;
    write.later(&format!("DELETE FROM {} WHERE post_id IN {posts}", tables.postmeta)).await?;
    let delete =
        format!("DELETE FROM {} WHERE ID IN {posts} AND post_type = '{POST_TYPE}'", tables.posts);
    let deleted = write.run(&delete).await?.affected;
    if deleted != actions.len() as u64 {
        return Err(Trouble::again("posts that were locked are not there"));
    }
    Ok(())
}

/// Writes down that there is nothing to move.
pub(super) async fn close(write: &mut Write<'_>) -> Outcome<()> {
    let (name, value) = (Text(MIGRATION.0), Text(MIGRATION.1));
    // By the unique key on the name.
    let sql = format!(
        "INSERT INTO {} (option_name, option_value, autoload) VALUES ({name}, {value}, 'yes') \
         ON DUPLICATE KEY UPDATE option_value = {value}",
        write.tables().options
    );
    write.later(&sql).await
}
