//! Events of WP-Cron: as soon as they are due, a worker moves them into the queue, where they run as actions of the group
//! `wp-cron`.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use action_scheduler::Shutdown;
use action_scheduler::store::StoreUrl;
use action_scheduler::store::mysql::MySqlUrl;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::pool::PhpWorkers;
use crate::site::Site;
use crate::tables::EventDates;

/// How often the sites of a server are looked at, if there are few; with many, so that no more than [`LOOKS`] are made.
const LOOKING: Duration = Duration::from_secs(1);

/// How many sites are looked at in a second, at most.
const LOOKS: u32 = 100;

/// How many sites are asked about in one statement.
const CHUNK: usize = 50;

/// How long a site is left alone whose due events could not be moved.
const PAUSE: Duration = Duration::from_secs(60);

/// What is done about the events of WP-Cron.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum WpCron {
    /// They are left to the site.
    #[default]
    Left,
    /// They are moved into the queue when they are due.
    Moved,
}

/// A site, and who moves its events.
#[derive(Clone)]
pub struct EventSite {
    url: MySqlUrl,
    workers: PhpWorkers,
}

impl EventSite {
    /// One whose events these workers move; `None` if its tables are no MySQL's.
    pub fn new(site: &Site, workers: &PhpWorkers) -> Option<Self> {
        match &site.store {
            StoreUrl::MySql(url) => Some(Self { url: url.clone(), workers: workers.clone() }),
            _ => None,
        }
    }
}

/// Moves the events of sites into their queues until it is told to stop.
pub async fn move_events(mut sites: watch::Receiver<Vec<EventSite>>, shutdown: Shutdown) {
    let mut servers: Vec<(MySqlUrl, EventDates)> = Vec::new();
    let mut moving = Moving::default();
    loop {
        let now = sites.borrow_and_update().clone();
        for site in &now {
            if !servers.iter().any(|(server, _)| server.is_beside(&site.url)) {
                servers.push((site.url.clone(), EventDates::new(&site.url)));
            }
        }
        for (server, dates) in &mut servers {
            let beside: Vec<&EventSite> =
                now.iter().filter(|site| server.is_beside(&site.url)).collect();
            for chunk in beside.chunks(CHUNK) {
                let urls: Vec<&MySqlUrl> = chunk.iter().map(|site| &site.url).collect();
                match dates.due(&urls).await {
                    Ok(due) => due
                        .into_iter()
                        .filter_map(|place| chunk.get(place))
                        .for_each(|site| moving.begin(site)),
                    Err(error) => {
                        tracing::debug!(%error, "cannot look whether events of WP-Cron are due");
                    }
                }
            }
        }
        let pause = LOOKING.max(LOOKING * u32::try_from(now.len()).unwrap_or(u32::MAX) / LOOKS);
        let next = tokio::time::sleep(pause);
        tokio::pin!(next);
        loop {
            tokio::select! {
                () = &mut next => break,
                Ok(()) = sites.changed() => break,
                Some(()) = moving.ended() => {}
                () = shutdown.stopping() => return,
            }
        }
    }
}

/// The sites whose events are being moved, and those that are left alone for a while.
#[derive(Default)]
struct Moving {
    tasks: JoinSet<(String, String, Result<u64, String>)>,
    under_way: HashSet<String>,
    paused: HashMap<String, Instant>,
    /// What was said of a site last: each problem once.
    told: HashMap<String, String>,
}

impl Moving {
    fn begin(&mut self, EventSite { url, workers }: &EventSite) {
        let key = url.to_string();
        if self.paused.get(&key).is_some_and(|until| Instant::now() < *until)
            || !self.under_way.insert(key.clone())
        {
            return;
        }
        let workers = workers.clone();
        self.tasks.spawn(async move {
            let moved = workers.move_events().await.map_err(|failure| failure.reason);
            (key, workers.site_name().to_owned(), moved)
        });
    }

    /// Completes when a site's events have been moved, or could not be; `None` if none are being moved.
    async fn ended(&mut self) -> Option<()> {
        let (key, site, moved) = match self.tasks.join_next().await? {
            Ok(ended) => ended,
            Err(error) => {
                tracing::error!(%error, "the task that moves events of WP-Cron ended by itself");
                self.under_way.clear();
                return Some(());
            }
        };
        self.under_way.remove(&key);
        match moved {
            Ok(_) => {
                self.paused.remove(&key);
                self.told.remove(&key);
            }
            Err(reason) => {
                self.paused.insert(key.clone(), Instant::now() + PAUSE);
                if self.told.get(&key) != Some(&reason) {
                    tracing::warn!(
                        site,
                        reason,
                        "events of WP-Cron cannot be moved into the queue"
                    );
                    self.told.insert(key, reason);
                }
            }
        }
        Some(())
    }
}
