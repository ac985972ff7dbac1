//! What a store can hold, where the layout of its tables is not its own.

use jiff::Timestamp;

use super::StoreUnderTest;

/// What a store can hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Scheduled dates, and those of the log.
    pub dates: DatesKept,
    /// Args.
    pub args: ArgsKept,
}

/// Which dates a store keeps of actions and their log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DatesKept {
    /// All, in microseconds.
    Micros,
    /// Those from the year 1000 on, in whole seconds: a scheduled date becomes the first that is not before it.
    Seconds,
}

/// Which args a store keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArgsKept {
    /// All, to the letter.
    ToTheLetter,
    /// Those that PHP's `json_encode` writes in so many bytes, and as it writes them: numbers in its own spelling.
    AsPhp {
        /// The most bytes.
        longest: usize,
    },
}

impl Limits {
    /// Everything that an action can be.
    pub const NONE: Self = Self { dates: DatesKept::Micros, args: ArgsKept::ToTheLetter };
}

impl StoreUnderTest {
    /// The date that the store keeps for this one.
    pub(super) fn kept(&self, date: Timestamp) -> Timestamp {
        let micros = date.as_microsecond();
        match self.limits().dates {
            DatesKept::Micros => Timestamp::from_microsecond(micros).unwrap(),
            DatesKept::Seconds => {
                let missing = i64::from(micros.rem_euclid(1_000_000) != 0);
                Timestamp::from_second(micros.div_euclid(1_000_000) + missing).unwrap()
            }
        }
    }

    /// The earliest date that the store keeps.
    pub(super) fn earliest(&self) -> Timestamp {
        match self.limits().dates {
            DatesKept::Micros => "0001-01-01T00:00:00Z".parse().unwrap(),
            DatesKept::Seconds => "1000-01-01T00:00:00Z".parse().unwrap(),
        }
    }
}
