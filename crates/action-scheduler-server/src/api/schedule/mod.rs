//! Schedules as they are sent, and what one would mean.

mod preview;
mod schema;

use std::time::Duration;

use action_scheduler::schedule::cron::{Cron, Dialect};
use action_scheduler::schedule::{Cadence, Interval, Missed, Recurrence, Recurring};
use action_scheduler::time::{parse_date, parse_duration, time_zone};
use action_scheduler::{Schedule, Scheduler};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Deserializer};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::shapes::ScheduleKind;
use crate::http::Problem;
use crate::site::Site;

pub(super) fn routes() -> OpenApiRouter<Site> {
    OpenApiRouter::new().routes(routes!(preview::preview_schedule))
}

/// A schedule as it is sent: `{}`, `{"at": …}`, `{"every": …}` or `{"cron": …}`, each with what belongs to it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(
    deny_unknown_fields,
    default,
    expecting = "an object, such as {\"at\": \"tomorrow 09:30\"}"
)]
pub(crate) struct SentSchedule {
    #[serde(deserialize_with = "given")]
    kind: Option<ScheduleKind>,
    #[serde(deserialize_with = "given")]
    at: Option<String>,
    #[serde(deserialize_with = "given")]
    every: Option<String>,
    #[serde(deserialize_with = "given")]
    every_seconds: Option<f64>,
    #[serde(deserialize_with = "given")]
    cron: Option<String>,
    #[serde(deserialize_with = "given")]
    time_zone: Option<String>,
    #[serde(deserialize_with = "given")]
    dialect: Option<String>,
    #[serde(deserialize_with = "given")]
    first: Option<String>,
    #[serde(deserialize_with = "given")]
    fixed_rate: Option<bool>,
    #[serde(deserialize_with = "given")]
    missed: Option<String>,
}

/// What is given, and not null: a part of a schedule that is there means something.
fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(reader: D) -> Result<Option<T>, D::Error> {
    T::deserialize(reader).map(Some)
}

impl SentSchedule {
    /// The schedule that is meant; dates count from now, in the zone it names or else that of the scheduler.
    pub(crate) fn read(&self, scheduler: &Scheduler) -> Result<Schedule, Problem> {
        let kind = self.only_one_kind()?;
        self.refuse_what_does_not_belong(kind)?;
        let zone = match &self.time_zone {
            Some(name) => Some(time_zone(name).map_err(at("time_zone"))?),
            None => None,
        };
        let moment =
            Moment { now: scheduler.now(), zone: zone.as_ref().unwrap_or(scheduler.time_zone()) };
        match kind {
            ScheduleKind::Async => Ok(Schedule::Async),
            ScheduleKind::Single => {
                let text = self.at.as_deref().ok_or_else(|| missing("at", "a date"))?;
                Ok(Schedule::Single(moment.date("at", text)?))
            }
            ScheduleKind::Recurring => self.recurring(&moment).map(Schedule::Recurring),
            ScheduleKind::Cron => {
                let otherwise = scheduler.time_zone();
                self.cron(&moment, zone.clone(), otherwise).map(Schedule::Recurring)
            }
        }
    }

    fn only_one_kind(&self) -> Result<ScheduleKind, Problem> {
        let named = [
            ("at", self.at.is_some(), ScheduleKind::Single),
            ("every", self.every.is_some(), ScheduleKind::Recurring),
            ("every_seconds", self.every_seconds.is_some(), ScheduleKind::Recurring),
            ("cron", self.cron.is_some(), ScheduleKind::Cron),
        ];
        let mut given = named.into_iter().filter(|(_, is_given, _)| *is_given);
        let (Some((name, _, kind)), other) = (given.next(), given.next()) else {
            return Ok(self.kind.unwrap_or(ScheduleKind::Async));
        };
        if let Some((other, ..)) = other {
            return Err(Problem::invalid(other, format!("it has {name} too; send one of them")));
        }
        match self.kind {
            Some(said) if said != kind => {
                Err(Problem::invalid("kind", format!("it does not fit to {name}; leave it away")))
            }
            _ => Ok(kind),
        }
    }

    fn refuse_what_does_not_belong(&self, kind: ScheduleKind) -> Result<(), Problem> {
        use ScheduleKind::{Async, Cron, Recurring, Single};
        let belongs: [(&str, bool, &[ScheduleKind]); 5] = [
            ("time_zone", self.time_zone.is_some(), &[Single, Recurring, Cron]),
            ("dialect", self.dialect.is_some(), &[Cron]),
            ("first", self.first.is_some(), &[Recurring, Cron]),
            ("fixed_rate", self.fixed_rate.is_some(), &[Recurring]),
            ("missed", self.missed.is_some(), &[Recurring, Cron]),
        ];
        for (name, is_given, kinds) in belongs {
            if is_given && !kinds.contains(&kind) {
                let what = match kind {
                    Async => "runs as soon as it can",
                    Single => "runs once",
                    Recurring => "runs after a length of time",
                    Cron => "follows a cron expression",
                };
                return Err(Problem::invalid(name, format!("an action that {what} has none")));
            }
        }
        Ok(())
    }

    fn recurring(&self, moment: &Moment<'_>) -> Result<Recurring, Problem> {
        let (name, every) = match (&self.every, self.every_seconds) {
            (Some(text), _) => ("every", parse_duration(text).map_err(at("every"))?),
            (None, Some(seconds)) => {
                let every = Duration::try_from_secs_f64(seconds).map_err(|error| {
                    Problem::invalid("every_seconds", format!("{seconds}: {error}"))
                })?;
                ("every_seconds", every)
            }
            (None, None) => return Err(missing("every", "a length of time")),
        };
        let missed = self.missed()?;
        let cadence = match (self.fixed_rate, missed) {
            (Some(true), missed) => Cadence::FixedRate(missed.unwrap_or_default()),
            (None, Some(missed)) => Cadence::FixedRate(missed),
            (Some(false) | None, None) => Cadence::AfterRun,
            (Some(false), Some(missed)) => {
                Cadence::AfterRun.with_missed(missed).map_err(at("missed"))?
            }
        };
        let interval = Interval::new(every, cadence).map_err(at(name))?;
        let first = match &self.first {
            Some(text) => moment.date("first", text)?,
            None => moment
                .now
                .checked_add(interval.every)
                .map_err(|error| Problem::invalid(name, error.to_string()))?,
        };
        Ok(Recurring { first, recurrence: Recurrence::Interval(interval) })
    }

    fn cron(
        &self,
        moment: &Moment<'_>,
        zone: Option<TimeZone>,
        otherwise: &TimeZone,
    ) -> Result<Recurring, Problem> {
        let text = self.cron.as_deref().ok_or_else(|| missing("cron", "a cron expression"))?;
        let dialect = match &self.dialect {
            Some(name) => name.parse().map_err(at("dialect"))?,
            None => Dialect::Standard,
        };
        let cron = Cron::parse_in(text, dialect, zone, otherwise).map_err(at("cron"))?;
        let from = match &self.first {
            Some(text) => moment.date("first", text)?,
            None => moment.now,
        };
        Recurring::cron(cron, self.missed()?.unwrap_or_default(), from).map_err(at("cron"))
    }

    fn missed(&self) -> Result<Option<Missed>, Problem> {
        self.missed.as_deref().map(str::parse).transpose().map_err(at("missed"))
    }
}

/// A date as it is sent.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, expecting = "an object, such as {\"at\": \"tomorrow 09:30\"}")]
#[schema(as = Date)]
pub(crate) struct SentDate {
    /// A date: `2026-12-24T18:00:00Z`, `2026-12-24 18:00`, `tomorrow 09:30`, `+2 hours`, unix seconds.
    at: String,
    /// The time zone it is read in; that of the server unless set.
    time_zone: Option<String>,
}

impl SentDate {
    /// A date in a zone, as it was sent.
    pub(crate) fn new(at: String, time_zone: Option<String>) -> Self {
        Self { at, time_zone }
    }

    /// The date that is meant, counted from now.
    pub(crate) fn read(&self, scheduler: &Scheduler) -> Result<Timestamp, Problem> {
        let zone = self.time_zone.as_deref().map(time_zone).transpose();
        let zone = zone.map_err(at("time_zone"))?;
        let zone = zone.as_ref().unwrap_or(scheduler.time_zone());
        Moment { now: scheduler.now(), zone }.date("at", &self.at)
    }
}

/// When and where dates are read.
struct Moment<'a> {
    now: Timestamp,
    zone: &'a TimeZone,
}

impl Moment<'_> {
    fn date(&self, field: &'static str, text: &str) -> Result<Timestamp, Problem> {
        parse_date(text, self.now, self.zone).map_err(at(field))
    }
}

fn at<E: std::fmt::Display>(field: &'static str) -> impl Fn(E) -> Problem {
    move |error| Problem::invalid(field, error.to_string())
}

fn missing(field: &'static str, what: &str) -> Problem {
    Problem::invalid(field, format!("expected {what}"))
}
