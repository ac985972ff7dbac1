//! Objects to schedules.

use std::time::Duration;

use jiff::Timestamp;

use super::{CANCELED, CRON, EXPRESSION, INTERVAL, NULL, SIMPLE, StoredSchedule};
use crate::schedule::cron::{Cron, Dialect};
use crate::schedule::{Cadence, Interval};
use crate::store::mysql::php::serialize::serialize;
use crate::store::mysql::php::value::{Key, Object, Value};

/// What an object says, which is the outermost value.
pub(super) fn meaning<'v>(
    root: &'v Value<'v>,
    object: &'v Object<'v>,
) -> Result<StoredSchedule, String> {
    Properties { root, object }.meaning()
}

/// The properties of an object within the outermost value, which references count from.
#[derive(Clone, Copy)]
struct Properties<'v> {
    root: &'v Value<'v>,
    object: &'v Object<'v>,
}

impl<'v> Properties<'v> {
    fn meaning(self) -> Result<StoredSchedule, String> {
        let class = String::from_utf8_lossy(&self.object.class);
        match class.as_ref() {
            NULL => Ok(StoredSchedule::Null),
            SIMPLE => self.date("timestamp").map(|at| StoredSchedule::Simple { at }),
            INTERVAL => self.interval(),
            CRON => self.cron(),
            CANCELED => self.optional_date("timestamp").map(|at| StoredSchedule::Canceled { at }),
            _ => {
                let known = [NULL, SIMPLE, INTERVAL, CRON, CANCELED].join(", ");
                return Err(format!("class {class:?} is not known; expected one of {known}"));
            }
        }
        .map_err(|problem| format!("{class}: {problem}"))
    }

    fn interval(self) -> Result<StoredSchedule, String> {
        let at = self.date("start_timestamp")?;
        let (name, value) = self
            .first_of(["recurrence", "interval_in_seconds"])?
            .ok_or("has neither recurrence nor interval_in_seconds")?;
        let every =
            whole_seconds(value).and_then(|seconds| u64::try_from(seconds).ok()).ok_or_else(
                || format!("{name}: expected a number of seconds, found {}", shown(value)),
            )?;
        let interval = Interval::new(Duration::from_secs(every), Cadence::AfterRun)
            .map_err(|error| format!("{name}: {error}"))?;
        Ok(StoredSchedule::Interval { at, first: self.first_date(at)?, interval })
    }

    fn cron(self) -> Result<StoredSchedule, String> {
        let at = self.date("start_timestamp")?;
        let (name, value) =
            self.first_of(["recurrence", "cron"])?.ok_or("has neither recurrence nor cron")?;
        let text = self.expression(value).map_err(|problem| format!("{name}: {problem}"))?;
        let cron = Cron::parse(&text, Dialect::ActionScheduler, None)
            .map_err(|error| format!("{name}: {error}"))?;
        Ok(StoredSchedule::Cron { at, first: self.first_date(at)?, cron })
    }

    /// The fields of a `CronExpression` object, as one text.
    fn expression(self, value: &'v Value<'v>) -> Result<String, String> {
        let Value::Object(object) = value else {
            return Err(format!("expected an object {EXPRESSION}, found {}", shown(value)));
        };
        if *object.class != *EXPRESSION.as_bytes() {
            let class = String::from_utf8_lossy(&object.class);
            return Err(format!("expected an object {EXPRESSION}, found one of class {class:?}"));
        }
        let wrong = |value: &Value<'_>| {
            format!("cronParts: expected a list of 5 or 6 fields, found {}", shown(value))
        };
        let parts = Self { object, ..self }.get("cronParts")?.ok_or("has no cronParts")?;
        let Value::Array(entries) = parts else { return Err(wrong(parts)) };
        if !matches!(entries.len(), 5 | 6) {
            return Err(wrong(parts));
        }
        let mut text = String::new();
        for (place, (key, part)) in (0..).zip(entries) {
            let field = match part {
                Value::String(bytes) if *key == Key::Int(place) => str::from_utf8(bytes).ok(),
                _ => None,
            };
            let field = field
                .filter(|field| !field.is_empty() && !field.contains([' ', '=', '@']))
                .ok_or_else(|| format!("cronParts: {} is no field", shown(part)))?;
            if place > 0 {
                text.push(' ');
            }
            text.push_str(field);
        }
        Ok(text)
    }

    fn date(self, older_name: &str) -> Result<Timestamp, String> {
        self.optional_date(older_name)?
            .ok_or_else(|| format!("has neither scheduled_timestamp nor {older_name}"))
    }

    fn optional_date(self, older_name: &str) -> Result<Option<Timestamp>, String> {
        self.first_of(["scheduled_timestamp", older_name])?.map(timestamp).transpose()
    }

    /// The date of the first instance; the plugin takes none and zero for the date of this one.
    fn first_date(self, at: Timestamp) -> Result<Timestamp, String> {
        match self.first_of(["first_timestamp"])? {
            None => Ok(at),
            Some(first) => Ok(Some(timestamp(first)?)
                .filter(|first| *first > Timestamp::UNIX_EPOCH)
                .unwrap_or(at)),
        }
    }

    /// The first of these properties that is there and not null.
    fn first_of<'n, const N: usize>(
        self,
        names: [&'n str; N],
    ) -> Result<Option<(&'n str, &'v Value<'v>)>, String> {
        for name in names {
            if let Some(value) = self.get(name)? {
                return Ok(Some((name, value)));
            }
        }
        Ok(None)
    }

    /// A property by its bare name, with references followed; none if it is null. Of two, the later one counts.
    fn get(self, name: &str) -> Result<Option<&'v Value<'v>>, String> {
        let is_name = |key: &Key<'_>| match key {
            Key::Int(_) => false,
            Key::String(key) => key.rsplit(|byte| *byte == 0).next() == Some(name.as_bytes()),
        };
        let mut values = self.object.properties.iter().rev();
        let found = values.find(|(key, value)| is_name(key) && *value != Value::Null);
        match found.map(|(_, value)| value) {
            Some(Value::SameObject(slot) | Value::Reference(slot)) => match self.root.slot(*slot) {
                Some(Value::SameObject(_)) | None => {
                    Err(format!("{name}: refers to value {slot}, which is a reference itself"))
                }
                found => Ok(found.filter(|value| **value != Value::Null)),
            },
            found => Ok(found),
        }
    }
}

fn timestamp((name, value): (&str, &Value<'_>)) -> Result<Timestamp, String> {
    whole_seconds(value).and_then(|seconds| Timestamp::from_second(seconds).ok()).ok_or_else(|| {
        format!("{name}: expected a date in seconds since 1970, found {}", shown(value))
    })
}

/// A whole number as PHP's arithmetic takes it: callers of the plugin's functions give texts and floats, too.
fn whole_seconds(value: &Value<'_>) -> Option<i64> {
    match value {
        Value::Int(seconds) => Some(*seconds),
        Value::Float(seconds) if seconds.is_finite() => Some(*seconds as i64),
        Value::String(text) => str::from_utf8(text).ok()?.parse().ok(),
        _ => None,
    }
}

/// A value for messages, cut where it is long.
fn shown(value: &Value<'_>) -> String {
    const SHOWN: usize = 60;
    let mut text = serialize(value).escape_ascii().to_string();
    if text.len() > SHOWN {
        text.truncate(SHOWN);
        text.push('…');
    }
    text
}
