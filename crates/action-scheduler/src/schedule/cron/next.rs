//! The next run as an instant: where the calendar meets the clock changes of a time zone.

use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp};

use super::calendar::Calendar;

/// No clock stands further from UTC than this, and none is set back by more.
const WIDEST_OFFSET: SignedDuration = SignedDuration::from_hours(3 * 24);

const NANOSECOND: SignedDuration = SignedDuration::from_nanos(1);

/// The first whole second after an instant.
pub(super) fn second_after(after: Timestamp) -> Option<Timestamp> {
    whole_second(after)?.checked_add(SignedDuration::from_secs(1)).ok()
}

/// The second an instant is in; before 1970, too, the one that began before it.
pub(super) fn whole_second(instant: Timestamp) -> Option<Timestamp> {
    let begun_earlier = i64::from(instant.subsec_nanosecond() < 0);
    Timestamp::from_second(instant.as_second().checked_sub(begun_earlier)?).ok()
}

/// The first run at or after the whole second `from`.
///
/// Between two clock changes the offset is fixed and the calendar's answer is the answer. So this goes from change
/// to change, but leaps over those that lie well before the calendar's next time.
pub(super) fn first_run_from(
    calendar: &Calendar,
    zone: &TimeZone,
    from: Timestamp,
) -> Option<Timestamp> {
    let mut at = from;
    loop {
        let offset = zone.to_offset(at);
        let mut clock = offset.to_datetime(at);
        if let Some(change) = last_change(zone, at) {
            if change.at == at && runs_in_gap(calendar, &change) {
                return Some(at);
            }
            if !calendar.is_interval {
                clock = clock.max(change.clock_before);
            }
        }
        let run = calendar.first_from(clock).and_then(|time| offset.to_timestamp(time).ok());
        let next_change = zone.following(at).next().map(|change| change.timestamp());
        at = match (run, next_change) {
            (_, None) => return run,
            (Some(run), Some(change)) if run < change => return Some(run),
            // What is soon set back may run again, whatever comes next.
            (_, Some(change)) if change <= at.saturating_add(WIDEST_OFFSET).ok()? => change,
            (None, Some(_)) => return None,
            (Some(run), Some(change)) => {
                change.max(run.checked_sub(WIDEST_OFFSET).unwrap_or(change))
            }
        };
    }
}

/// A clock change: what the clock showed when it was set, and what it was set to.
struct ClockChange {
    at: Timestamp,
    clock_before: DateTime,
    clock_after: DateTime,
}

/// The last change at or before an instant.
fn last_change(zone: &TimeZone, instant: Timestamp) -> Option<ClockChange> {
    let at = zone.preceding(instant.checked_add(NANOSECOND).ok()?).next()?.timestamp();
    let before: Offset = zone.to_offset(at.checked_sub(NANOSECOND).ok()?);
    Some(ClockChange {
        at,
        clock_before: before.to_datetime(at),
        clock_after: zone.to_offset(at).to_datetime(at),
    })
}

fn runs_in_gap(calendar: &Calendar, change: &ClockChange) -> bool {
    change.clock_before < change.clock_after
        && calendar.first_from(change.clock_before).is_some_and(|run| run < change.clock_after)
}
