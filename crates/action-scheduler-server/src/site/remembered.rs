//! What takes long to read, remembered for a while so that few pages wait for it.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use action_scheduler::Result;
use tokio::time::Instant;

use super::digest::{CHEAP, pause};

/// Values by key. One that takes long is read anew in the background, for a few hundredths of the time, when someone asks for
/// it. Clones are one.
pub(crate) struct Remembered<K, V>(Arc<Mutex<HashMap<K, Known<V>>>>);

struct Known<V> {
    value: Arc<V>,
    since: Instant,
    /// How long reading took.
    cost: Duration,
    is_being_read: bool,
}

impl<K, V> Clone for Remembered<K, V> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K, V> Default for Remembered<K, V> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<K, V> Remembered<K, V>
where
    K: Copy + Eq + Hash + Send + 'static,
    V: Send + Sync + 'static,
{
    /// The value: of now where that is quick to read or what is known is older than it may be, else what is known.
    pub(crate) async fn get(
        &self,
        key: K,
        may_be_old: Duration,
        read: impl Future<Output = Result<V>> + Send + 'static,
    ) -> Result<Arc<V>> {
        let known = match self.known().get_mut(&key) {
            Some(known) if known.cost > CHEAP && known.since.elapsed() <= may_be_old => {
                let is_due = known.since.elapsed() >= pause(known.cost);
                let to_be_read = is_due && !std::mem::replace(&mut known.is_being_read, is_due);
                Some((Arc::clone(&known.value), to_be_read))
            }
            _ => None,
        };
        match known {
            None => self.read(key, read).await,
            Some((value, to_be_read)) => {
                if to_be_read {
                    let all = self.clone();
                    tokio::spawn(async move {
                        if let Err(error) = all.read(key, read).await {
                            tracing::warn!(%error, "what is remembered could not be read anew");
                            if let Some(known) = all.known().get_mut(&key) {
                                known.is_being_read = false;
                            }
                        }
                    });
                }
                Ok(value)
            }
        }
    }

    async fn read(&self, key: K, read: impl Future<Output = Result<V>>) -> Result<Arc<V>> {
        let begun = Instant::now();
        let value = Arc::new(read.await?);
        let known = Known {
            value: Arc::clone(&value),
            since: Instant::now(),
            cost: begun.elapsed(),
            is_being_read: false,
        };
        self.known().insert(key, known);
        Ok(value)
    }

    fn known(&self) -> MutexGuard<'_, HashMap<K, Known<V>>> {
        // Nothing panics while it holds the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: Duration = Duration::from_secs(600);

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    async fn taking(time: Duration, value: u32) -> Result<u32> {
        tokio::time::sleep(time).await;
        Ok(value)
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_quick_to_read_is_read_each_time() {
        let all = Remembered::default();
        for value in 1..4 {
            assert_eq!(*all.get('a', OLD, taking(ms(3), value)).await.unwrap(), value);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_takes_long_is_read_anew_in_the_background_and_not_too_often() {
        let all = Remembered::default();
        let get = async |value| {
            let begun = Instant::now();
            let got = *all.get('a', OLD, taking(ms(100), value)).await.unwrap();
            (got, begun.elapsed())
        };
        assert_eq!(get(1).await, (1, ms(100)), "the first one waits");
        tokio::time::sleep(ms(1000)).await;
        assert_eq!(get(2).await, (1, ms(0)), "that was not long ago");
        tokio::time::sleep(ms(1000)).await;
        assert_eq!(get(3).await, (1, ms(0)), "this is read now");
        assert_eq!(get(4).await, (1, ms(0)), "it is being read already");
        tokio::time::sleep(ms(101)).await;
        assert_eq!(get(5).await, (3, ms(0)));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_too_old_is_waited_for_and_others_are_apart() {
        let all = Remembered::default();
        all.get('a', OLD, taking(ms(100), 1)).await.unwrap();
        assert_eq!(*all.get('b', OLD, taking(ms(100), 2)).await.unwrap(), 2);
        tokio::time::sleep(OLD + ms(1)).await;
        assert_eq!(*all.get('a', OLD, taking(ms(100), 3)).await.unwrap(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn what_could_not_be_read_anew_is_tried_again() {
        let all = Remembered::default();
        all.get('a', OLD, taking(ms(100), 1)).await.unwrap();
        tokio::time::sleep(ms(2000)).await;
        let failing = async { Err(action_scheduler::Invalid::new("figure", "", "none").into()) };
        assert_eq!(*all.get('a', OLD, failing).await.unwrap(), 1);
        tokio::time::sleep(ms(1)).await;
        assert_eq!(*all.get('a', OLD, taking(ms(100), 2)).await.unwrap(), 1);
        tokio::time::sleep(ms(101)).await;
        assert_eq!(*all.get('a', OLD, taking(ms(100), 3)).await.unwrap(), 2);
    }
}
