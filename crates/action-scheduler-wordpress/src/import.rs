//! Imports the actions that versions 1 and 2 of the plugin kept as posts into the tables of its later versions.
//!
//! What is asked of the database is in [`action_scheduler::store::mysql`]; here is the way through all posts of a site.

use std::collections::BTreeMap;

use action_scheduler::store::mysql::{Kept, MySqlStore, OldPosts, PostCursor, PostsPage};
use action_scheduler::{Error, Shutdown};
use serde::Serialize;

use crate::php::Php;
use crate::pool::{PhpWorkers, WorkerLimit, WorkerSettings};
use crate::site::Site;
use crate::worker::{LoadError, PostsUse};

/// What was imported, or would be, and what stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ImportReport {
    /// How many actions, by status.
    pub moved: BTreeMap<&'static str, u64>,
    /// How many entries their logs have.
    pub log_entries: u64,
    /// The posts that cannot become actions; they stay as they are.
    pub damaged: Vec<DamagedPost>,
    /// The posts that somebody claimed or started within the last five minutes; they stay posts.
    pub in_use: Vec<u64>,
    /// Whether it was told to stop before the end.
    pub interrupted: bool,
}

/// A post that cannot become an action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DamagedPost {
    /// Its id.
    pub post: u64,
    /// What is wrong with it.
    pub reason: String,
}

impl ImportReport {
    /// How many actions there are.
    pub fn total(&self) -> u64 {
        self.moved.values().sum()
    }

    /// Whether nothing stays behind.
    pub fn is_complete(&self) -> bool {
        self.kept() == 0 && !self.interrupted
    }

    /// How many posts stay.
    fn kept(&self) -> u64 {
        (self.damaged.len() + self.in_use.len()) as u64
    }

    fn add(&mut self, page: PostsPage) {
        for moved in page.moved {
            *self.moved.entry(moved.status.as_str()).or_default() += 1;
            self.log_entries += moved.log_entries;
        }
        for kept in page.kept {
            match kept.why {
                Kept::Damaged(reason) => {
                    self.damaged.push(DamagedPost { post: kept.post, reason });
                }
                Kept::InUse => self.in_use.push(kept.post),
            }
        }
    }
}

/// What a site does with its posts when WordPress is loaded there. A site in maintenance mode does nothing.
pub async fn use_of_posts(site: &Site, php: &Php) -> Result<PostsUse, LoadError> {
    let settings = WorkerSettings { workers: 1, ..WorkerSettings::default() };
    let workers = PhpWorkers::new(site.clone(), php.clone(), settings, WorkerLimit::new(1));
    let ready = workers.probe().await;
    workers.close().await;
    match ready {
        Ok(ready) => Ok(ready.posts),
        Err(error) if error.maintenance => Ok(PostsUse::Unused),
        Err(error) => Err(error),
    }
}

/// What an import would do. `tell` hears how many posts have been looked at, of how many.
pub async fn plan(
    posts: &OldPosts,
    page: u32,
    tell: impl Fn(u64, u64),
) -> Result<ImportReport, Error> {
    let total = posts.count().await?;
    let (mut report, mut at, mut done) = (ImportReport::default(), PostCursor::default(), 0);
    loop {
        let mut found = posts.look(&at, page).await?;
        let Some(next) = found.next.take() else { return Ok(report) };
        at = next;
        done += (found.moved.len() + found.kept.len()) as u64;
        report.add(found);
        tell(done, total);
    }
}

/// Moves the posts of a site into its tables, a page in one transaction. What had been moved when it was broken off stays
/// moved; called again it goes on. `tell` hears how many posts have been dealt with, of how many.
pub async fn import(
    posts: &OldPosts,
    store: &MySqlStore,
    page: u32,
    shutdown: &Shutdown,
    tell: impl Fn(u64, u64),
) -> Result<ImportReport, Error> {
    let mut report = ImportReport::default();
    loop {
        let total = report.total() + posts.count().await?;
        if total == 0 {
            return Ok(report);
        }
        let before = report.total();
        report.damaged.clear();
        report.in_use.clear();
        let mut at = PostCursor::default();
        loop {
            if shutdown.is_stopping() {
                report.interrupted = true;
                return Ok(report);
            }
            let mut moved = store.import_posts(&at, page).await?;
            let Some(next) = moved.next.take() else { break };
            at = next;
            report.add(moved);
            tell(report.total() + report.kept(), total);
        }
        // Something may have come meanwhile, in a place that was passed already.
        let left = posts.count().await?;
        if left <= report.kept() || report.total() == before {
            if left <= report.damaged.len() as u64 {
                store.close_posts().await?;
            }
            return Ok(report);
        }
    }
}
