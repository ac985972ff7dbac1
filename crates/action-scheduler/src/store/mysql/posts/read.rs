//! Reading posts.

use std::collections::HashMap;

use jiff::Timestamp;
use mysql_async::Row;

use super::post::{LogComment, OldAction, Post, unescaped};
use super::{KeptPost, PostCursor};
use crate::error::{StoreError, StoreErrorKind};
use crate::store::mysql::connection::exchange;
use crate::store::mysql::error::{Outcome, Trouble};
use crate::store::mysql::php::site_time::parse_gmt;
use crate::store::mysql::row::{Columns, unreadable};
use crate::store::mysql::sql::{List, Text};
use crate::store::mysql::tables::Tables;
use crate::store::mysql::transaction::Ask;

/// The type of the posts.
pub(super) const POST_TYPE: &str = "scheduled-action";

/// What groups are to WordPress.
pub(super) const TAXONOMY: &str = "action-group";

/// Under what a post's schedule is kept.
const SCHEDULE_KEY: &str = "_action_manager_schedule";

/// The statuses that posts have, those that matter most first; any other comes last.
const STATUSES: [&str; 5] = ["pending", "in-progress", "failed", "trash", "publish"];

/// Whether posts are kept from others until the transaction ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lock {
    None,
    Update,
}

/// Refuses what is no WordPress, and tables of which a change could not be taken back.
pub(super) async fn check_tables(
    connection: &mut mysql_async::Conn,
    tables: &Tables,
    place: &str,
) -> Outcome<()> {
    let wanted = [
        &tables.posts,
        &tables.postmeta,
        &tables.comments,
        &tables.commentmeta,
        &tables.terms,
        &tables.taxonomy,
        &tables.relationships,
        &tables.options,
    ];
    let names: Vec<&str> = wanted.iter().map(|table| table.trim_matches('`')).collect();
    let sql = format!(
        "SELECT table_name, COALESCE(engine, '') FROM information_schema.tables \
         WHERE table_schema = DATABASE() AND table_name IN {}",
        List(names.iter().map(|name| Text(name).to_string()))
    );
    let mut engines = HashMap::new();
    for row in exchange(connection, &sql).await?.rows {
        engines.insert(row.text(0)?.to_owned(), row.text(1)?.to_owned());
    }
    for name in names {
        let problem = match engines.get(name).map(String::as_str) {
            Some("InnoDB") => continue,
            Some(engine) => format!(
                "the table {name} is kept by {engine}, which knows no transactions, so that what is moved out of it \
                 could be lost half-way; change it first: ALTER TABLE {name} ENGINE = InnoDB"
            ),
            None => format!("there is no table {name}: expected the tables of a WordPress site"),
        };
        let error = StoreError::new(StoreErrorKind::Other, format!("{place}: {problem}"));
        return Err(Trouble::Refused(error.into()));
    }
    Ok(())
}

/// How many posts there are: by the key on type and status; once for each import.
pub(super) async fn count(ask: &mut impl Ask) -> Outcome<u64> {
    let sql =
        format!("SELECT COUNT(*) FROM {} WHERE post_type = '{POST_TYPE}'", ask.tables().posts);
    one(&ask.rows(&sql).await?)?.number(0)
}

/// What time it is, by the server's clock.
pub(super) async fn now(ask: &mut impl Ask) -> Outcome<Timestamp> {
    let rows = ask.rows("SELECT UTC_TIMESTAMP()").await?;
    one(&rows)?.date(0).ok_or_else(|| unreadable(0, "it is no date"))
}

fn one(rows: &[Row]) -> Outcome<&Row> {
    rows.first().ok_or_else(|| unreadable(0, "there is no row"))
}

/// The next posts, and where to go on after them; none if there are no more.
pub(super) async fn next(
    ask: &mut impl Ask,
    after: &PostCursor,
    limit: u32,
) -> Outcome<Option<(Vec<u64>, PostCursor)>> {
    if let Some(status) = &after.status {
        let (date, id) = (Text(&after.date), after.id);
        let and = format!(" AND post_date >= {date} AND (post_date > {date} OR ID > {id})");
        if let Some(found) = next_of(ask, status, &and, limit).await? {
            return Ok(Some(found));
        }
    }
    // The key on type and status, once for each status.
    let sql = format!(
        "SELECT DISTINCT post_status FROM {} WHERE post_type = '{POST_TYPE}'",
        ask.tables().posts
    );
    let mut statuses = Vec::new();
    for row in ask.rows(&sql).await? {
        statuses.push(row.text(0)?.to_owned());
    }
    let is_ahead = |status: &String| match &after.status {
        Some(before) => order(status) > order(before),
        None => true,
    };
    statuses.retain(is_ahead);
    statuses.sort_by(|a, b| order(a).cmp(&order(b)));
    for status in statuses {
        if let Some(found) = next_of(ask, &status, "", limit).await? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// The next posts of a status for which a further condition holds.
async fn next_of(
    ask: &mut impl Ask,
    status: &str,
    and: &str,
    limit: u32,
) -> Outcome<Option<(Vec<u64>, PostCursor)>> {
    // In the order of the key on type, status, date and ID; once for each page.
    let sql = format!(
        "SELECT ID, post_date FROM {} WHERE post_type = '{POST_TYPE}' AND post_status = {}{and} \
         ORDER BY post_date, ID LIMIT {limit}",
        ask.tables().posts,
        Text(status)
    );
    let rows = ask.rows(&sql).await?;
    let Some(last) = rows.last() else { return Ok(None) };
    let (status, date) = (Some(status.to_owned()), last.text(1)?.to_owned());
    let cursor = PostCursor { status, date, id: last.number(0)? };
    let ids = rows.iter().map(|row| row.number(0)).collect::<Outcome<Vec<u64>>>()?;
    Ok(Some((ids, cursor)))
}

/// Where a status comes in the order in which posts are moved.
fn order(status: &str) -> (usize, &str) {
    let place = STATUSES.iter().position(|known| *known == status);
    (place.unwrap_or(STATUSES.len()), status)
}

/// The names of the groups that some posts are in. Should one be in several, the plugin takes the first by name.
pub(super) async fn groups(ask: &mut impl Ask, ids: &[u64]) -> Outcome<HashMap<u64, String>> {
    let tables = ask.tables();
    // By primary keys.
    let sql = format!(
        "SELECT r.object_id, t.name FROM {} r JOIN {} x ON x.term_taxonomy_id = r.term_taxonomy_id \
         JOIN {} t ON t.term_id = x.term_id WHERE x.taxonomy = '{TAXONOMY}' AND r.object_id IN {} \
         ORDER BY r.object_id, t.name",
        tables.relationships,
        tables.taxonomy,
        tables.terms,
        List(ids.iter())
    );
    let mut groups = HashMap::new();
    for row in ask.rows(&sql).await? {
        let name = unescaped(row.text(1)?);
        groups.entry(row.number(0)?).or_insert(name);
    }
    Ok(groups)
}

/// The actions that these posts are, and the posts that have to stay. Those that are not there any more are neither.
pub(super) async fn posts(
    ask: &mut impl Ask,
    ids: &[u64],
    groups: &HashMap<u64, String>,
    now: Timestamp,
    lock: Lock,
) -> Outcome<(Vec<OldAction>, Vec<KeptPost>)> {
    let posts = ask.tables().posts.clone();
    let lock = if lock == Lock::Update { " FOR UPDATE" } else { "" };
    // By primary key.
    let sql = format!(
        "SELECT ID, post_title, post_content, post_status, post_date_gmt, post_modified_gmt, post_password, menu_order \
         FROM {posts} WHERE ID IN {} AND post_type = '{POST_TYPE}' ORDER BY ID{lock}",
        List(ids.iter())
    );
    let rows = ask.rows(&sql).await?;
    let mut schedules = schedules(ask, ids).await?;
    let mut logs = logs(ask, ids).await?;
    let (mut actions, mut kept) = (Vec::with_capacity(rows.len()), Vec::new());
    for row in &rows {
        let id = row.number(0)?;
        let post = Post {
            id,
            title: row.text(1)?.to_owned(),
            content: row.bytes(2).unwrap_or_default().to_vec(),
            status: row.text(3)?.to_owned(),
            date: parse_gmt(row.text(4)?).map_err(|error| error.to_string()),
            modified: row.date(5),
            is_claimed: !row.text(6)?.is_empty(),
            attempts: row.number(7)?,
            schedule: schedules.remove(&id),
            group: groups.get(&id).cloned(),
            log: logs.remove(&id).unwrap_or_default(),
        };
        match post.read(now) {
            Ok(action) => actions.push(action),
            Err(why) => kept.push(KeptPost { post: id, why }),
        }
    }
    Ok((actions, kept))
}

/// The schedules of posts. Should one have several, the plugin takes the first.
async fn schedules(ask: &mut impl Ask, ids: &[u64]) -> Outcome<HashMap<u64, Vec<u8>>> {
    // By the key on the post.
    let sql = format!(
        "SELECT post_id, meta_value FROM {} WHERE post_id IN {} AND meta_key = '{SCHEDULE_KEY}' ORDER BY meta_id",
        ask.tables().postmeta,
        List(ids.iter())
    );
    let mut schedules = HashMap::new();
    for row in ask.rows(&sql).await? {
        let schedule = row.bytes(1).unwrap_or_default().to_vec();
        schedules.entry(row.number(0)?).or_insert(schedule);
    }
    Ok(schedules)
}

/// The logs of posts, each in the order in which it was written. That a comment of a canceled action is in the trash with
/// it makes no difference.
async fn logs(ask: &mut impl Ask, ids: &[u64]) -> Outcome<HashMap<u64, Vec<LogComment>>> {
    // By the key on the post.
    let sql = format!(
        "SELECT comment_post_ID, comment_ID, comment_date_gmt, comment_content FROM {} \
         WHERE comment_post_ID IN {} ORDER BY comment_ID",
        ask.tables().comments,
        List(ids.iter())
    );
    let mut logs: HashMap<u64, Vec<LogComment>> = HashMap::new();
    for row in ask.rows(&sql).await? {
        let comment =
            LogComment { id: row.number(1)?, at: row.date(2), text: row.text(3)?.to_owned() };
        logs.entry(row.number(0)?).or_default().push(comment);
    }
    Ok(logs)
}
