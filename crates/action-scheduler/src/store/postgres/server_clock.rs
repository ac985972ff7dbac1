//! The server's clock, as seen from here.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::time::Clock;

/// By how much the clocks may differ before someone is told.
const TOLERANCE: i64 = 1_000_000;

/// Keeps a store's clock to that of the server, so that all machines agree.
pub(super) struct ServerClock {
    clock: Clock,
    /// By how many microseconds it differed when someone was told.
    told: AtomicI64,
}

impl ServerClock {
    pub(super) fn new(clock: Clock) -> Self {
        Self { clock, told: AtomicI64::new(0) }
    }

    /// The server's time as it came in, after a question that took this long. Half of that is taken for the way back.
    pub(super) fn observe(&self, server_micros: i64, round_trip: Duration) {
        let here = Timestamp::now().as_microsecond();
        let on_the_way = i64::try_from(round_trip.as_micros() / 2).unwrap_or_default();
        let ahead = server_micros.saturating_add(on_the_way).saturating_sub(here);
        self.clock.set_ahead(SignedDuration::from_micros(ahead));
        let told = self.told.load(Ordering::Relaxed);
        if ahead.abs() > TOLERANCE && (ahead - told).abs() > TOLERANCE {
            self.told.store(ahead, Ordering::Relaxed);
            let seconds = ahead.unsigned_abs() as f64 / 1e6;
            let way = if ahead > 0 { "behind" } else { "ahead of" };
            tracing::warn!(
                "the clock of this machine is {seconds:.1} s {way} that of the PostgreSQL server, which counts; set it right"
            );
        }
    }
}
