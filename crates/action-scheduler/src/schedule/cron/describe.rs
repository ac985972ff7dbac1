//! A calendar in plain English. It is told from the sets of values, not from the text, so it says what will happen.

use jiff::SignedDuration;

use super::calendar::{Calendar, DayRule, Days, Weekdays, ones};

/// Up to so many times of day are told one by one.
const MOST_CLOCK_TIMES: usize = 4;

const ALL_HOURS: u64 = (1 << 24) - 1;
const ALL_SIXTIETHS: u64 = (1 << 60) - 1;
const ALL_DAYS: u32 = u32::MAX - 1;
const ALL_MONTHS: u64 = (1 << 13) - 2;
const ALL_WEEKDAYS: u32 = (1 << 7) - 1;
const SATURDAY_AND_SUNDAY: u32 = 1 << 6 | 1;

const WEEKDAYS: [&str; 8] =
    ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const ORDINALS: [&str; 5] = ["first", "second", "third", "fourth", "fifth"];

/// `@every`: the units that are not zero.
pub(super) fn interval(interval: SignedDuration) -> String {
    let seconds = interval.as_secs();
    let units = [
        (seconds / 86_400, "day"),
        (seconds / 3600 % 24, "hour"),
        (seconds / 60 % 60, "minute"),
        (seconds % 60, "second"),
    ];
    let units: Vec<_> = units.into_iter().filter(|(count, _)| *count > 0).collect();
    if let [(1, unit)] = units.as_slice() {
        return format!("Every {unit}");
    }
    let words: Vec<_> = units
        .into_iter()
        .map(|(count, unit)| format!("{count} {unit}{}", if count == 1 { "" } else { "s" }))
        .collect();
    format!("Every {}", words.join(" "))
}

/// Time, days, months and years, with commas between.
pub(super) fn calendar(calendar: &Calendar) -> String {
    let (time, is_clock_time) = match clock_times(calendar) {
        Some(times) => (format!("at {times}"), true),
        None => (time_of_day(calendar), false),
    };
    let mut parts = vec![time];
    match day(calendar) {
        Some(day) => parts.push(day),
        None if is_clock_time => parts.push("every day".to_owned()),
        None => {}
    }
    if calendar.months != ALL_MONTHS {
        let names = ones(calendar.months).filter_map(|month| {
            let name = MONTHS.get((month as usize).checked_sub(1)?)?;
            Some((month, (*name).to_owned()))
        });
        parts.push(format!("in {}", list(names)));
    }
    if let Some(years) = &calendar.years {
        let years = years.iter().map(|&year| (u32::from(year.unsigned_abs()), year.to_string()));
        parts.push(format!("in {}", list(years)));
    }
    capitalised(&parts.join(", "))
}

/// `09:00 and 17:30`, if they are few.
fn clock_times(calendar: &Calendar) -> Option<String> {
    let Calendar { hours, minutes, seconds, .. } = *calendar;
    let count = [hours, minutes, seconds].map(u64::count_ones).iter().product::<u32>();
    if count as usize > MOST_CLOCK_TIMES {
        return None;
    }
    let mut times = Vec::new();
    for hour in ones(hours) {
        for minute in ones(minutes) {
            for second in ones(seconds) {
                times.push(if seconds == 1 {
                    format!("{hour:02}:{minute:02}")
                } else {
                    format!("{hour:02}:{minute:02}:{second:02}")
                });
            }
        }
    }
    Some(joined(times))
}

/// Some values of a unit of time.
enum Beat {
    All,
    /// From 0 in steps that come out even.
    Each(u32),
    Some(String),
}

impl Beat {
    fn of(set: u64, size: u32) -> Beat {
        let all = ones(set).eq(0..size);
        let step = ones(set).nth(1).unwrap_or(size);
        if all {
            return Beat::All;
        }
        if step < size
            && size.is_multiple_of(step)
            && ones(set).eq((0..size).step_by(step as usize))
        {
            return Beat::Each(step);
        }
        let plural = if set.is_power_of_two() { "" } else { "s" };
        Beat::Some(format!("{plural} {}", list(ones(set).map(|value| (value, value.to_string())))))
    }

    /// `every minute`, `every 5 minutes`, `at minute 5`.
    fn leading(&self, unit: &str) -> String {
        match self {
            Beat::All => format!("every {unit}"),
            Beat::Each(step) => format!("every {step} {unit}s"),
            Beat::Some(values) => format!("at {unit}{values}"),
        }
    }

    /// `of every minute`, `of every 5th minute`, `of minute 5`.
    fn following(&self, unit: &str) -> String {
        match self {
            Beat::All => format!(" of every {unit}"),
            Beat::Each(step) => format!(" of every {} {unit}", ordinal(*step)),
            Beat::Some(values) => format!(" of {unit}{values}"),
        }
    }
}

fn time_of_day(calendar: &Calendar) -> String {
    let second = Beat::of(calendar.seconds, 60);
    let minute = Beat::of(calendar.minutes, 60);
    let hour = Beat::of(calendar.hours, 24);
    // On the hour, the hours themselves are what is counted.
    if calendar.seconds == 1 && calendar.minutes == 1 && !matches!(hour, Beat::Some(_)) {
        return hour.leading("hour");
    }
    let mut text = if calendar.seconds == 1 {
        minute.leading("minute")
    } else if calendar.minutes == ALL_SIXTIETHS && !matches!(second, Beat::Some(_)) {
        second.leading("second")
    } else {
        second.leading("second") + &minute.following("minute")
    };
    if calendar.hours == ALL_HOURS {
        if text.starts_with("at ") && !text.contains("every minute") {
            text += " of every hour";
        }
    } else if let Some((first, last)) = run(calendar.hours) {
        text += &match calendar.minutes {
            minutes if minutes.is_power_of_two() && calendar.seconds == 1 => {
                let minute = minutes.trailing_zeros();
                return format!("every hour from {first:02}:{minute:02} to {last:02}:{minute:02}");
            }
            _ => format!(" from {first:02}:00 to {last:02}:59"),
        };
    } else {
        text += &hour.following("hour");
    }
    text
}

/// The first and last of values without a gap.
fn run(set: u64) -> Option<(u32, u32)> {
    let (first, last) = (ones(set).next()?, ones(set).last()?);
    ones(set).eq(first..=last).then_some((first, last))
}

/// The days; `None` for all.
fn day(calendar: &Calendar) -> Option<String> {
    let (day, weekday) = (day_of_month(&calendar.days), day_of_week(&calendar.weekdays));
    match (day, weekday) {
        (Some(day), Some(weekday)) => Some(match calendar.day_rule {
            DayRule::Both => format!("{day} if it is {weekday}"),
            DayRule::Either => format!("{day} or {weekday}"),
        }),
        (None, Some(weekday)) if weekday.contains(" to ") => Some(weekday),
        (None, Some(weekday)) => Some(format!("on {weekday}")),
        (day, None) => day,
    }
}

fn day_of_month(days: &Days) -> Option<String> {
    if days.days == ALL_DAYS {
        return None;
    }
    let before_last = |before: u32| match before {
        0 => "the last day".to_owned(),
        1 => "the day before the last".to_owned(),
        more => format!("the {} day before the last", ordinal(more)),
    };
    let mut parts = Vec::new();
    if days.days != 0 {
        let plural = if days.days.is_power_of_two() { "" } else { "s" };
        let numbers = list(ones(days.days).map(|day| (day, day.to_string())));
        parts.push(format!("day{plural} {numbers}"));
    }
    parts.extend(ones(days.before_last).map(before_last));
    parts.extend(ones(days.nearest).map(|day| format!("the weekday nearest to day {day}")));
    parts.extend(ones(days.nearest_before_last).map(|before| match before {
        0 => "the last weekday".to_owned(),
        more => format!("the weekday nearest to {}", before_last(more)),
    }));
    Some(format!("on {} of the month", joined(parts)))
}

fn day_of_week(weekdays: &Weekdays) -> Option<String> {
    if weekdays.days == ALL_WEEKDAYS {
        return None;
    }
    let name = |day: u32| WEEKDAYS.get(day as usize).copied().unwrap_or_default();
    let mut parts = Vec::new();
    if weekdays.days != 0 {
        // Beside a Saturday, Sunday ends the week, so that the two are told as one weekend.
        let has_weekend = weekdays.days & SATURDAY_AND_SUNDAY == SATURDAY_AND_SUNDAY;
        let in_order = if has_weekend { (weekdays.days | 1 << 7) & !1 } else { weekdays.days };
        parts.push(list(ones(in_order).map(|day| (day, name(day).to_owned()))));
    }
    let mut in_month: Vec<_> = Vec::new();
    for (ordinal, nth) in ORDINALS.iter().zip(weekdays.nth) {
        in_month.extend(ones(nth).map(|day| format!("the {ordinal} {}", name(day))));
    }
    in_month.extend(ones(weekdays.last).map(|day| format!("the last {}", name(day))));
    if !in_month.is_empty() {
        parts.push(format!("{} of the month", joined(in_month)));
    }
    Some(joined(parts))
}

/// Values with their words, three and more in a row as `first to last`.
fn list(values: impl Iterator<Item = (u32, String)>) -> String {
    let mut rows: Vec<Vec<(u32, String)>> = Vec::new();
    for (value, word) in values {
        match rows.last_mut() {
            Some(row) if row.last().is_some_and(|(last, _)| last + 1 == value) => {
                row.push((value, word));
            }
            _ => rows.push(vec![(value, word)]),
        }
    }
    let words = rows.into_iter().flat_map(|row| match row.as_slice() {
        [(_, first), _, .., (_, last)] => vec![format!("{first} to {last}")],
        _ => row.into_iter().map(|(_, word)| word).collect(),
    });
    joined(words.collect())
}

/// `a`, `a and b`, `a, b and c`.
fn joined(mut words: Vec<String>) -> String {
    match words.pop() {
        None => String::new(),
        Some(last) if words.is_empty() => last,
        Some(last) => format!("{} and {last}", words.join(", ")),
    }
}

fn ordinal(number: u32) -> String {
    let ending = match (number % 100, number % 10) {
        (11..=13, _) => "th",
        (_, 1) => "st",
        (_, 2) => "nd",
        (_, 3) => "rd",
        _ => "th",
    };
    format!("{number}{ending}")
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(chars).collect()
}
