//! Schedules to objects, laid out as the plugin lays them out.

use std::borrow::Cow;

use jiff::Timestamp;

use super::{CANCELED, CRON, EXPRESSION, INTERVAL, NULL, SIMPLE, StoredSchedule};
use crate::schedule::cron::Cron;
use crate::store::mysql::php::value::{Key, Object, Value};

/// The objects that the plugin keeps for the fields of an expression, in their order.
const FIELDS: [&str; 6] = [
    "CronExpression_MinutesField",
    "CronExpression_HoursField",
    "CronExpression_DayOfMonthField",
    "CronExpression_MonthField",
    "CronExpression_DayOfWeekField",
    "CronExpression_YearField",
];

/// The object for a schedule.
pub(super) fn object_of(schedule: &StoredSchedule) -> Object<'_> {
    match schedule {
        StoredSchedule::Null => object(NULL, vec![]),
        StoredSchedule::Simple { at } => object(
            SIMPLE,
            vec![
                (protected("scheduled_timestamp"), seconds(*at)),
                (private(SIMPLE, "timestamp"), seconds(*at)),
            ],
        ),
        StoredSchedule::Canceled { at } => object(
            CANCELED,
            vec![
                (protected("scheduled_timestamp"), at.map_or(Value::Null, seconds)),
                (private(CANCELED, "timestamp"), Value::Null),
            ],
        ),
        StoredSchedule::Interval { at, first, interval } => {
            // An interval is at most 100 years.
            let every = Value::Int(interval.every.as_secs().cast_signed());
            let again = every.clone();
            recurring_object(INTERVAL, *at, *first, every, ("interval_in_seconds", again))
        }
        StoredSchedule::Cron { at, first, cron } => {
            // The object itself is slot 1, its two dates are 2 and 3: the expression is 4.
            let again = ("cron", Value::SameObject(4));
            recurring_object(CRON, *at, *first, expression(cron), again)
        }
    }
}

/// An object that recurs: with its recurrence, and with it again under its name before version 3.0.
fn recurring_object<'a>(
    class: &'a str,
    at: Timestamp,
    first: Timestamp,
    recurrence: Value<'a>,
    (older_name, again): (&str, Value<'a>),
) -> Object<'a> {
    object(
        class,
        vec![
            (protected("scheduled_timestamp"), seconds(at)),
            (protected("first_timestamp"), seconds(first)),
            (protected("recurrence"), recurrence),
            (private(class, "start_timestamp"), seconds(at)),
            (private(class, older_name), again),
        ],
    )
}

fn expression(cron: &Cron) -> Value<'_> {
    // An interval of cron (`@every 90s`), the one that has no fields, is not of the plugin's dialect.
    let parts: Vec<&str> = cron.fields().unwrap_or_default().split(' ').collect();
    let fields = FIELDS.iter().take(parts.len()).map(|class| Value::Object(object(class, vec![])));
    let fields = list(fields.collect());
    let factory = "CronExpression_FieldFactory";
    let factory = object(factory, vec![(private(factory, "fields"), fields)]);
    let parts = list(parts.into_iter().map(Value::string).collect());
    Value::Object(object(
        EXPRESSION,
        vec![
            (private(EXPRESSION, "cronParts"), parts),
            (private(EXPRESSION, "fieldFactory"), Value::Object(factory)),
        ],
    ))
}

fn object<'a>(class: &'a str, properties: Vec<(Key<'a>, Value<'a>)>) -> Object<'a> {
    Object { class: Cow::Borrowed(class.as_bytes()), properties }
}

fn list(values: Vec<Value<'_>>) -> Value<'_> {
    Value::Array((0..).map(Key::Int).zip(values).collect())
}

fn protected(name: &str) -> Key<'static> {
    Key::string(format!("\0*\0{name}"))
}

fn private(class: &str, name: &str) -> Key<'static> {
    Key::string(format!("\0{class}\0{name}"))
}

fn seconds(at: Timestamp) -> Value<'static> {
    Value::Int(at.as_second())
}
