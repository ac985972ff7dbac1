//! The store of the plugin's versions 1 and 2, which kept actions as posts of WordPress: into the tables that came after.
//!
//! A post is moved with all that is of it (its schedule, its group, its log) in the transaction that deletes it: whatever
//! ends that, an action is in one place and not in two. What cannot be read stays a post, untouched.

mod post;
mod read;
mod write;

use std::collections::HashMap;
use std::sync::atomic::AtomicBool;

use serde::Serialize;

use self::post::OldAction;
use self::read::Lock;
use super::connection::Connections;
use super::error::Outcome;
use super::groups::Groups;
use super::tables::Tables;
use super::transaction::{Database, Tries};
use super::{Brings, MySqlStore, MySqlUrl, schema};
use crate::action::{ActionId, Group, Status};
use crate::error::Result;

/// Where to go on among the posts: those that wait come first, then those in-progress, then the others. The default is
/// before all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PostCursor {
    /// The status of the last post; none before the first.
    status: Option<String>,
    /// When it is due, in the time zone of the site, which its key has.
    date: String,
    id: u64,
}

/// What became of some posts, or would.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PostsPage {
    /// Those that are moved.
    pub moved: Vec<MovedPost>,
    /// Those that stay as they are.
    pub kept: Vec<KeptPost>,
    /// Where to go on; none when there are no more.
    pub next: Option<PostCursor>,
}

/// A post that is moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MovedPost {
    /// Its id.
    pub post: u64,
    /// The action that it became; none where nothing was changed.
    pub action: Option<ActionId>,
    /// The status of that.
    pub status: Status,
    /// How many entries its log has.
    pub log_entries: u64,
}

/// A post that stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeptPost {
    /// Its id.
    pub post: u64,
    /// Why it stays.
    pub why: Kept,
}

/// Why a post stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kept {
    /// It cannot become an action; what is wrong with it.
    Damaged(String),
    /// Somebody claimed or started it within the last five minutes, and may be at it.
    InUse,
}

/// The posts of a site, to be looked at without changing anything.
pub struct OldPosts {
    database: Database,
}

impl OldPosts {
    /// Finds WordPress' own tables beside those of this store, which need not be there. Refuses tables that know no
    /// transactions.
    pub async fn open(url: &MySqlUrl) -> Result<Self> {
        let tables = Tables::new(url.prefix());
        let connections = Connections::new(url);
        let place = url.to_string();
        let look = async {
            let mut connection = connections.open().await?;
            read::check_tables(&mut connection, &tables, &place).await?;
            let site = schema::site_time(&mut connection, url, &tables).await?;
            connection.disconnect().await?;
            Outcome::Ok(site)
        };
        let site =
            look.await.map_err(|trouble| trouble.tell("looking for the old store", &place))?;
        let database = Database {
            connections,
            tables,
            place,
            site,
            groups: Groups::default(),
            optimized: AtomicBool::new(false),
        };
        Ok(Self { database })
    }

    /// How many posts there are.
    pub async fn count(&self) -> Result<u64> {
        read!(self, "counting posts", |read| read::count(&mut read))
    }

    /// What would become of the next posts, at most so many.
    pub async fn look(&self, after: &PostCursor, limit: u32) -> Result<PostsPage> {
        let next: Result<Option<(Vec<u64>, PostCursor)>> =
            read!(self, "looking for posts", |read| read::next(&mut read, after, limit));
        let Some((ids, next)) = next? else { return Ok(PostsPage::default()) };
        let found: Result<(Vec<OldAction>, Vec<KeptPost>)> =
            read!(self, "reading posts", |read| async {
                let now = read::now(&mut read).await?;
                let groups = read::groups(&mut read, &ids).await?;
                read::posts(&mut read, &ids, &groups, now, Lock::None).await
            });
        let (actions, kept) = found?;
        let moved = actions.iter().map(|action| action.moved(None)).collect();
        Ok(PostsPage { moved, kept, next: Some(next) })
    }
}

impl MySqlStore {
    /// Moves the next posts into the tables, at most so many, in one transaction. One that is gone, as another moved it
    /// meanwhile, is passed over.
    pub async fn import_posts(&self, after: &PostCursor, limit: u32) -> Result<PostsPage> {
        let next: Result<Option<(Vec<u64>, PostCursor)>> =
            read!(self, "looking for posts", |read| read::next(&mut read, after, limit));
        let Some((ids, next)) = next? else { return Ok(PostsPage::default()) };
        // The group of a post does not change, and what number it has is remembered.
        let names: Result<HashMap<u64, String>> =
            read!(self, "reading groups", |read| read::groups(&mut read, &ids));
        let names = names?;
        let default = Group::default();
        let named: Vec<Group> = names.values().filter_map(|name| Group::new(name).ok()).collect();
        let numbers = self.groups_of(named.iter().chain([&default])).await?;
        let moved: Result<(Vec<MovedPost>, Vec<KeptPost>)> =
            write!(self, "importing posts", |write| write::import(
                &mut write, &ids, &names, &numbers
            ));
        let (moved, kept) = moved?;
        Ok(PostsPage { moved, kept, next: Some(next) })
    }

    /// Tells the plugin's version 3 that all posts have been moved, so that it does not begin to move what is left: it
    /// would delete what it cannot read.
    pub async fn close_posts(&self) -> Result<()> {
        write!(self, "closing the old store", |write| write::close(&mut write))
    }
}
