//! The time that the overview looks back over, and the slots that its charts divide it into.

use action_scheduler::store::{Figure, FigureCounts, Resolution};
use jiff::{SignedDuration, Timestamp};

/// The time that is looked back over.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(super) enum Period {
    /// Minute by minute.
    #[default]
    Hour,
    /// By quarters of an hour.
    Day,
    /// Hour by hour.
    Week,
}

impl Period {
    pub(super) const ALL: [Period; 3] = [Period::Hour, Period::Day, Period::Week];

    /// As URLs name it.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Period::Hour => "hour",
            Period::Day => "day",
            Period::Week => "week",
        }
    }

    /// The figures that it is made of.
    pub(super) fn resolution(self) -> Resolution {
        match self {
            Period::Hour | Period::Day => Resolution::Minute,
            Period::Week => Resolution::Hour,
        }
    }

    /// The figures of each hook: as coarse as will do, since there are many.
    pub(super) fn resolution_of_hooks(self) -> Resolution {
        match self {
            Period::Hour => Resolution::Minute,
            Period::Day | Period::Week => Resolution::Hour,
        }
    }

    /// How long a slot is.
    pub(super) fn step(self) -> SignedDuration {
        match self {
            Period::Hour => SignedDuration::from_mins(1),
            Period::Day => SignedDuration::from_mins(15),
            Period::Week => SignedDuration::from_hours(2),
        }
    }

    fn count(self) -> usize {
        match self {
            Period::Hour => 60,
            Period::Day => 96,
            Period::Week => 84,
        }
    }

    /// How the time of a slot is written.
    pub(super) fn label(self) -> &'static str {
        match self {
            Period::Hour => "%H:%M",
            Period::Day => "%a %H:%M",
            Period::Week => "%a %e %b %H:%M",
        }
    }

    /// When its slots begin, up to and including the one that `now` lies in.
    pub(super) fn slots(self, now: Timestamp) -> Vec<Timestamp> {
        let step = self.step().as_secs().max(1);
        let last = now.as_second().div_euclid(step) * step;
        let count = i64::try_from(self.count()).unwrap_or_default();
        (1..=count)
            .filter_map(|place| Timestamp::from_second(last - (count - place) * step).ok())
            .collect()
    }
}

/// The slot that a moment lies in.
pub(super) fn slot_of(slots: &[Timestamp], step: SignedDuration, at: Timestamp) -> Option<usize> {
    let first = slots.first()?;
    let place = at.duration_since(*first).as_secs().div_euclid(step.as_secs().max(1));
    usize::try_from(place).ok().filter(|place| *place < slots.len())
}

/// The figures of each slot.
pub(super) fn by_slot(
    period: Period,
    slots: &[Timestamp],
    figures: &[Figure],
) -> Vec<FigureCounts> {
    let mut counts = vec![FigureCounts::default(); slots.len()];
    for figure in figures {
        let place = slot_of(slots, period.step(), figure.at);
        if let Some(slot) = place.and_then(|place| counts.get_mut(place)) {
            slot.add(&figure.counts);
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_end_with_the_one_that_now_lies_in() {
        let now = "2026-01-15T12:07:30Z".parse().unwrap();
        for period in Period::ALL {
            let slots = period.slots(now);
            assert_eq!(slots.len(), period.count());
            assert_eq!(slot_of(&slots, period.step(), now), Some(slots.len() - 1));
            assert_eq!(slot_of(&slots, period.step(), slots[0]), Some(0));
            let before = slots[0] - SignedDuration::from_secs(1);
            assert_eq!(slot_of(&slots, period.step(), before), None);
        }
    }
}
