//! The part of a form that says when something runs: soon, at a date, after intervals, by cron.

use action_scheduler::schedule::Recurring;
use action_scheduler::{Schedule, Scheduler};
use jiff::Timestamp;
use maud::{Markup, html};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::components::dates;
use super::components::form::Field;
use super::schedules::in_words;
use super::visit::Visit;
use crate::api::SentSchedule;
use crate::http::Problem;

/// What the fields say, as it was typed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub(super) struct When {
    pub(super) kind: String,
    pub(super) at: String,
    pub(super) every: String,
    pub(super) first: String,
    pub(super) fixed_rate: String,
    pub(super) cron: String,
    pub(super) time_zone: String,
    pub(super) missed: String,
}

/// The kinds of schedules, as the form names them.
const KINDS: [(&str, &str); 4] = [
    ("async", "As soon as possible"),
    ("at", "Once, at a date"),
    ("every", "Again and again, after an interval"),
    ("cron", "Again and again, by cron"),
];

impl When {
    /// The schedule that is meant. Dates without a zone are read in that of the form, else in the viewer's.
    pub(super) fn read(&self, visit: &Visit, scheduler: &Scheduler) -> Result<Schedule, Problem> {
        let zone = match self.time_zone.trim() {
            "" => visit.dates.zone.iana_name().unwrap_or("UTC"),
            zone => zone,
        };
        let mut sent = Map::new();
        let mut send = |key: &str, text: &str| {
            let text = text.trim();
            if !text.is_empty() {
                sent.insert(key.to_owned(), Value::from(text));
            }
        };
        match self.kind.as_str() {
            "at" => {
                send("at", &self.at);
                send("time_zone", zone);
                required(&self.at, "at", "a date, such as tomorrow 09:30")?;
            }
            "every" => {
                send("every", &self.every);
                send("first", &self.first);
                send("time_zone", zone);
                required(&self.every, "every", "a length of time, such as 15 minutes")?;
                if !self.fixed_rate.is_empty() {
                    send("missed", &self.missed);
                    sent.insert("fixed_rate".to_owned(), Value::from(true));
                }
            }
            "cron" => {
                send("cron", &self.cron);
                send("first", &self.first);
                send("missed", &self.missed);
                required(&self.cron, "cron", "an expression, such as 30 9 * * MON-FRI")?;
                let names_its_zone =
                    ["CRON_TZ=", "TZ="].iter().any(|name| self.cron.trim().starts_with(name));
                if !names_its_zone || !self.time_zone.trim().is_empty() {
                    send("time_zone", zone);
                }
            }
            "" | "async" => {}
            other => {
                let expected = "expected async, at, every or cron";
                return Err(Problem::invalid("kind", format!("kind {other:?}: {expected}")));
            }
        }
        let sent: SentSchedule = serde_json::from_value(Value::Object(sent))
            .map_err(|error| Problem::invalid("kind", error.to_string()))?;
        sent.read(scheduler)
    }

    /// The fields, with what is wrong with one of them. `kinds` are those on offer.
    pub(super) fn fields(&self, kinds: &[&str], wrong: Option<&Problem>) -> Markup {
        let chosen = match self.kind.as_str() {
            "" => kinds.first().copied().unwrap_or("async"),
            kind => kind,
        };
        let field = |name: &'static str, label: &'static str| {
            Field::new(name, label).problem(problem_of(wrong, name))
        };
        let input = |name: &str, value: &str, example: &str| {
            html! {
                input id=(name) name=(name) value=(value) placeholder=(example) autocomplete="off" spellcheck="false"
                    aria-describedby=(described(name, wrong)) aria-invalid=[is_wrong(wrong, name)];
            }
        };
        html! {
            div .when {
                fieldset .field {
                    legend { "When" }
                    div .choices {
                        @for (kind, label) in KINDS.iter().filter(|(kind, _)| kinds.contains(kind)) {
                            label .choice {
                                input type="radio" name="kind" value=(kind) id={ "kind-" (kind) } checked[*kind == chosen];
                                (label)
                            }
                        }
                    }
                    @if let Some(problem) = problem_of(wrong, "kind") { p .problem { (problem) } }
                }
                @if kinds.contains(&"at") {
                    div .for-at {
                        (field("at", "Date").hint(html! {
                            "Such as " code { "tomorrow 09:30" } ", " code { "+2 hours" } ", " code { "next monday 18:00" } " or "
                            code { "2026-12-24 18:00" } "."
                        }).input(input("at", &self.at, "tomorrow 09:30")))
                    }
                }
                @if kinds.contains(&"every") {
                    div .for-every .stack-small {
                        (field("every", "Interval").hint(html! {
                            "Such as " code { "15 minutes" } " or " code { "1h30m" } "; a second at least."
                        }).input(input("every", &self.every, "15 minutes")))
                        label .choice {
                            input #fixed_rate type="checkbox" name="fixed_rate" value="true" checked[!self.fixed_rate.is_empty()];
                            "Count from the scheduled date, not from the end of each run"
                        }
                    }
                }
                @if kinds.contains(&"cron") {
                    div .for-cron {
                        (field("cron", "Cron expression").hint(html! {
                            "Minute, hour, day of month, month, day of week; or " code { "@daily" } ", " code { "@every 90s" } "."
                        }).input(input("cron", &self.cron, "30 9 * * MON-FRI")))
                    }
                }
                div .for-recurring .pair {
                    (field("first", "Not before").hint(html! { "A date; empty is from now on." })
                        .input(input("first", &self.first, "")))
                    (field("missed", "Missed dates").hint(html! {
                        code { "skip" } ", " code { "catch_up" } " or " code { "catch_up:N" } ". Empty is skip."
                    }).input(input("missed", &self.missed, "skip")))
                }
                div .for-dates {
                    (field("time_zone", "Time zone").hint(html! { "Empty is the one that you see dates in." }).input(html! {
                        input #time_zone name="time_zone" value=(self.time_zone) list="zones" autocomplete="off" spellcheck="false"
                            aria-describedby=(described("time_zone", wrong)) aria-invalid=[is_wrong(wrong, "time_zone")];
                        datalist #zones { @for name in jiff::tz::db().available() { option value=(name.as_str()) {} } }
                    }))
                }
            }
        }
    }

    /// The fields as a chain's schedule would fill them in.
    pub(super) fn of(recurring: &Recurring) -> Self {
        use action_scheduler::schedule::{Cadence, Missed, Recurrence};
        let missed = match recurring.recurrence.missed() {
            Some(Missed::CatchUp { cap }) => format!("catch_up:{cap}"),
            Some(Missed::Skip) | None => String::new(),
        };
        match &recurring.recurrence {
            Recurrence::Cron { cron, .. } => Self {
                kind: "cron".to_owned(),
                cron: cron.text().to_owned(),
                time_zone: cron.zone_name().to_owned(),
                missed,
                ..Self::default()
            },
            Recurrence::Interval(interval) => Self {
                kind: "every".to_owned(),
                every: action_scheduler::time::words::short(interval.every),
                fixed_rate: match interval.cadence {
                    Cadence::FixedRate(_) => "true".to_owned(),
                    Cadence::AfterRun => String::new(),
                },
                missed,
                ..Self::default()
            },
        }
    }
}

fn required(text: &str, field: &'static str, what: &str) -> Result<(), Problem> {
    match text.trim() {
        "" => Err(Problem::invalid(field, format!("expected {what}"))),
        _ => Ok(()),
    }
}

/// What is wrong with a field.
pub(super) fn problem_of(wrong: Option<&Problem>, field: &str) -> Option<Markup> {
    wrong
        .filter(|problem| problem.field() == Some(field))
        .map(|problem| html! { (problem.detail()) })
}

fn is_wrong(wrong: Option<&Problem>, field: &str) -> Option<&'static str> {
    wrong.is_some_and(|problem| problem.field() == Some(field)).then_some("true")
}

fn described(field: &str, wrong: Option<&Problem>) -> String {
    match is_wrong(wrong, field) {
        Some(_) => format!("{field}-problem {field}-hint"),
        None => format!("{field}-hint"),
    }
}

/// How many dates are shown before anything is stored.
const SHOWN: usize = 5;

/// What a schedule means, and when it would run.
pub(super) fn preview(visit: &Visit, schedule: &Schedule) -> Markup {
    let now = visit.dates.now;
    let shown: Vec<Timestamp> = match schedule {
        Schedule::Async => Vec::new(),
        Schedule::Single(at) => vec![*at],
        Schedule::Recurring(recurring) => {
            let next = |date: &Timestamp| recurring.next(*date, *date);
            std::iter::successors(Some(recurring.first), next).take(SHOWN).collect()
        }
    };
    let words = match schedule {
        Schedule::Async => "As soon as a runner has room".to_owned(),
        Schedule::Single(at) if *at <= now => {
            "Once. That date has passed: it runs at once".to_owned()
        }
        Schedule::Single(_) => "Once".to_owned(),
        Schedule::Recurring(recurring) => in_words(recurring),
    };
    html! {
        p { strong { (words) } }
        @if !shown.is_empty() {
            ol .dates { @for at in shown { li { (dates::date(&visit.dates, at)) } } }
        }
    }
}

/// The same for fields that may be wrong.
pub(super) fn preview_of(visit: &Visit, read: &Result<Schedule, Problem>) -> Markup {
    match read {
        Ok(schedule) => preview(visit, schedule),
        Err(problem) => html! { p .problem { (problem.detail()) } },
    }
}
