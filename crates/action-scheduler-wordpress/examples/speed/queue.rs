//! A site on a server of its own, and its queue.

use std::time::{SystemTime, UNIX_EPOCH};

use action_scheduler::action::NewAction;
use action_scheduler::{Args, Query, Schedule, Scheduler, Status};
use mysql_async::prelude::Queryable;
use testkit::servers::{MariaDb, WordPress};

use crate::PLUGIN;

/// How many actions are stored at once.
const BULK: u64 = 1000;

/// A site whose callbacks do nothing.
pub struct Queue {
    pub site: WordPress,
    pub scheduler: Scheduler,
    _server: MariaDb,
}

impl Queue {
    pub async fn new() -> Self {
        let server = MariaDb::start().await;
        let site = WordPress::install_in(&server).await;
        site.add_plugin("measured", PLUGIN);
        let scheduler = Scheduler::open(&site.url()).await.unwrap();
        Self { site, scheduler, _server: server }
    }

    /// Stores so many actions, due now.
    pub async fn fill(&self, count: u64) {
        fill(&self.scheduler, count).await;
    }

    pub async fn count(&self, status: Status) -> u64 {
        self.scheduler.count(Query::new().status(status)).await.unwrap()
    }

    /// Makes the queue as empty as it was; ids go on, as the stores that are open count on that.
    pub async fn empty(&self) {
        let mut connection = self.site.connect().await;
        for table in ["actions", "logs", "claims"] {
            let delete = format!("DELETE FROM wp_actionscheduler_{table}");
            connection.query_drop(delete).await.unwrap();
        }
    }
}

/// Stores so many actions whose callbacks do nothing, due now.
pub async fn fill(scheduler: &Scheduler, count: u64) {
    let mut next = 0;
    while next < count {
        let until = (next + BULK).min(count);
        let actions = (next..until).map(|number| {
            NewAction::new("bench_nothing".parse().unwrap(), Schedule::Async)
                .args(Args::new([number]).unwrap())
        });
        scheduler.insert(actions.collect()).await.unwrap();
        next = until;
    }
}

/// As PHP's `microtime`.
pub fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64()
}
