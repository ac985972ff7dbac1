//! How many PHP processes there may be over all sites.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Pool;

/// How long to wait before idle workers of other sites are looked for again.
const LOOKING: Duration = Duration::from_millis(50);

/// How many workers there may be at once, over all sites. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct WorkerLimit(Arc<Inner>);

struct Inner {
    permits: Arc<Semaphore>,
    waiting: AtomicUsize,
    pools: Mutex<Vec<Weak<Pool>>>,
}

impl WorkerLimit {
    /// At most so many.
    pub fn new(workers: usize) -> Self {
        let permits = Arc::new(Semaphore::new(workers.clamp(1, Semaphore::MAX_PERMITS)));
        Self(Arc::new(Inner { permits, waiting: AtomicUsize::new(0), pools: Mutex::default() }))
    }

    pub(super) fn join(&self, pool: &Arc<Pool>) {
        let mut pools = self.0.pools.lock().unwrap_or_else(PoisonError::into_inner);
        pools.retain(|pool| pool.strong_count() > 0);
        pools.push(Arc::downgrade(pool));
    }

    /// Whether some site waits for a worker: whoever has had one for a while lets go of it.
    pub(super) fn is_wanted(&self) -> bool {
        self.0.waiting.load(Ordering::Relaxed) > 0
    }

    /// Leave for one more worker, as soon as there is room; those who wait get it in their order. Workers that are idle,
    /// wherever they are, make room.
    pub(super) async fn acquire(&self) -> OwnedSemaphorePermit {
        if let Ok(permit) = Arc::clone(&self.0.permits).try_acquire_owned() {
            return permit;
        }
        let _waiting = Waiting::new(&self.0.waiting);
        let mut acquiring = std::pin::pin!(Arc::clone(&self.0.permits).acquire_owned());
        loop {
            self.end_an_idle_one();
            tokio::select! {
                biased;
                // It is never closed.
                permit = &mut acquiring => match permit {
                    Ok(permit) => return permit,
                    Err(_) => std::future::pending().await,
                },
                () = tokio::time::sleep(LOOKING) => {}
            }
        }
    }

    fn end_an_idle_one(&self) {
        let pools: Vec<Arc<Pool>> = {
            let pools = self.0.pools.lock().unwrap_or_else(PoisonError::into_inner);
            pools.iter().filter_map(Weak::upgrade).collect()
        };
        let longest: Option<(Instant, &Arc<Pool>)> = pools
            .iter()
            .filter_map(|pool| Some((pool.idle_since()?, pool)))
            .min_by_key(|(since, _)| *since);
        if let Some((_, pool)) = longest {
            pool.end_longest_idle();
        }
    }
}

struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
