//! Figures over time: what happened in each minute and in each hour, by hook and for all hooks together.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::action::Hook;

/// How long the periods are that figures are kept for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Resolution {
    /// Minutes, kept for 26 hours.
    Minute,
    /// Hours, kept for 100 days.
    Hour,
}

impl Resolution {
    /// Both, the finer one first.
    pub const ALL: [Resolution; 2] = [Resolution::Minute, Resolution::Hour];

    /// How long a period is.
    pub fn length(self) -> SignedDuration {
        match self {
            Resolution::Minute => SignedDuration::from_mins(1),
            Resolution::Hour => SignedDuration::from_hours(1),
        }
    }

    /// How long the figures of a period are kept.
    pub fn kept_for(self) -> SignedDuration {
        match self {
            Resolution::Minute => SignedDuration::from_hours(26),
            Resolution::Hour => SignedDuration::from_hours(100 * 24),
        }
    }

    /// When the period began that a moment lies in, in UTC.
    pub fn begin_of(self, at: Timestamp) -> Timestamp {
        let length = self.length().as_nanos().max(1);
        let begin = at.as_nanosecond().div_euclid(length) * length;
        // Only the first minute and hour that there are begin before all time.
        Timestamp::from_nanosecond(begin).unwrap_or(Timestamp::MIN)
    }

    /// The beginning of the first period that is still kept.
    pub fn kept_from(self, now: Timestamp) -> Timestamp {
        self.begin_of(now.checked_sub(self.kept_for()).unwrap_or(Timestamp::MIN))
    }

    pub(in crate::store) fn code(self) -> u8 {
        match self {
            Resolution::Minute => 0,
            Resolution::Hour => 1,
        }
    }
}

/// What happened in one period.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figure {
    /// How long the period is.
    pub resolution: Resolution,
    /// When it began.
    pub at: Timestamp,
    /// To which hook it happened; `None` is to all together.
    pub hook: Option<Hook>,
    /// What.
    pub counts: FigureCounts,
}

/// What can be counted of what happens to actions.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct FigureCounts {
    /// Actions stored; the next instances of chains are not among them.
    pub stored: u64,
    /// Attempts started.
    pub started: u64,
    /// Actions that became complete.
    pub complete: u64,
    /// Attempts that failed, whether or not another one follows.
    pub failed: u64,
    /// Those of them that another one follows.
    pub retried: u64,
    /// Actions that ran longer than their timeout, and are not counted as failed.
    pub timed_out: u64,
    /// Attempts whose runner died.
    pub crashed: u64,
    /// How long attempts ran whose end is counted here.
    pub ran: Histogram,
    /// How long after their date attempts were started.
    pub delay: Histogram,
}

/// How many plain counts stand before the histograms when a figure is stored.
const PLAIN: usize = 7;

impl FigureCounts {
    /// Adds what another one counts.
    pub fn add(&mut self, other: &FigureCounts) {
        let FigureCounts { stored, started, complete, failed, retried, timed_out, crashed, .. } =
            other;
        let pairs = [
            (&mut self.stored, stored),
            (&mut self.started, started),
            (&mut self.complete, complete),
            (&mut self.failed, failed),
            (&mut self.retried, retried),
            (&mut self.timed_out, timed_out),
            (&mut self.crashed, crashed),
        ];
        for (sum, more) in pairs {
            *sum = sum.saturating_add(*more);
        }
        self.ran.add(&other.ran);
        self.delay.add(&other.delay);
    }

    /// The counts as a list of numbers, as stores keep them. Further ones can come at its end.
    pub(in crate::store) fn to_numbers(&self) -> Vec<i64> {
        let Self { stored, started, complete, failed, retried, timed_out, crashed, ran, delay } =
            self;
        let plain = [stored, started, complete, failed, retried, timed_out, crashed];
        let histograms = [ran, delay].into_iter().flat_map(Histogram::to_numbers);
        let numbers = plain.into_iter().copied().chain(histograms);
        numbers.map(|number| i64::try_from(number).unwrap_or(i64::MAX)).collect()
    }

    /// The counts that are kept so; what is missing is nothing.
    pub(in crate::store) fn from_numbers(numbers: &[i64]) -> Self {
        let number = |place: usize| {
            let number = numbers.get(place).copied().unwrap_or_default();
            u64::try_from(number).unwrap_or_default()
        };
        Self {
            stored: number(0),
            started: number(1),
            complete: number(2),
            failed: number(3),
            retried: number(4),
            timed_out: number(5),
            crashed: number(6),
            ran: Histogram::from_numbers(|place| number(PLAIN + place)),
            delay: Histogram::from_numbers(|place| number(PLAIN + Histogram::WIDTH + place)),
        }
    }
}

/// How many bounds the buckets of a [`Histogram`] have.
const BOUNDS: usize = 21;

/// How often durations of some length were seen.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Histogram {
    /// How often there was one that is no longer than the bound of this place, and longer than the one before; the last is
    /// for what is longer than all of [`Histogram::BOUNDS`].
    pub buckets: [u64; BOUNDS + 1],
    /// All of them together.
    pub sum: Duration,
}

impl Histogram {
    /// The longest durations of all buckets but the last.
    pub const BOUNDS: [Duration; BOUNDS] = [
        Duration::from_millis(1),
        Duration::from_millis(2),
        Duration::from_millis(5),
        Duration::from_millis(10),
        Duration::from_millis(20),
        Duration::from_millis(50),
        Duration::from_millis(100),
        Duration::from_millis(200),
        Duration::from_millis(500),
        Duration::from_secs(1),
        Duration::from_secs(2),
        Duration::from_secs(5),
        Duration::from_secs(10),
        Duration::from_secs(30),
        Duration::from_secs(60),
        Duration::from_secs(2 * 60),
        Duration::from_secs(5 * 60),
        Duration::from_secs(15 * 60),
        Duration::from_secs(3600),
        Duration::from_secs(6 * 3600),
        Duration::from_secs(24 * 3600),
    ];

    /// How many numbers it is stored as.
    const WIDTH: usize = BOUNDS + 2;

    /// Counts a duration.
    pub fn count(&mut self, duration: Duration) {
        let place = Self::BOUNDS.partition_point(|bound| *bound < duration);
        if let Some(bucket) = self.buckets.get_mut(place) {
            *bucket = bucket.saturating_add(1);
        }
        self.sum = self.sum.saturating_add(duration);
    }

    /// Adds what another one counts.
    pub fn add(&mut self, other: &Histogram) {
        for (sum, more) in self.buckets.iter_mut().zip(&other.buckets) {
            *sum = sum.saturating_add(*more);
        }
        self.sum = self.sum.saturating_add(other.sum);
    }

    /// How many durations there are.
    pub fn total(&self) -> u64 {
        self.buckets.iter().fold(0, |sum, more| sum.saturating_add(*more))
    }

    /// How long they are on average.
    pub fn mean(&self) -> Option<Duration> {
        let total = self.total();
        (total > 0).then(|| {
            let micros = self.sum.as_micros() / u128::from(total);
            Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
        })
    }

    /// The duration that this part of them does not exceed (0.5 is the median), as near as the buckets tell: a value
    /// between the two bounds, in proportion. Of what is longer than the last bound, that bound.
    pub fn quantile(&self, part: f64) -> Option<Duration> {
        let total = self.total();
        if total == 0 {
            return None;
        }
        let wanted = part.clamp(0.0, 1.0) * total as f64;
        let mut before = 0;
        let mut from = Duration::ZERO;
        for (bucket, bound) in self.buckets.iter().zip(Self::BOUNDS) {
            let up_to = before + bucket;
            if *bucket > 0 && up_to as f64 >= wanted {
                let within = ((wanted - before as f64) / *bucket as f64).clamp(0.0, 1.0);
                return Some(from + (bound - from).mul_f64(within));
            }
            (before, from) = (up_to, bound);
        }
        Some(from)
    }

    fn to_numbers(&self) -> impl Iterator<Item = u64> {
        let micros = u64::try_from(self.sum.as_micros()).unwrap_or(u64::MAX);
        std::iter::once(micros).chain(self.buckets)
    }

    fn from_numbers(number: impl Fn(usize) -> u64) -> Self {
        Self {
            sum: Duration::from_micros(number(0)),
            buckets: std::array::from_fn(|place| number(place + 1)),
        }
    }
}

/// Whose figures are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FiguresOf {
    /// Those of all hooks together: one for each period in which anything happened.
    Together,
    /// Those of one hook.
    Hook(Hook),
    /// Those of each hook by itself.
    EachHook,
}

/// Which figures are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FiguresQuery {
    /// Of periods of this length.
    pub resolution: Resolution,
    /// Of periods that begin at this date or later.
    pub from: Timestamp,
    /// Of periods that begin before this date.
    pub to: Timestamp,
    /// Whose.
    pub of: FiguresOf,
    /// How many at most.
    pub limit: Option<u32>,
}

/// What tells a figure from others; hooks come in the order of their names, after all of them together.
pub(in crate::store) type FigureKey = (Resolution, Option<Hook>, Timestamp);

/// Figures that each stand for themselves, in the one order in which all who store them do.
pub(in crate::store) fn merged(figures: Vec<Figure>) -> BTreeMap<FigureKey, FigureCounts> {
    let mut merged: BTreeMap<FigureKey, FigureCounts> = BTreeMap::new();
    for Figure { resolution, at, hook, counts } in figures {
        merged.entry((resolution, hook, resolution.begin_of(at))).or_default().add(&counts);
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn periods_begin_at_whole_minutes_and_hours() {
        let moment = at("2026-03-04T05:06:07.5Z");
        assert_eq!(Resolution::Minute.begin_of(moment), at("2026-03-04T05:06:00Z"));
        assert_eq!(Resolution::Hour.begin_of(moment), at("2026-03-04T05:00:00Z"));
        let before = at("1969-12-31T23:59:59.5Z");
        assert_eq!(Resolution::Hour.begin_of(before), at("1969-12-31T23:00:00Z"));
        assert_eq!(Resolution::Minute.kept_from(moment), at("2026-03-03T03:06:00Z"));
    }

    #[test]
    fn a_duration_falls_into_the_bucket_of_the_next_bound() {
        let mut histogram = Histogram::default();
        for bound in Histogram::BOUNDS {
            histogram.count(bound);
        }
        assert_eq!(histogram.buckets[..BOUNDS], [1; BOUNDS]);
        histogram.count(Duration::ZERO);
        histogram.count(Duration::from_micros(1001));
        histogram.count(Duration::from_secs(24 * 3600 + 1));
        assert_eq!(
            (histogram.buckets[0], histogram.buckets[1], histogram.buckets[BOUNDS]),
            (2, 2, 1)
        );
        assert_eq!(histogram.total(), BOUNDS as u64 + 3);
    }

    #[test]
    fn quantiles_lie_between_the_bounds() {
        let mut histogram = Histogram::default();
        assert_eq!((histogram.quantile(0.5), histogram.mean()), (None, None));
        for _ in 0..90 {
            histogram.count(Duration::from_millis(15));
        }
        for _ in 0..10 {
            histogram.count(Duration::from_secs(3));
        }
        assert_eq!(histogram.quantile(0.0), Some(Duration::from_millis(10)));
        assert_eq!(histogram.quantile(0.45), Some(Duration::from_millis(15)));
        assert_eq!(histogram.quantile(0.9), Some(Duration::from_millis(20)));
        assert_eq!(histogram.quantile(1.0), Some(Duration::from_secs(5)));
        assert_eq!(histogram.mean(), Some(Duration::from_micros(313_500)));
        let mut long = Histogram::default();
        long.count(Duration::from_secs(1_000_000));
        assert_eq!(long.quantile(0.5), Some(Duration::from_secs(24 * 3600)));
    }

    #[test]
    fn counts_are_read_as_they_were_written() {
        let mut counts = FigureCounts {
            stored: 1,
            started: 2,
            complete: 3,
            failed: 4,
            retried: 5,
            timed_out: 6,
            crashed: 7,
            ..FigureCounts::default()
        };
        counts.ran.count(Duration::from_micros(700));
        counts.delay.count(Duration::from_secs(100_000));
        let numbers = counts.to_numbers();
        assert_eq!(numbers.len(), PLAIN + 2 * Histogram::WIDTH);
        assert_eq!(FigureCounts::from_numbers(&numbers), counts);
        let mut twice = counts.clone();
        twice.add(&counts);
        let doubled: Vec<i64> = numbers.iter().map(|number| number * 2).collect();
        assert_eq!(FigureCounts::from_numbers(&doubled), twice);
        // Of a version that counted less.
        assert_eq!(FigureCounts::from_numbers(&numbers[..3]).complete, 3);
        assert_eq!(FigureCounts::from_numbers(&[]), FigureCounts::default());
    }
}
