//! `[[schedule]]`: recurring actions that are to be there.

use action_scheduler::schedule::cron::{Cron, Dialect};
use action_scheduler::schedule::{Cadence, Interval, Missed, Recurrence, Recurring};
use action_scheduler::time::parse_date;
use action_scheduler::{NewAction, Schedule};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::read::{Item, Section};
use crate::input;

/// A recurring action that is to be there.
#[derive(Debug, Clone)]
pub struct Declared {
    /// Its name, by which it is found again.
    pub name: String,
    /// What it is.
    pub action: NewAction,
}

impl Declared {
    /// The key of its chain in the store.
    pub fn key(&self) -> String {
        format!("config:{}", self.name)
    }
}

/// Reads one table. `known` are those before it.
pub fn read(
    mut section: Section<'_, '_>,
    zone: &TimeZone,
    now: Timestamp,
    known: &[Declared],
) -> Option<Declared> {
    let name = required(&mut section, "name").and_then(|item| {
        let name = item.text()?;
        if name.trim().is_empty() {
            item.expected("a name")
        } else if known.iter().any(|other| other.name == name) {
            item.refuse(format_args!("there is already a schedule named {name:?}"))
        } else {
            Some(name.to_owned())
        }
    });
    let hook = required(&mut section, "hook").and_then(|item| item.checked(item.text()?.parse()));
    let args = match section.item("args") {
        Some(item) => item.args(),
        None => Some(action_scheduler::Args::none()),
    };
    let group = section.text("group", str::parse);
    let priority = section.item("priority").and_then(|item| item.number(0..=255));
    let first = section
        .item("first")
        .and_then(|item| item.checked(parse_date(&item.text_or_number()?, now, zone)));
    let recurring = recurrence(&mut section, zone, now, first);
    section.close();

    let schedule = Schedule::Recurring(recurring?);
    let mut action = NewAction::new(hook?, schedule).args(args?).group(group.unwrap_or_default());
    if let Some(priority) = priority.and_then(|priority| u8::try_from(priority).ok()) {
        action.priority = action_scheduler::Priority(priority);
    }
    Some(Declared { name: name?, action })
}

fn required<'r, 't>(section: &mut Section<'r, 't>, key: &'static str) -> Option<Item<'r, 't>> {
    let item = section.item(key);
    if item.is_none() {
        section.refuse(format_args!("the key `{key}` is missing"));
    }
    item
}

/// The rule from `cron` or `every`, and the keys that go with it.
fn recurrence(
    section: &mut Section<'_, '_>,
    zone: &TimeZone,
    now: Timestamp,
    first: Option<Timestamp>,
) -> Option<Recurring> {
    let missed = section.text("missed", str::parse::<Missed>);
    let cron = section.item("cron");
    let own_zone = section.text("time_zone", input::time_zone);
    let dialect = section.text("dialect", str::parse::<Dialect>);
    let every = section.item("every");
    let fixed_rate = section.bool("fixed_rate");
    match (cron, every) {
        (Some(cron), None) => {
            if fixed_rate.is_some() {
                section.refuse("`fixed_rate` goes with `every`, not with `cron`");
            }
            let dialect = dialect.unwrap_or(Dialect::Standard);
            let text = cron.text()?;
            let rule = cron.checked(Cron::parse_in(text, dialect, own_zone, zone))?;
            let missed = missed.unwrap_or_default();
            let recurring = Recurring::cron(rule, missed, first.unwrap_or(now));
            // It was right once: time alone must not keep the daemon from starting.
            recurring.map_err(|over| tracing::warn!("schedule left out: {over}")).ok()
        }
        (None, Some(every)) => {
            for key in ["time_zone", "dialect"] {
                if section.has(key) {
                    section.refuse(format_args!("`{key}` goes with `cron`, not with `every`"));
                }
            }
            let cadence = match fixed_rate {
                Some(true) => Cadence::FixedRate(missed.unwrap_or_default()),
                _ => Cadence::AfterRun,
            };
            let cadence = match missed {
                Some(missed) if missed != Missed::Skip => {
                    every.checked(cadence.with_missed(missed))?
                }
                _ => cadence,
            };
            let interval = every.checked(Interval::new(every.duration()?, cadence))?;
            Some(Recurring {
                first: first.unwrap_or(now + interval.every),
                recurrence: Recurrence::Interval(interval),
            })
        }
        (Some(_), Some(_)) => {
            section.refuse("it has both `cron` and `every`; expected one of them");
            None
        }
        (None, None) => {
            section.refuse("expected either `cron` or `every`");
            None
        }
    }
}
