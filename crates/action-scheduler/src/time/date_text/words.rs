//! The words the parser knows.

use jiff::civil::Weekday;

/// What an amount counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    /// So many nanoseconds of exact time.
    Exact(i128),
    /// So many days of the calendar.
    Days(i64),
    /// Days from Monday to Friday.
    Weekdays,
    /// So many months of the calendar.
    Months(i64),
}

impl Unit {
    /// `whole` and `fraction` (billionths) of an exact unit; none if it is not exact or overflows.
    pub fn nanoseconds(self, whole: i64, fraction: i32) -> Option<i128> {
        let Unit::Exact(size) = self else { return None };
        let part = size.checked_mul(fraction.into())? / 1_000_000_000;
        size.checked_mul(whole.into())?.checked_add(part)
    }
}

const KEYWORDS: &[&str] = &[
    "now",
    "today",
    "tomorrow",
    "yesterday",
    "midnight",
    "noon",
    "next",
    "last",
    "previous",
    "this",
    "first",
    "second",
    "third",
    "fourth",
    "fifth",
    "ago",
    "utc",
];

const ORDINALS: [&str; 5] = ["first", "second", "third", "fourth", "fifth"];

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

const WEEKDAYS: [(&str, Weekday); 7] = [
    ("monday", Weekday::Monday),
    ("tuesday", Weekday::Tuesday),
    ("wednesday", Weekday::Wednesday),
    ("thursday", Weekday::Thursday),
    ("friday", Weekday::Friday),
    ("saturday", Weekday::Saturday),
    ("sunday", Weekday::Sunday),
];

/// The first name of each unit may stand in the plural.
const UNITS: &[(&[&str], Unit)] = &[
    (&["microsecond", "usec", "usecs", "us", "µs", "μs"], Unit::Exact(1_000)),
    (&["millisecond", "msec", "msecs", "ms"], Unit::Exact(1_000_000)),
    (&["second", "sec", "secs", "s"], Unit::Exact(1_000_000_000)),
    (&["minute", "min", "mins", "m"], Unit::Exact(60_000_000_000)),
    (&["hour", "hr", "hrs", "h"], Unit::Exact(3_600_000_000_000)),
    (&["day", "d"], Unit::Days(1)),
    (&["week", "wk", "wks", "w"], Unit::Days(7)),
    (&["fortnight"], Unit::Days(14)),
    (&["month"], Unit::Months(1)),
    (&["year", "yr", "yrs", "y"], Unit::Months(12)),
    (&["weekday"], Unit::Weekdays),
];

pub(super) fn month(word: &str) -> Option<i8> {
    let matches = |name: &&str| *name == word || name.get(..3) == Some(word);
    let index = if word == "sept" { Some(8) } else { MONTHS.iter().position(matches) };
    index.and_then(|index| i8::try_from(index + 1).ok())
}

pub(super) fn weekday(word: &str) -> Option<Weekday> {
    let word = match word {
        "tues" => "tuesday",
        "thur" | "thurs" => "thursday",
        word => word,
    };
    let found = WEEKDAYS.iter().find(|(name, _)| *name == word || name.get(..3) == Some(word));
    found.map(|(_, weekday)| *weekday)
}

pub(super) fn ordinal(word: &str) -> Option<i8> {
    let index = ORDINALS.iter().position(|name| *name == word)?;
    i8::try_from(index + 1).ok()
}

pub(super) fn unit(word: &str) -> Option<Unit> {
    let found = UNITS.iter().find(|(names, _)| {
        names.contains(&word) || word.strip_suffix('s').is_some_and(|one| names[0] == one)
    });
    found.map(|(_, unit)| *unit)
}

/// -1, 0 or 1 for `last`, `this` and `next`.
pub(super) fn step(word: &str) -> Option<i64> {
    match word {
        "next" => Some(1),
        "this" => Some(0),
        "last" | "previous" => Some(-1),
        _ => None,
    }
}

/// The known word that a misspelt one most resembles, if any is near.
pub(super) fn nearest(word: &str) -> Option<&'static str> {
    let allowed = match word.chars().count() {
        0..=2 => return None,
        3..=4 => 1,
        _ => 2,
    };
    let known = KEYWORDS.iter().chain(&MONTHS).copied();
    let known = known.chain(WEEKDAYS.iter().map(|(name, _)| *name));
    let known = known.chain(UNITS.iter().map(|(names, _)| names[0]));
    let distances = known.map(|name| (strsim::damerau_levenshtein(word, name), name));
    let (distance, name) = distances.min()?;
    (1..=allowed).contains(&distance).then_some(name)
}
