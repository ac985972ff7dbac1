//! The database's clock: all machines of one queue go by it.

use std::time::Instant;

use jiff::{SignedDuration, Timestamp};

use super::error::Outcome;
use super::row::Columns;
use super::transaction::Read;
use crate::time::Clock;

/// A clock that is off by more than this is worth a word.
const NOTABLE: SignedDuration = SignedDuration::from_secs(1);

/// Measures by how much the database's clock is ahead of this machine's, and sets the clock by it.
pub(super) async fn set(read: &mut Read<'_>, clock: &Clock) -> Outcome<()> {
    let (before, begun) = (Timestamp::now(), Instant::now());
    let rows = read.rows("SELECT UTC_TIMESTAMP(6)").await?;
    // The answer was given somewhere on the way, half-way as far as is known.
    let half = SignedDuration::try_from(begun.elapsed() / 2).unwrap_or_default();
    let Some(there) = rows.first().and_then(|row| row.date(0)) else { return Ok(()) };
    let here = before.checked_add(half).unwrap_or(before);
    let ahead = there.duration_since(here);
    clock.set_ahead(ahead);
    if ahead.abs() > NOTABLE {
        let seconds = ahead.as_secs_f64();
        tracing::warn!(
            "the database's clock is {:.1} s {} this machine's; it is the database's that counts",
            seconds.abs(),
            if seconds > 0.0 { "ahead of" } else { "behind" }
        );
    }
    Ok(())
}
