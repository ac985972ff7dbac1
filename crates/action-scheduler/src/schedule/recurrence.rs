//! The rule by which the date of the next instance follows from the last one.

use std::collections::VecDeque;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::cron::Cron;
use super::{Recurring, short_duration};
use crate::error::Invalid;
use crate::time::whole_micros;

/// How a schedule repeats.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recurrence {
    /// After a fixed length of time.
    Interval(Interval),
    /// At the dates of a cron expression.
    Cron {
        /// The expression, with its dialect and time zone.
        cron: Cron,
        /// What happens to dates that passed while nothing ran.
        missed: Missed,
    },
}

/// A repetition after a fixed length of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interval {
    /// The time between two runs: whole microseconds, at least one second.
    pub every: Duration,
    /// What the time is counted from.
    pub cadence: Cadence,
}

/// What an interval is counted from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Cadence {
    /// From the end of the run, as the original does: dates drift, runs never crowd.
    #[default]
    AfterRun,
    /// From the scheduled date: dates keep to a fixed grid.
    FixedRate(Missed),
}

/// What happens to dates that passed while nothing ran.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Missed {
    /// They are skipped: the next run is at the next date to come.
    #[default]
    Skip,
    /// They are run one after another, the latest `cap` of them at most.
    CatchUp {
        /// How many missed dates are run at most.
        cap: u32,
    },
}

impl fmt::Display for Missed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Missed::Skip => f.write_str("skip"),
            Missed::CatchUp { cap } => write!(f, "catch_up({cap})"),
        }
    }
}

/// `skip`, `catch_up` (the latest 10 at most), or `catch_up:N`, which is also read as it is shown: `catch_up(N)`.
impl FromStr for Missed {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        const DEFAULT_CAP: u32 = 10;
        let refuse = || {
            let expected =
                "expected skip, catch_up (the latest 10 at most) or catch_up:N with N from 1";
            Invalid::new("missed", text, expected)
        };
        if text == "skip" {
            return Ok(Missed::Skip);
        }
        let rest = text.strip_prefix("catch_up").or_else(|| text.strip_prefix("catch-up"));
        let rest = rest.ok_or_else(refuse)?;
        if rest.is_empty() {
            return Ok(Missed::CatchUp { cap: DEFAULT_CAP });
        }
        let in_brackets = || rest.strip_prefix('(')?.strip_suffix(')');
        let cap = rest.strip_prefix(':').or_else(in_brackets).ok_or_else(refuse)?;
        let cap = cap.parse().ok().filter(|cap| *cap >= 1).ok_or_else(refuse)?;
        Ok(Missed::CatchUp { cap })
    }
}

impl fmt::Display for Recurrence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Recurrence::Interval(interval) => write!(f, "every {}", short_duration(interval.every)),
            Recurrence::Cron { cron, .. } if cron.zone_name() == "UTC" => f.write_str(cron.text()),
            Recurrence::Cron { cron, .. } => write!(f, "{} ({})", cron.text(), cron.zone_name()),
        }
    }
}

impl Interval {
    /// An interval of at least one second and at most 100 years.
    pub fn new(every: Duration, cadence: Cadence) -> Result<Self, Invalid> {
        const LONGEST: Duration = Duration::from_secs(100 * 366 * 86_400);
        if every < Duration::from_secs(1) || every > LONGEST {
            let text = format!("{} s", every.as_secs_f64());
            return Err(Invalid::new("interval", text, "expected 1 second to 100 years"));
        }
        Ok(Self { every, cadence })
    }
}

impl Cadence {
    /// The same cadence with another rule for missed dates; there are none when it counts from the end of the run.
    pub fn with_missed(self, missed: Missed) -> Result<Self, Invalid> {
        match self {
            Cadence::FixedRate(_) => Ok(Cadence::FixedRate(missed)),
            Cadence::AfterRun => Err(Invalid::new(
                "missed",
                missed.to_string(),
                "an interval that counts from the end of the run misses no dates; make it fixed-rate",
            )),
        }
    }
}

impl Recurrence {
    /// What happens to missed dates; none where the rule does not look at past dates.
    pub fn missed(&self) -> Option<Missed> {
        match self {
            Recurrence::Interval(Interval { cadence: Cadence::AfterRun, .. }) => None,
            Recurrence::Interval(Interval { cadence: Cadence::FixedRate(missed), .. })
            | Recurrence::Cron { missed, .. } => Some(*missed),
        }
    }
}

impl Recurring {
    /// The dates that follow one date if every instance runs on time; for an interval that counts from the end of the run,
    /// if it also takes no time.
    pub fn dates_after(&self, date: Timestamp) -> impl Iterator<Item = Timestamp> {
        std::iter::successors(self.next(date, date), |date| self.next(*date, *date))
    }

    /// The date of the instance after the one that was due at `scheduled` and came to its end at `now`.
    ///
    /// An instance that was run early, by hand, is followed by one at its own date (reference, section 4). `None` when
    /// the schedule has no further date.
    pub fn next(&self, scheduled: Timestamp, now: Timestamp) -> Option<Timestamp> {
        let next = match &self.recurrence {
            Recurrence::Interval(_) if scheduled > now => Some(scheduled),
            Recurrence::Interval(Interval { every, cadence }) => match cadence {
                Cadence::AfterRun => now.checked_add(*every).ok(),
                Cadence::FixedRate(missed) => {
                    next_on_grid(self.first, scheduled, *every, *missed, now)
                }
            },
            Recurrence::Cron { cron, missed } => match missed {
                Missed::CatchUp { cap } if scheduled <= now => {
                    next_of_missed(cron, scheduled, now, *cap)
                }
                Missed::Skip | Missed::CatchUp { .. } => cron.next_after(now),
            },
        };
        next.map(whole_micros)
    }
}

/// The next date on the grid `first + n * every` after the one at or before `scheduled`: the first after `now`, or up to
/// `cap` before it.
fn next_on_grid(
    first: Timestamp,
    scheduled: Timestamp,
    every: Duration,
    missed: Missed,
    now: Timestamp,
) -> Option<Timestamp> {
    let every = i64::try_from(every.as_micros()).ok()?.max(1);
    // How many steps from the first date to the latest at or before an instant.
    let steps = |at: Timestamp| {
        Some(at.as_microsecond().checked_sub(first.as_microsecond())?.div_euclid(every))
    };
    let (done, passed) = (steps(scheduled)?, steps(now)?);
    let next = match missed {
        Missed::Skip => passed.checked_add(1)?,
        Missed::CatchUp { cap } => {
            passed.saturating_sub(i64::from(cap)).max(done).min(passed).checked_add(1)?
        }
    };
    first.checked_add(SignedDuration::from_micros(every.checked_mul(next)?)).ok()
}

/// The first of the latest `cap` matches in `(scheduled, now]`, else the next match to come.
///
/// Looks back in windows that double, so that a long outage of an expression that matches each second costs about
/// `cap` steps and not one for every second missed.
fn next_of_missed(
    cron: &Cron,
    scheduled: Timestamp,
    now: Timestamp,
    cap: u32,
) -> Option<Timestamp> {
    let cap = cap as usize;
    let mut window = SignedDuration::from_secs(60);
    loop {
        let from = now.checked_sub(window).unwrap_or(scheduled).max(scheduled);
        let mut latest = VecDeque::new();
        let mut matches = 0usize;
        for date in cron.upcoming(from).take_while(|date| *date <= now) {
            matches += 1;
            latest.push_back(date);
            if latest.len() > cap {
                latest.pop_front();
            }
        }
        if from <= scheduled || matches >= cap {
            return latest.pop_front().or_else(|| cron.next_after(now));
        }
        window = window.checked_mul(2).unwrap_or(SignedDuration::MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::super::cron::Dialect;
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn starting(first: &str, recurrence: Recurrence) -> Recurring {
        Recurring { first: at(first), recurrence }
    }

    fn hourly(cadence: Cadence) -> Recurring {
        starting(
            "2026-01-01T00:00:00Z",
            Recurrence::Interval(Interval::new(Duration::from_secs(3600), cadence).unwrap()),
        )
    }

    fn cron(text: &str, missed: Missed) -> Recurring {
        let cron = Cron::parse(text, Dialect::Standard, None).unwrap();
        starting("2025-01-01T00:00:00Z", Recurrence::Cron { cron, missed })
    }

    #[test]
    fn an_interval_counts_from_the_end_of_the_run() {
        let next =
            hourly(Cadence::AfterRun).next(at("2026-01-01T10:00:00Z"), at("2026-01-01T12:20:00Z"));
        assert_eq!(next, Some(at("2026-01-01T13:20:00Z")));
    }

    #[test]
    fn a_run_before_its_date_is_followed_by_one_at_its_date() {
        for cadence in [Cadence::AfterRun, Cadence::FixedRate(Missed::Skip)] {
            let next = hourly(cadence).next(at("2026-01-01T10:00:00Z"), at("2026-01-01T09:00:00Z"));
            assert_eq!(next, Some(at("2026-01-01T10:00:00Z")));
        }
    }

    #[test]
    fn a_fixed_rate_keeps_its_grid_and_skips_what_was_missed() {
        let next = hourly(Cadence::FixedRate(Missed::Skip))
            .next(at("2026-01-01T10:00:00Z"), at("2026-01-01T12:20:00Z"));
        assert_eq!(next, Some(at("2026-01-01T13:00:00Z")));
    }

    #[test]
    fn catching_up_runs_the_latest_missed_dates_up_to_the_cap() {
        let scheduled = at("2026-01-01T10:00:00Z");
        let now = at("2026-01-01T15:20:00Z");
        let next = |cap| hourly(Cadence::FixedRate(Missed::CatchUp { cap })).next(scheduled, now);
        assert_eq!(next(100), Some(at("2026-01-01T11:00:00Z")));
        assert_eq!(next(2), Some(at("2026-01-01T14:00:00Z")));
        assert_eq!(next(0), Some(at("2026-01-01T16:00:00Z")));
        let next = |cap| cron("0 * * * *", Missed::CatchUp { cap }).next(scheduled, now);
        assert_eq!(next(100), Some(at("2026-01-01T11:00:00Z")));
        assert_eq!(next(2), Some(at("2026-01-01T14:00:00Z")));
        assert_eq!(next(0), Some(at("2026-01-01T16:00:00Z")));
    }

    #[test]
    fn a_chain_that_is_resumed_between_its_dates_keeps_to_them_and_catches_nothing_up() {
        let now = at("2026-01-03T12:20:00Z");
        for missed in [Missed::Skip, Missed::CatchUp { cap: 9 }] {
            for chain in [hourly(Cadence::FixedRate(missed)), cron("0 * * * *", missed)] {
                assert_eq!(chain.next(now, now), Some(at("2026-01-03T13:00:00Z")));
            }
        }
    }

    #[test]
    fn catching_up_after_a_year_of_seconds_costs_about_the_cap() {
        let each_second = cron("* * * * * *", Missed::CatchUp { cap: 5 });
        let next = each_second.next(at("2025-01-01T00:00:00Z"), at("2026-01-01T00:00:00Z"));
        assert_eq!(next, Some(at("2025-12-31T23:59:56Z")));
    }

    #[test]
    fn a_fixed_rate_comes_back_to_its_grid_after_a_retry() {
        let next = hourly(Cadence::FixedRate(Missed::Skip))
            .next(at("2026-01-01T10:07:30Z"), at("2026-01-01T10:08:00Z"));
        assert_eq!(next, Some(at("2026-01-01T11:00:00Z")));
    }

    #[test]
    fn cron_skips_to_the_next_match_after_now() {
        let next = cron("0 * * * *", Missed::Skip)
            .next(at("2026-01-01T10:00:00Z"), at("2026-01-01T12:20:00Z"));
        assert_eq!(next, Some(at("2026-01-01T13:00:00Z")));
    }

    #[test]
    fn the_dates_to_come_are_those_of_runs_on_time() {
        let noon = at("2026-01-01T12:00:00Z");
        let hours = [at("2026-01-01T13:00:00Z"), at("2026-01-01T14:00:00Z")];
        let catch_up = Missed::CatchUp { cap: 3 };
        for chain in [
            hourly(Cadence::AfterRun),
            hourly(Cadence::FixedRate(Missed::Skip)),
            cron("0 * * * *", Missed::Skip),
            cron("0 * * * *", catch_up),
        ] {
            assert_eq!(chain.dates_after(noon).take(2).collect::<Vec<_>>(), hours);
        }
    }

    #[test]
    fn what_is_missed_is_read_as_it_is_shown() {
        for missed in [Missed::Skip, Missed::CatchUp { cap: 3 }] {
            assert_eq!(missed.to_string().parse(), Ok(missed));
        }
        assert_eq!("catch_up:3".parse(), Ok(Missed::CatchUp { cap: 3 }));
        assert_eq!("catch_up".parse(), Ok(Missed::CatchUp { cap: 10 }));
        for text in ["", "never", "catch_up:0", "catch_up(3", "catch_up3", "catch_up:x"] {
            assert!(text.parse::<Missed>().is_err(), "{text}");
        }
    }

    #[test]
    fn intervals_under_a_second_are_refused() {
        assert!(Interval::new(Duration::from_millis(999), Cadence::AfterRun).is_err());
    }
}
