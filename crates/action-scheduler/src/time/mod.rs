//! Clocks, and dates as people write and read them.

pub mod date_text;
pub mod words;
mod zone;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

pub use date_text::{DateTextError, parse_date, parse_duration};
pub use zone::time_zone;

/// Where the engine takes its time from. Stores own one; everything else asks the store for it.
///
/// Instants are cut to whole microseconds, the finest that every native store keeps.
#[derive(Clone)]
pub struct Clock(Source);

#[derive(Clone)]
enum Source {
    System,
    /// By how many microseconds another machine's clock is ahead of this one's.
    Remote(Arc<AtomicI64>),
    Manual(Arc<watch::Sender<Timestamp>>),
}

impl Clock {
    /// The machine's clock.
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// The clock of another machine, such as a database server, as [`Clock::set_ahead`] says it is. Until then it shows
    /// the time of this machine.
    pub fn remote() -> Self {
        Self(Source::Remote(Arc::default()))
    }

    /// Says by how much a [`Clock::remote`] is ahead of this machine's clock. Other clocks stay as they are.
    pub fn set_ahead(&self, ahead: SignedDuration) {
        if let Source::Remote(micros) = &self.0 {
            let by = i64::try_from(ahead.as_micros()).unwrap_or_default();
            micros.store(by, Ordering::Relaxed);
        }
    }

    /// A clock that stands at `start` until it is moved: for tests.
    pub fn manual(start: Timestamp) -> Self {
        Self(Source::Manual(Arc::new(watch::Sender::new(whole_micros(start)))))
    }

    /// The time now.
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Source::System => whole_micros(Timestamp::now()),
            Source::Remote(ahead) => {
                let (now, ahead) = (Timestamp::now(), ahead.load(Ordering::Relaxed));
                whole_micros(now.checked_add(SignedDuration::from_micros(ahead)).unwrap_or(now))
            }
            Source::Manual(time) => *time.borrow(),
        }
    }

    /// Moves a manual clock, forwards or backwards, and wakes who sleeps on it. The machine's clock stays as it is.
    pub fn advance(&self, by: SignedDuration) {
        if let Source::Manual(time) = &self.0 {
            time.send_modify(|now| *now = whole_micros(now.checked_add(by).unwrap_or(*now)));
        }
    }

    /// Sleeps until this clock shows `until` or later.
    ///
    /// On the machine's clock it sleeps for what remained when it was called: a clock that jumps meanwhile must be
    /// noticed by whoever waits, which is why the runner never sleeps longer than its poll interval.
    pub async fn sleep_until(&self, until: Timestamp) {
        match &self.0 {
            Source::System | Source::Remote(_) => {
                let remaining = until.duration_since(self.now());
                tokio::time::sleep(remaining.try_into().unwrap_or_default()).await;
            }
            Source::Manual(time) => {
                let mut time = time.subscribe();
                // The sender lives as long as `self`, so waiting can only end by the time coming.
                let _ = time.wait_for(|now| *now >= until).await;
            }
        }
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Source::System => f.write_str("Clock::system"),
            Source::Remote(ahead) => {
                write!(f, "Clock::remote({} µs ahead)", ahead.load(Ordering::Relaxed))
            }
            Source::Manual(time) => write!(f, "Clock::manual({})", *time.borrow()),
        }
    }
}

/// Cuts an instant to whole microseconds.
pub(crate) fn whole_micros(at: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(at.as_microsecond()).unwrap_or(at)
}
